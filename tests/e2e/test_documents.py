"""What the documents say is what the code has."""

import subprocess
import sys

from stack import ROOT


def test_every_variable_is_documented(stack):
    """docs/configuration.md is what the tables in code say."""
    program = [sys.executable, ROOT / "tools/configuration.py", stack.build, "--check"]
    assert subprocess.run(program, capture_output=True, text=True).stderr == ""


def test_every_member_is_in_the_compatibility_document(stack):
    """docs/compatibility.md is what the table of operations says."""
    program = [sys.executable, ROOT / "tools/compatibility.py", stack.build, "--check"]
    assert subprocess.run(program, capture_output=True, text=True).stderr == ""
