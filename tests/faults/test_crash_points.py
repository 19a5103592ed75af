"""A service dies with kill -9 before and after each thing that it does and that outlives it, one by
one (docs/crash-points.md): nothing is lost, nothing hangs, nothing happens twice. Each case fails
if no process comes to its point. `./openbatch test crashes` runs them."""

import pytest
from crash_recipes import POINTS

pytestmark = pytest.mark.crashes


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("point", POINTS)
def test_a_service_dies_at(crash, point, side):
    crash(point, side)
