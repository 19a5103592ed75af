"""What made a test be tried once more: said at once, or a rerun would hide it."""

import sys


def pytest_runtest_logreport(report):
    if report.outcome == "rerun":
        print(f"\n{report.nodeid} is tried once more:\n{report.longreprtext}", file=sys.__stderr__)
