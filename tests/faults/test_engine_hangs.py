"""The container engine hangs, loses an image or has a full disk. What it is asked for meanwhile is
done later or said to have failed; nothing is started twice, no output is lost, no exit code is made
up."""

import time

import pytest
from scenarios import ONE_TRY
from stack import wait_for
from word import lasting, script

pytestmark = pytest.mark.docker("there is no engine that hangs; full disks: test_oci_disks.py")

LINES = 200  # of a job that writes


def writing(lines=LINES):
    """It writes a line each 20 ms."""
    return script(
        f"i=0; while [ $i -lt {lines} ]; do i=$((i + 1)); echo line $i of {lines}; sleep 0.02; done"
    )


def complete_output(trial, job):
    """The job's log has each of its lines, once and in their order."""
    wanted = [f"line {n} of {LINES}" for n in range(1, LINES + 1)]
    wait_for(
        "the whole output",
        lambda: trial.work.log(job) == wanted or len(trial.work.log(job)) >= LINES,
        60,
    )
    found = trial.work.log(job)
    assert found == wanted, found[:3] + found[-3:]


def test_an_engine_that_hangs_in_create_wait_and_logs(small_trial):
    """dockerd and containerd stand still in turn for eight seconds: while containers are to be
    made, while they end, while they write."""
    trial = small_trial
    short, writes = trial.definition(), trial.definition(writing())
    ends = trial.definition(lasting(4, 7))
    plenty = {"retryStrategy": {"attempts": 3}}
    array = {"arrayProperties": {"size": 4}}
    written = []
    for part in ("dockerd", "containerd"):
        with trial.harm.stopped(part):  # create
            first = trial.submit(short, **array | plenty)
            trial.submit(short, **array | plenty, dependsOn=[{"jobId": first, "type": "N_TO_N"}])
            for _ in range(8):
                trial.submit(short, **plenty)
            time.sleep(8)
        trial.wait_all()
        for definition in (ends, writes):  # wait and logs
            lines = len(trial.word())
            made = [trial.submit(definition) for _ in range(6)]
            trial.wait_word(lines + 6)
            with trial.harm.stopped(part):
                time.sleep(8)
            trial.wait_all()
            written += made if definition == writes else []
        with trial.harm.stopped(part):  # both calls at once, and a stop of a job
            last = trial.submit(trial.definition(lasting(600)))
            trial.submit(short, **plenty)
            time.sleep(1)
            trial.terminate(last)
            time.sleep(7)
        trial.wait_all()
    by_id = {job["jobId"]: job for job in trial.wait_all()}
    for job_id in written:
        if by_id[job_id]["status"] == "SUCCEEDED":
            complete_output(trial, by_id[job_id])
    succeeded = [job["status"] for job in by_id.values()].count("SUCCEEDED")
    print(f"{succeeded} of {len(by_id)} jobs and arrays have SUCCEEDED")
    assert [by_id[i]["status"] for i in written].count("SUCCEEDED") >= len(written) - 2
    trial.check(may_be_empty={"a_run_starts_after_the_end_of_the_one_before"})


def test_an_image_removed_while_jobs_wait_and_a_full_engine_disk(small_trial):
    """Without their image jobs fail, with the reason, and what has it runs. On a full disk nothing
    is started twice, and with room again jobs run."""
    trial, stack = small_trial, small_trial.stack
    gone = "127.0.0.1:1/gone:1"  # nobody serves it again
    stack.docker("tag", "openbatch/busybox", gone)
    waits = trial.definition(lasting(2), image=gone, vcpus=4)
    made = [trial.submit(waits) for _ in range(12)]
    trial.wait_word(2)
    stack.docker("rmi", gone)
    trial.harm.note("image.remove", image=gone)
    jobs = {job["jobId"]: job for job in trial.wait_all()}
    ended = [jobs[i] for i in made]
    failed = [job for job in ended if job["status"] == "FAILED"]
    assert failed and len(failed) < len(made), [job["status"] for job in ended]
    for job in failed:
        assert job["container"]["reason"].startswith("CannotPullContainerError: "), job
    stack.docker("tag", "openbatch/busybox", gone)
    again = [trial.submit(waits) for _ in range(2)]

    plenty = {"retryStrategy": {"attempts": 10}}
    short = trial.definition(lasting(0.5))
    before = [trial.submit(short, **plenty) for _ in range(10)]
    time.sleep(1)
    with trial.harm.no_space(stack.home / "docker"):
        meanwhile = [trial.submit(short, **plenty) for _ in range(10)]
        time.sleep(8)
    after = [trial.submit(short, **plenty) for _ in range(26)]
    jobs = {job["jobId"]: job for job in trial.wait_all()}
    print("with a full disk:", [jobs[i]["status"] for i in before + meanwhile])
    assert all(jobs[i]["status"] == "SUCCEEDED" for i in again + after)
    trial.check(may_be_empty=ONE_TRY)
