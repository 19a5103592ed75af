"""Fixtures of the suite `compose`. `./openbatch test compose` gives it an engine that has the base
images, or replacements made from packages."""

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from composed import Composed, docker  # noqa: E402
from reruns import pytest_runtest_logreport  # noqa: E402, F401  (a hook)
from work import Work  # noqa: E402

PROJECT = "openbatch-test"


@pytest.fixture(scope="session")
def composed():
    copy = Composed(PROJECT, os.environ["OPENBATCH_PORT"])
    begin = time.monotonic()
    copy.up()
    print(f"{' '.join(copy.command[:-4])}: up after {time.monotonic() - begin:.0f} s")
    yield copy
    copy.compose("down", "-v")


@pytest.fixture(scope="session")
def image():
    """Made by the suite's script from Debian's busybox."""
    assert docker("image", "inspect", "openbatch/busybox")
    return "openbatch/busybox"


@pytest.fixture(scope="session")
def work(composed, image):
    return Work(composed.client("batch"), composed.client("logs"), image)
