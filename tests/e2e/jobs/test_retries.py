"""Retries, termination and cancellation in real containers."""

import time

import pytest
from stack import HOLD, assert_promised, wait_for

ESSENTIAL = "Essential container in task exited"


@pytest.fixture(scope="module")
def counting(shared_work):
    """Exits with the number of its attempt."""
    return shared_work.definition(["sh", "-c", "exit $AWS_BATCH_JOB_ATTEMPT"])


def exit_codes(job):
    return [attempt["container"].get("exitCode") for attempt in job["attempts"]]


def test_attempts_and_rules(shared_work, queue, counting):
    """`attempts` counts all; the first entry of evaluateOnExit whose conditions all match decides,
    none: RETRY. Each attempt has its own container, log stream, times and reason."""
    w = shared_work
    succeeds = w.definition(["sh", "-c", "test $AWS_BATCH_JOB_ATTEMPT = 2"])
    missing = w.definition(["true"], image="openbatch/no-such-image")
    rule = lambda **rule: {"attempts": 4, "evaluateOnExit": [rule]}  # noqa: E731
    cases = {
        "none": (counting, None, [1]),
        "three": (counting, {"attempts": 3}, [1, 2, 3]),
        "success": (succeeds, {"attempts": 5}, [1, 0]),
        "by exit code": (counting, rule(onExitCode="2", action="exit"), [1, 2]),
        "by reason": (counting, rule(onStatusReason="Essential*", action="EXIT"), [1]),
        "by absent reason": (counting, rule(onReason="*", action="EXIT"), [1]),
        "failed to start": (missing, {"attempts": 2}, [None, None]),
        "by container reason": (missing, rule(onReason="CannotPull*", action="EXIT"), [None]),
        "not so": (counting, rule(onReason="CannotPull*", action="EXIT"), [1, 2, 3, 4]),
    }
    ids = {
        name: w.submit(queue, definition, **({"retryStrategy": retry} if retry else {}))
        for name, (definition, retry, _) in cases.items()
    }
    w.wait_all(list(ids.values()))
    for name, (_, _, codes) in cases.items():
        job = w.job(ids[name])
        assert exit_codes(job) == codes, name
        assert job["status"] == ("SUCCEEDED" if codes[-1] == 0 else "FAILED"), name
        for attempt in job["attempts"]:
            started = codes[0] is not None
            assert attempt["statusReason"] == (ESSENTIAL if started else "Task failed to start")
            assert ("startedAt" in attempt) == started
    three = w.job(ids["three"])
    streams = [a["container"]["logStreamName"] for a in three["attempts"]]
    assert len(set(streams)) == 3 and three["container"]["logStreamName"] == streams[-1]
    assert three["container"]["exitCode"] == 3
    assert three["startedAt"] == three["attempts"][-1]["startedAt"]


def test_a_job_between_attempts_has_not_stopped(work):
    """Clients take stoppedAt for the end: while the next attempt is waited for there is startedAt
    only. Terminated meanwhile, the job stopped then, not with its last attempt."""
    w = work
    queue = w.queue(w.environment(max_vcpus=2))
    fails = w.definition(["sh", "-c", "sleep 1; exit 3"], vcpus=2)
    job_id = w.submit(queue, fails, retryStrategy={"attempts": 3})
    w.wait(job_id, "RUNNING")
    other = w.submit(queue, w.definition(HOLD, vcpus=2))  # a retried job goes behind it
    w.wait(other, "RUNNING")
    job = w.job(job_id)
    (attempt,) = job["attempts"]
    listed = w.batch.list_jobs(jobQueue=queue, jobStatus="RUNNABLE")["jobSummaryList"]
    (summary,) = [one for one in listed if one["jobId"] == job_id]
    for shown in (job, summary):
        assert shown["status"] == "RUNNABLE" and "stoppedAt" not in shown
        assert shown["startedAt"] == attempt["startedAt"]
    assert job["container"]["exitCode"] == 3
    asked_ms = time.time() * 1000
    w.batch.terminate_job(jobId=job_id, reason="enough")
    ended = w.wait(job_id)
    assert (ended["status"], ended["attempts"]) == ("FAILED", [attempt])
    assert ended["startedAt"] == attempt["startedAt"]
    assert attempt["stoppedAt"] < asked_ms <= ended["stoppedAt"] + 1
    w.batch.terminate_job(jobId=other, reason="done")


