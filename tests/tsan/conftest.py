"""`./openbatch test analysis` starts a copy of its own, built with ThreadSanitizer and without
containers (OPENBATCH_RUNTIME=null), and runs this against it."""

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "e2e"), str(TESTS / "faults")]

from null_trial import NullTrial  # noqa: E402
from stack import Stack  # noqa: E402


@pytest.fixture
def trial(tmp_path):
    """For one test: the copy goes with it, so nothing is tidied up."""
    stack = Stack(os.environ["OPENBATCH_HOME"])
    (stack.home / "word").touch()
    one = NullTrial(stack, tmp_path, max_vcpus=32)
    yield one
    one.events.end()
    one.names.end()
