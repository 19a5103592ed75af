"""The container engine is killed while containers begin, run and end. What may have begun is never
started again, what has not costs no attempt, and no exit code is made up."""

import random
import time
from collections import Counter

import pytest
from stack import wait_for
from word import lasting

KILLS = 100  # each of two ways
NO_DEPENDENTS = {"a_dependent_starts_after_what_it_waits_for", "what_was_stopped_ends"}
ONE_TRY = NO_DEPENDENTS | {"a_run_starts_after_the_end_of_the_one_before"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("also", [None, "executor"], ids=["alone", "with_the_executor"])
def test_200_kills_of_dockerd_start_no_run_twice(trial, also):
    """A hundred times dockerd is killed at the moment a container first runs, and another hundred
    times with the executor; the attempts that were lost with it are followed by others."""
    definition = trial.definition()
    for _ in range(KILLS):
        for _ in range(3):
            trial.submit(definition, retryStrategy={"attempts": 10})
        trial.wait_next_start()
        time.sleep(random.choice([0, 0, 0.002, 0.01, 0.05]))
        killed = [(part, trial.harm.kill(part)) for part in ("dockerd", also) if part]
        for part, pids in killed:
            trial.harm.wait_back(part, pids)
    trial.wait_all()
    trial.check(may_be_empty=NO_DEPENDENTS | ONE_TRY)


@pytest.mark.timeout(400)
def test_containerd_killed_every_5s_uses_no_attempt(trial):
    """dockerd lives and answers, but nothing can be started: that is no job's fault. 120 jobs with
    one try, containerd killed every 5 s for 30 s: each has run to its end."""
    definition = trial.definition(lasting(0.5))
    jobs = [trial.submit(definition) for _ in range(20)]
    with trial.harm.repeated(lambda: trial.harm.kill("containerd"), (5, 5), first=1):
        end = time.monotonic() + 31
        while len(jobs) < 120 or time.monotonic() < end:
            jobs += [trial.submit(definition)] if len(jobs) < 120 else []
            time.sleep(0.2)
    ended = trial.wait_all()
    assert Counter(job["status"] for job in ended) == {"SUCCEEDED": 120}
    assert all(len(job["attempts"]) == 1 for job in ended)
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)


@pytest.mark.timeout(600)
def test_recorded_exit_codes_are_the_containers_own(trial):
    """Containers end with codes of their own while dockerd and containerd are killed: a code that
    is recorded is the one the container said; otherwise it is unknown, with a reason."""
    codes = (0, 3, 7, 42)
    definitions = [trial.definition(lasting(t, c)) for c in codes for t in (0.3, 1.5, 4)]
    for n in range(10):
        for definition in random.sample(definitions, 6):
            trial.submit(definition)
        trial.wait_next_start()
        time.sleep(random.uniform(0, 1))
        part = ("dockerd", "containerd")[n % 2]
        trial.harm.wait_back(part, trial.harm.kill(part))
    trial.wait_all()
    rows = wait_for("recorded attempts", lambda: trial.recorded("exit_code"))
    known = Counter(row["exit_code"] for row in rows)
    print(f"recorded codes: {known}")
    # That none is known would be true as well, and of no use.
    assert sum(known[code] for code in codes) > len(rows) / 2, known
    trial.check(may_be_empty=ONE_TRY)
