"""A few of the crash points that `./openbatch test crashes` enumerates (docs/crash-points.md)."""

import pytest


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("point", ["scheduler.round", "executor.start"])
def test_a_service_dies_at(crash, point, side):
    crash(point, side)
