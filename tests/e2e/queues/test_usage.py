"""How queues and environments were used over time."""

import time

import pytest
from keys import own_call
from stack import HOLD, wait_for

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def own(stack):
    """One of OpenBatch's own operations as the root key: (error code or None, answer)."""
    root = (stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"])
    return lambda operation, **members: own_call(stack, root, operation, members)


@pytest.fixture
def points(own):
    def of(operation, **members):
        code, found = own(operation, **members)
        assert code is None, found
        return found["points"]

    return of


def test_a_job_shows_in_the_use_of_its_queue_and_environment(work, points):
    """Within ten seconds and a round; when it has ended, the use falls again."""
    environment = work.environment(max_vcpus=4)
    queue = work.queue(environment)
    job = work.submit(queue, work.definition(HOLD, vcpus=2))
    work.wait(job, "RUNNING")

    def last(operation, **of):
        found = points(operation, **of)
        return found[-1] if found else {}

    of_queue = ("GetJobQueueUsage", {"jobQueue": queue})
    of_environment = ("GetComputeEnvironmentUsage", {"computeEnvironment": environment})
    for operation, of in (of_queue, of_environment):
        wait_for("use", lambda f=operation, of=of: last(f, **of).get("usedvCpus") == 2, timeout=40)
    assert last(of_queue[0], **of_queue[1])["placed"] == 1
    there = last(of_environment[0], **of_environment[1])
    assert there["instances"] == 1
    assert 2 <= there["provisionedvCpus"] == there["desiredvCpus"] <= 4
    assert there["maxvCpus"] == 4
    work.batch.terminate_job(jobId=job, reason="seen")
    for operation, of in (of_queue, of_environment):
        wait_for("none", lambda f=operation, of=of: last(f, **of).get("usedvCpus") == 0, timeout=40)
    assert sum(p["failed"] for p in points(of_queue[0], **of_queue[1])) == 1
    times = [p["at"] for p in points(of_queue[0], **of_queue[1])]
    assert times == sorted(times)
    assert all(b - a >= 9000 for a, b in zip(times, times[1:], strict=False)), times


@pytest.fixture
def old_points(stack, shared_work, queue):
    """Two days ago, 1000 points in 10,000 s: as many vCPUs and waiting jobs as the number of the
    point, an end in each. Returns the time of the first."""
    begun = int(time.time() * 1000) - 2 * DAY_MS
    stack.sql(
        f"INSERT INTO queue_usage SELECT q.id, {begun} + n * 10000, n * 1000, 1, n, 1, 0"
        f" FROM job_queue q, generate_series(0, 999) AS n WHERE q.name = '{queue}'"
    )
    return begun


def test_the_points_of_a_range_are_thinned(own, points, queue, old_points):
    """At most as many as asked for, and the one before the range, which holds until the next."""
    begun = old_points
    whole = {"jobQueue": queue, "startTime": begun, "endTime": begun + 10_000_000}
    found = points("GetJobQueueUsage", **whole, maxPoints=1000)
    assert [p["usedvCpus"] for p in found] == list(range(1000))
    thin = points("GetJobQueueUsage", **whole, maxPoints=10)
    assert [p["at"] for p in thin] == [begun + n * 1_000_000 + 990_000 for n in range(10)]
    assert [p["usedvCpus"] for p in thin] == [n * 100 + 99 for n in range(10)]
    assert [p["succeeded"] for p in thin] == [100] * 10
    for p in thin:
        assert p["maxUsedvCpus"] == p["usedvCpus"]
        assert p["maxRunnable"] == p["runnable"]
    middle = {"startTime": begun + 55_000, "endTime": begun + 75_000}
    found = points("GetJobQueueUsage", jobQueue=queue, **middle)
    assert [p["usedvCpus"] for p in found] == [5, 6, 7]
    after = {"startTime": begun + 20_000_000, "endTime": begun + 30_000_000}
    found = points("GetJobQueueUsage", jobQueue=queue, **after)
    assert [p["usedvCpus"] for p in found] == [999]
    before = {"startTime": begun - DAY_MS, "endTime": begun}
    assert points("GetJobQueueUsage", jobQueue=queue, **before) == []


def test_a_range_that_makes_no_sense_is_refused(own, queue):
    code, message = own("GetJobQueueUsage", jobQueue=queue, startTime=5, endTime=5)
    assert (code, message) == ("ClientException", "startTime must be before endTime")
    assert own("GetJobQueueUsage", jobQueue=queue, maxPoints=1001)[0] == "ClientException"
    assert own("GetJobQueueUsage", jobQueue="no-such")[0] == "ClientException"
    assert own("GetComputeEnvironmentUsage", computeEnvironment="no-such")[0] == "ClientException"
