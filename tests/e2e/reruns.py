"""A failed test is tried once more (--reruns 1). The reason of the failure is printed at once, or a
rerun would hide it. The second try uses nothing of the first: whatever it shares with other tests
of its file (queues, jobs submitted together) is made again, because that may have failed."""

import sys

import pytest

FAILED = pytest.StashKey()


def pytest_exception_interact(node):
    node.stash[FAILED] = True


def give_up_shared(item):
    if item.stash.get(FAILED, False):
        item.stash[FAILED] = False
        item.session._setupstate.teardown_exact(None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item):
    give_up_shared(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """It failed in its teardown."""
    give_up_shared(item)


def pytest_runtest_logreport(report):
    if report.outcome == "rerun":
        print(f"\n{report.nodeid} is tried once more:\n{report.longreprtext}", file=sys.__stderr__)
