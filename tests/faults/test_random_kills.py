"""Everything is killed at random while work of every kind runs: arrays, dependencies, retries,
stops. No accepted job is lost, none stays, none runs twice to success."""

import pytest
from trial import Trial
from word import lasting

# Containers themselves are nobody's to kill here; each server and service is.
PARTS = ["api", "scheduler", "scaler", "executor", "kafka", "postgres", "redis"]


def mixed(trial: Trial, rounds):
    """Arguments of submissions: singles, arrays of each kind of dependency, retries, failures."""
    quick = trial.definition(lasting(0.05))
    slow = trial.definition(lasting(1))
    again = trial.definition(lasting(0.1, "$((AWS_BATCH_JOB_ATTEMPT < 2))"))
    bad = trial.definition(lasting(0.1, 3))
    plenty = {"retryStrategy": {"attempts": 6}}
    for _ in range(rounds):
        first = trial.submit(quick, **plenty)
        yield slow, {"dependsOn": [{"jobId": first}], **plenty}
        yield again, plenty
        yield bad, {}
        array = trial.submit(quick, arrayProperties={"size": 3}, **plenty)
        yield (
            quick,
            {
                "arrayProperties": {"size": 3},
                "dependsOn": [{"jobId": array, "type": "N_TO_N"}],
                **plenty,
            },
        )
        yield (
            quick,
            {
                "arrayProperties": {"size": 3},
                "dependsOn": [{"type": "SEQUENTIAL"}],
                **plenty,
            },
        )
        yield quick, {"dependsOn": [{"jobId": trial.submit(bad)}]}


def work_of_every_kind(trial, rounds):
    stopped = trial.submit(trial.definition(lasting(600)))
    submitting = trial.submitting(mixed(trial, rounds))
    trial.wait_word(12)
    trial.terminate(stopped)
    submitting.join(1000)
    assert not submitting.is_alive()


def test_work_that_is_left_alone_uses_no_attempt_in_vain(trial):
    work_of_every_kind(trial, 2)
    trial.wait_all()
    trial.check(every_attempt_ran=True)


def survive(trial, rounds, every):
    with trial.harm.random_kills(PARTS, every):
        work_of_every_kind(trial, rounds)
        trial.wait_word(20 * rounds)
    trial.wait_all(timeout=400)
    trial.check()


@pytest.mark.timeout(900)
def test_random_kills_of_every_service_lose_nothing(trial):
    survive(trial, 12, (1, 4))


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_random_kills_for_a_long_time_lose_nothing(trial):
    survive(trial, 100, (0.5, 8))
