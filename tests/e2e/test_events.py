"""batch.job-state: every transition, in order for each job, in EventBridge's shape."""

import json
import uuid

from confluent_kafka import Consumer
from stack import wait_for

LIFE = ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]


def consumer(stack):
    c = Consumer(
        {
            "bootstrap.servers": stack.env["OPENBATCH_KAFKA"],
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": stack.env["OPENBATCH_KAFKA_USER"],
            "sasl.password": stack.env["OPENBATCH_KAFKA_PASSWORD"],
            "group.id": f"reader-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
        }
    )
    c.subscribe(["batch.job-state"])
    return c


def read(c, events):
    message = c.poll(0.2)
    while message is not None:
        assert message.error() is None, message.error()
        events.append(json.loads(message.value()))
        message = c.poll(0.05)
    return events


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
