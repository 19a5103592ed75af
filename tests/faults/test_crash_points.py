"""A service dies with kill -9 before and after each thing that it does and that outlives it, one by
one (docs/crash-points.md): nothing is lost, nothing hangs, nothing happens twice. Each case fails
if no process comes to its point. `./openbatch test crashes` runs them."""

import pytest
from crash_recipes import OF_DOCKER, POINTS

pytestmark = pytest.mark.crashes


def with_runtime(point):
    """Only Docker's runtime comes to some points."""
    marks = [pytest.mark.docker("the point is of Docker's runtime")] if point in OF_DOCKER else []
    return pytest.param(point, marks=marks)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("point", [with_runtime(point) for point in POINTS])
def test_a_service_dies_at(crash, point, side):
    crash(point, side)
