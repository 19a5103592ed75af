"""A reader of batch.job-state."""

import json
import uuid

from confluent_kafka import Consumer


def consumer(stack):
    c = Consumer(
        stack.kafka()
        | {
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
