"""What the documents say is what the code has."""

import subprocess
import sys

from stack import ROOT


def test_every_variable_is_documented(stack):
    """docs/configuration.md is what the tables in code say."""
    program = [sys.executable, ROOT / "tools/configuration.py", stack.build, "--check"]
    assert subprocess.run(program, capture_output=True, text=True).stderr == ""
