"""The enumeration of crash points is whole: each point has one recipe. Part of the suite `unit`."""

from crash_recipes import POINTS, RECIPES


def test_each_crash_point_has_one_recipe():
    named = [point for points in RECIPES.values() for point in points.split()]
    assert sorted(named) == sorted(POINTS)
