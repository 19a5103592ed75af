"""The container engine is killed while containers start, run and end. A container that may have
started is never started again, one that has not costs no attempt, and no exit code is made up."""

import pytest
import scenarios

pytestmark = pytest.mark.docker("there is no engine to kill")


@pytest.mark.parametrize("also", [None, "executor"], ids=["alone", "with_the_executor"])
def test_200_kills_of_dockerd_start_no_run_twice(trial, also):
    """A hundred alone, a hundred with the executor."""
    scenarios.kill_dockerd_at_starts(trial, 100, also)


def test_containerd_killed_every_5s_uses_no_attempt(trial):
    scenarios.kill_containerd(trial, jobs=120, seconds=30, every=5)


def test_recorded_exit_codes_are_the_containers_own(trial):
    scenarios.kill_engine_at_ends(trial, rounds=10)