def test_children_are_retried_each_by_itself(shared_work, queue):
    """Each child has attempts of its own; the parent has none."""
    w = shared_work
    command = 'test $AWS_BATCH_JOB_ARRAY_INDEX != 1 -o "$AWS_BATCH_JOB_ATTEMPT" = 2'
    array = w.submit(
        queue,
        w.definition(["sh", "-c", command]),
        arrayProperties={"size": 3},
        retryStrategy={"attempts": 2},
    )
    job = w.wait(array)
    assert job["status"] == "SUCCEEDED" and job["attempts"] == []
    assert [len(j["attempts"]) for j in w.jobs([f"{array}:{i}" for i in range(3)])] == [1, 2, 1]


def test_terminated_jobs_end_within_a_second_and_are_not_retried(shared_work, queue):
    """TerminateJob's SIGTERM reaches a running container within a second; the job is FAILED with
    the caller's reason, and there is no other attempt."""
    w = shared_work
    definition = w.definition(
        ["sh", "-c", "trap 'exit 7' TERM; echo set; while :; do sleep 0.05; done"]
    )
    ids = [w.submit(queue, definition, retryStrategy={"attempts": 3}) for _ in range(3)]
    took = []
    for job_id in ids:
        job = w.wait(job_id, "RUNNING")
        wait_for("its trap", lambda j=job: w.log(j))
        asked = time.time()
        w.batch.terminate_job(jobId=job_id, reason="enough of it")
        job = w.wait(job_id)
        assert (job["status"], job["statusReason"]) == ("FAILED", "enough of it")
        assert job["isTerminated"] and exit_codes(job) == [7]
        took.append(job["stoppedAt"] / 1000 - asked)
    assert_promised(took, 1)


def test_a_cancelled_array_leaves_running_children(shared_work, queue, tmp_path):
    """CancelJob on an array: what waits is cancelled, what runs goes on; the parent ends when all
    have ended. TerminateJob ends the rest. On ended jobs both succeed without an effect."""
    w = shared_work
    command = "until test -e /out/go; do sleep 0.1; done"
    definition = w.definition(
        ["sh", "-c", command],
        vcpus=2,
        volumes=[{"name": "out", "host": {"sourcePath": str(tmp_path)}}],
        mountPoints=[{"sourceVolume": "out", "containerPath": "/out"}],
    )
    array = w.submit(queue, definition, arrayProperties={"size": 6})

    def running():
        return w.job(array)["arrayProperties"]["statusSummary"]["RUNNING"] == 2

    wait_for("two children", running)
    w.batch.cancel_job(jobId=array, reason="too many")
    summary = wait_for(
        "four cancelled children",
        lambda: (s := w.job(array)["arrayProperties"]["statusSummary"])["FAILED"] == 4 and s,
    )
    assert summary["RUNNING"] == 2 and w.job(array)["status"] == "PENDING"
    (tmp_path / "go").write_text("")
    job = w.wait(array)
    assert (job["status"], job["statusReason"], job["isCancelled"]) == ("FAILED", "too many", True)
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 2
    w.batch.cancel_job(jobId=array, reason="again")
    w.batch.terminate_job(jobId=array, reason="again")
    assert w.job(array)["statusReason"] == "too many"


def test_attempts_outlive_the_scheduler(stack, shared_work, queue, counting):
    """Killed in the middle of retries, it counts on from where it was."""
    w = shared_work
    ids = [w.submit(queue, counting, retryStrategy={"attempts": 5}) for _ in range(4)]
    wait_for("some attempts", lambda: len(w.job(ids[0])["attempts"]) >= 2)
    stack.kill("scheduler")
    for job in w.wait_all(ids):
        assert exit_codes(job) == [1, 2, 3, 4, 5]


def test_a_timeout_outlives_the_scheduler(stack, shared_work, queue):
    """What runs long past its time, by PostgreSQL's clock, is stopped by the scheduler that has
    just begun, and is not tried again. (Its start is set back here: no timeout is shorter than
    60 s, and its executor would keep it.)"""
    w = shared_work
    job_id = w.submit(
        queue,
        w.definition(HOLD),
        timeout={"attemptDurationSeconds": 60},
        retryStrategy={"attempts": 3},
    )
    w.wait(job_id, "RUNNING")
    stack.sql(f"UPDATE live SET running_at = now() - interval '119 s' WHERE job_id = '{job_id}'")
    stack.kill("scheduler")
    job = w.wait(job_id)
    assert (job["status"], job["statusReason"]) == (
        "FAILED",
        "Job attempt duration exceeded timeout",
    )
    assert exit_codes(job) == [143] and job["timeout"] == {"attemptDurationSeconds": 60}
    assert job["attempts"][0]["statusReason"] == "Job attempt duration exceeded timeout"
    assert not job.get("isTerminated") and not job.get("isCancelled")
