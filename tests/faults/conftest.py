"""`./openbatch test faults` starts a copy of its own, with a container engine of its own, and runs
this against it; with OPENBATCH_HOME of such a copy it can be run by hand:
OPENBATCH_HOME=... $OPENBATCH_HOME/venv/bin/python -m pytest tests/faults"""

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

from fixtures import (  # noqa: E402, F401
    add_markers,
    cable,
    crash,
    crash_queue,
    has_own_containers,
    leave_out,
    null_copy,
    null_trial,
    plain_copy,
    plain_trial,
    small_copy,
    small_trial,
    trial,
    wide_trial,
)
from stack import Stack  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long and rarely fails: ./openbatch test long")
    config.addinivalue_line("markers", "crashes: each crash point: ./openbatch test crashes")
    add_markers(config)
    config.addinivalue_line("markers", "upgrades: of the version before: ./openbatch test upgrades")


@pytest.fixture(scope="session")
def stack():
    found = Stack(os.environ["OPENBATCH_HOME"])
    assert has_own_containers(found), "fault tests need a copy with an engine of its own, or none"
    return found


def pytest_collection_modifyitems(items):
    leave_out(items)
