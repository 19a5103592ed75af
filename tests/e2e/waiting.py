"""Waiting for what a test expects. Needs Python only."""

import time


def wait_for(what, condition, timeout=120.0, every=None):
    """The first true value of condition(); fails with 'what' when the deadline has passed. Unless
    'every' says how often, it looks ever less often: a look costs all services time."""
    begun = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        passed = time.monotonic() - begun
        if passed > timeout:
            raise AssertionError(f"after {timeout:.0f} s still not: {what}")
        time.sleep(every or min(max(0.02, passed / 5), 0.25))
