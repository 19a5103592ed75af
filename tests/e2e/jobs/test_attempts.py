"""What DescribeJobs has no members for, of attempts: DescribeAttempts."""

import pytest
from keys import own_call
from stack import HOLD
from submitting import RUNNABLE_FOR_EVER

BUSY = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done"
LARGE = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 0.5"


@pytest.fixture
def attempts(stack):
    """The attempts of jobs, in the order of the jobs that are known."""
    root = (stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"])

    def of(*jobs):
        code, found = own_call(stack, root, "DescribeAttempts", {"jobs": list(jobs)})
        assert code is None, found
        return {job["jobId"]: job["attempts"] for job in found["jobs"]}

    return of


def test_an_attempt_says_what_it_has_used(shared_work, queue, attempts):
    """Processor time of all its processes, and the most memory that they had at a time. An engine
    may remove a container's group before it can be read, but hardly ever does."""
    w = shared_work
    busy, large = (
        [w.submit(queue, w.definition(["sh", "-c", script])) for _ in range(3)]
        for script in (BUSY + " & " + BUSY + "; wait", LARGE)
    )
    ended = {job: w.wait(job) for job in busy + large}
    found = attempts(*ended)
    assert list(found) == list(ended)
    for job, (one,) in found.items():
        assert one["attempt"] == 1
        assert one["startedAt"] == ended[job]["startedAt"]
        assert one["stoppedAt"] == ended[job]["stoppedAt"]
    known = [one for jobs in found.values() for one in jobs if "cpuSeconds" in one]
    print(f"known of {len(known)} of {len(found)}: {known}")
    assert len(known) > len(found) / 2
    of_busy = [one for job in busy for one in found[job] if one in known]
    of_large = [one for job in large for one in found[job] if one in known]
    assert of_busy or of_large
    for one in of_busy:
        seconds = (one["stoppedAt"] - one["startedAt"]) / 1000
        assert 0.1 < one["cpuSeconds"] < 2 * seconds + 1, one
        assert 100_000 < one["peakMemoryBytes"] < 64 << 20, one
    for one in of_large:
        assert 20_000_000 < one["peakMemoryBytes"] <= 64 << 20, one


def test_the_phases_of_an_attempt_follow_one_another(shared_work, queue, attempts):
    """From RUNNABLE to its end; the first attempt of a job waits apart from the second."""
    w = shared_work
    again = {"retryStrategy": {"attempts": 2}}
    job = w.submit(queue, w.definition(["sh", "-c", "sleep 1; false"]), **again)
    ended = w.wait(job)
    (found,) = attempts(job).values()
    phases = ["runnableAt", "placedAt", "pulledAt", "createdAt", "startedAt", "stoppedAt"]
    for one, shown in zip(found, ended["attempts"], strict=True):
        times = [one[phase] for phase in phases]
        assert times == sorted(times), one
        assert one["stoppedAt"] == shown["stoppedAt"]
    assert ended["createdAt"] <= found[0]["runnableAt"]
    assert found[0]["stoppedAt"] <= found[1]["runnableAt"]


def test_an_attempt_that_has_not_ended_shows_how_far_it_is(shared_work, queue, attempts):
    """A job that waits shows since when; an array has no attempts of its own."""
    w = shared_work
    running = w.submit(queue, w.definition(HOLD))
    waiting = w.submit(queue, w.definition(HOLD, **RUNNABLE_FOR_EVER))
    array = w.submit(queue, w.definition(HOLD), arrayProperties={"size": 2})
    w.wait(running, "RUNNING")
    w.wait(waiting, "RUNNABLE")
    found = attempts(running, waiting, array)
    assert list(found[running][0]) == ["attempt", "runnableAt", "placedAt", "startedAt"]
    assert found[running][0]["startedAt"] == w.job(running)["startedAt"]
    assert [list(one) for one in found[waiting]] == [["attempt", "runnableAt"]]
    assert found[waiting][0]["attempt"] == 1
    assert found[array] == []
    for job in (running, waiting, array):
        w.batch.terminate_job(jobId=job, reason="end of test")
    w.wait(running)
    (ended,) = attempts(running)[running]
    assert ended["placedAt"] == found[running][0]["placedAt"]


def test_attempts_are_shown_in_the_order_of_the_jobs_asked_for(shared_work, queue, attempts):
    """Unknown ones are left out; a child is asked for by its index; each attempt is one entry."""
    w = shared_work
    again = {"retryStrategy": {"attempts": 2}}
    failing = w.submit(queue, w.definition(["false"]), **again)
    array = w.submit(queue, w.definition(["true"]), arrayProperties={"size": 2})
    unknown = "00000000-0000-4000-8000-000000000000"
    w.wait(failing)
    w.wait(array)
    found = attempts(array + ":1", unknown, failing, array, array + ":2", "no id")
    assert list(found) == [array + ":1", failing, array]
    assert [one["attempt"] for one in found[failing]] == [1, 2]
    assert [one["attempt"] for one in found[array + ":1"]] == [1]
    assert found[array] == []
