"""A few of the crash points that `./openbatch test crashes` enumerates (docs/crash-points.md)."""

import pytest

OF_ENGINE = pytest.param(
    "executor.start", marks=pytest.mark.docker("the point is of Docker's runtime")
)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("point", ["scheduler.round", OF_ENGINE])
def test_a_service_dies_at(crash, point, side):
    crash(point, side)
