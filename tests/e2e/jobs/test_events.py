"""batch.job-state: every transition, in order for each job, in EventBridge's form."""

import uuid

from job_events import consumer, read
from stack import wait_for

LIFE = ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]


def test_the_topic_has_every_transition_in_order(stack, shared_work, queue):
    """A reader's user sees all that job_event has: single jobs and each child of an array."""
    w = shared_work
    single = [w.submit(queue, w.definition(["echo", "x"])) for _ in range(5)]
    parent = w.submit(queue, w.definition(), arrayProperties={"size": 5})
    w.wait_all([*single, parent])
    last = stack.sql("SELECT max(round) FROM job_event")[0][0]
    wait_for(
        "the publisher to catch up",
        lambda: int(stack.sql("SELECT round FROM publisher")[0][0]) >= int(last),
    )
    c, events = consumer(stack), []
    keys = {*single, parent, *(f"{parent}:{n}" for n in range(5))}

    def states(key):
        return [e["detail"]["status"] for e in events if e["detail"]["jobId"] == key]

    wait_for(
        "the last events",
        lambda: read(c, events) and all(states(k)[-1:] == ["SUCCEEDED"] for k in keys),
    )
    c.close()
    for key in keys - {parent}:
        assert states(key) == LIFE, key
    assert states(parent) == ["PENDING", "SUCCEEDED"]
    counted = stack.sql(
        "SELECT sum(idx_hi - idx_lo + 1) FROM job_event WHERE job_id IN ("
        + ", ".join(f"'{j}'" for j in [*single, parent])
        + ")"
    )
    mine = [e for e in events if e["detail"]["jobId"] in keys]
    assert len(mine) == int(counted[0][0])
    assert len({e["id"] for e in mine}) == len(mine)


def test_an_event_looks_like_eventbridge(stack, shared_work, queue):
    w = shared_work
    job_id = w.submit(queue, w.definition(["sh", "-c", "exit 3"]))
    job = w.wait(job_id)
    c, events = consumer(stack), []

    def last():
        read(c, events)
        mine = [e for e in events if e["detail"]["jobId"] == job_id]
        return mine[-1] if mine and mine[-1]["detail"]["status"] == "FAILED" else None

    event = wait_for("the end's event", last)
    c.close()
    assert event["version"] == "0"
    assert event["source"] == "aws.batch"
    assert event["detail-type"] == "Batch Job State Change"
    assert event["resources"] == [job["jobArn"]]
    assert event["region"] == stack.env["AWS_REGION"]
    uuid.UUID(event["id"])
    detail = event["detail"]
    for name in ("jobName", "jobQueue", "jobDefinition", "createdAt", "startedAt", "stoppedAt"):
        assert detail[name] == job[name], name
    assert detail["container"]["exitCode"] == 3
    assert detail["container"]["logStreamName"] == job["container"]["logStreamName"]
    assert len(detail["attempts"]) == 1


def test_events_tell_of_waiting_and_of_attempts(stack, shared_work, queue):
    """An event's detail is the job as DescribeJobs shows it: dependencies, retry strategy and
    timeout in each, attempts once they have ended."""
    w = shared_work
    command = ["sh", "-c", "test $AWS_BATCH_JOB_ATTEMPT = 2"]
    more = {"retryStrategy": {"attempts": 2}, "timeout": {"attemptDurationSeconds": 90}}
    first = w.submit(queue, w.definition(command), **more)
    second = w.submit(queue, w.definition(), dependsOn=[{"jobId": first}])
    broken = w.submit(queue, w.definition(["false"]))
    array = w.submit(
        queue, w.definition(), dependsOn=[{"jobId": broken}], arrayProperties={"size": 3}
    )
    w.wait_all([first, second, array])
    c, events = consumer(stack), []

    def details(key):
        return [e["detail"] for e in events if e["detail"]["jobId"] == key]

    def told(key):
        return [d["status"] for d in details(key)][-1:] in (["SUCCEEDED"], ["FAILED"])

    wait_for(
        "the last events",
        lambda: read(c, events) and all(told(k) for k in (first, second, array, f"{array}:2")),
    )
    c.close()
    states = [d["status"] for d in details(first)]
    assert states == [*LIFE[:3], *LIFE]
    assert [len(d["attempts"]) for d in details(first)] == [0, 0, 0, 1, 1, 1, 2]
    job = w.job(first)
    for detail in details(first):
        for name in ("retryStrategy", "timeout", "dependsOn"):
            assert detail[name] == job[name], name
    assert details(first)[-1]["attempts"] == job["attempts"]
    assert details(first)[3]["attempts"] == job["attempts"][:1]
    one, two = (attempt["startedAt"] for attempt in job["attempts"])
    assert [d.get("startedAt") for d in details(first)] == [None, None, *[one] * 3, two, two]
    assert ["stoppedAt" in d for d in details(first)] == [False] * 6 + [True]
    assert [d["status"] for d in details(second)] == ["PENDING", *LIFE]
    assert all(d["dependsOn"] == w.job(second)["dependsOn"] for d in details(second))
    assert [d["status"] for d in details(array)] == ["PENDING", "FAILED"]
    assert [d["status"] for d in details(f"{array}:2")] == ["PENDING", "FAILED"]
    assert details(f"{array}:2")[-1]["statusReason"] == "Dependent Job failed"
    assert details(array)[-1]["arrayProperties"]["statusSummary"]["FAILED"] == 3
