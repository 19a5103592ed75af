"""Everything is killed at random while work of every kind runs: arrays, dependencies, retries,
stops. No accepted job is lost, none hangs, none succeeds twice."""

import pytest
import scenarios


def test_work_that_is_left_alone_uses_no_attempt_in_vain(trial):
    scenarios.work_of_every_kind(trial, rounds=2)
    trial.wait_all()
    trial.check(every_attempt_ran=True)


def test_random_kills_of_every_service_lose_nothing(trial):
    scenarios.kill_everything(trial, rounds=12, every=(1, 4))


@pytest.mark.long
def test_random_kills_for_a_long_time_lose_nothing(trial):
    scenarios.kill_everything(trial, rounds=100, every=(0.5, 8))
