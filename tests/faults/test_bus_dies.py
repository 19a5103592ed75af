"""Kafka loses its processor, its life or its data: no living executor's run is given up, no attempt
is used, nobody types anything."""

import subprocess
import time
from collections import Counter

import pytest
from harm import settle
from stack import ROOT
from word import lasting

ONE_TRY = {
    "a_dependent_starts_after_what_it_waits_for",
    "what_was_stopped_ends",
    "a_run_starts_after_the_end_of_the_one_before",
}
BUSY = 60


def all_succeeded(jobs, number):
    assert Counter(job["status"] for job in jobs) == {"SUCCEEDED": number}, [
        (job["jobId"], job.get("statusReason")) for job in jobs if job["status"] != "SUCCEEDED"
    ]
    assert all(len(job["attempts"]) == 1 for job in jobs)


def openbatch(stack, *args):
    done = subprocess.run(
        [ROOT / "openbatch", *args],
        env=stack.own_env(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(900)
def test_stalled_host_down_up_and_kafka_killed_ten_times_cost_no_attempt(trial):
    """The host is busy beyond reason (60 busy loops on two cores) and stands still for seconds; the
    copy goes down and up; Kafka is killed ten times. Jobs that run meanwhile have one attempt
    each: no living executor's instance is given up."""
    long, short = trial.definition(lasting(45)), trial.definition(lasting(1))
    jobs = [trial.submit(long) for _ in range(4)]
    trial.wait_word(4)
    with trial.harm.busy(BUSY):
        for _ in range(3):
            with trial.harm.all_stopped():
                time.sleep(3)
            time.sleep(1)
        openbatch(trial.stack, "down")
        trial.harm.note("down")
        openbatch(trial.stack, "up")
        trial.harm.note("up")
        jobs += [trial.submit(short) for _ in range(6)]
    jobs += [trial.submit(long) for _ in range(2)]
    for _ in range(10):
        trial.harm.wait_back("kafka", trial.harm.kill("kafka"))
        jobs.append(trial.submit(short))
        time.sleep(2)
    all_succeeded(trial.wait_all(timeout=400), len(jobs))
    lost = trial.stack.sql("SELECT id, reason FROM instance WHERE state = 3")
    assert lost == []
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)


@pytest.mark.timeout(400)
def test_kafka_wiped_comes_back_by_itself(trial):
    """All of Kafka's data goes, as with a new disk: its storage, its topics and who may do what
    come back without anybody's doing. Jobs that run, wait and arrive meanwhile SUCCEED."""
    long, short = trial.definition(lasting(15)), trial.definition(lasting(0.2))
    first = [trial.submit(long) for _ in range(3)] + [trial.submit(short) for _ in range(20)]
    trial.wait_word(6)
    trial.harm.wipe_kafka()
    jobs = first + [trial.submit(short) for _ in range(20)]
    all_succeeded(trial.wait_all(timeout=180), len(jobs))
    settle(trial.stack)
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)


@pytest.mark.timeout(400)
def test_topics_deleted_and_redis_emptied_lose_nothing(trial):
    """Losing every topic and all of Redis, again and again."""
    definition = trial.definition(lasting(0.3))
    for _ in range(3):
        jobs = [trial.submit(definition) for _ in range(8)]
        trial.wait_next_start()
        trial.harm.delete_topics()
        trial.harm.empty_redis()
        time.sleep(2)
    all_succeeded(trial.wait_all(), 3 * len(jobs))
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)
