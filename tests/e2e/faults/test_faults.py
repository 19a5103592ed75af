"""The faults of `./openbatch test faults`, each for a short time; the checker checks the promises
on the recorded history."""

import pytest
import scenarios


@pytest.mark.docker("there is no engine to kill")
def test_a_killed_engine_starts_no_run_twice(trial):
    scenarios.kill_dockerd_at_starts(trial, kills=5, also="executor")


@pytest.mark.long
@pytest.mark.docker("there is no engine to kill")
def test_an_engine_that_cannot_start_anything_uses_no_attempt(trial):
    scenarios.kill_containerd(trial, jobs=15, seconds=8, every=3)


@pytest.mark.docker("there is no engine to kill")
def test_a_killed_engine_makes_up_no_exit_code(trial):
    scenarios.kill_engine_at_ends(trial, rounds=3)


@pytest.mark.long
def test_a_host_that_stalls_costs_no_attempt(trial):
    scenarios.stall_and_kill_kafka(trial, loops=3, kills=1, seconds=20)


def test_kafka_comes_back_without_its_data(trial):
    scenarios.wipe_kafka(trial, jobs=3)
