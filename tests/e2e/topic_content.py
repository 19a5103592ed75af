"""What the topics of Kafka have, as far as a client may read them."""

import contextlib

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

REFUSED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)


def messages(settings, topic, partitions):
    """All messages that a topic has now, if this client can read them; it may be written on."""
    found = []
    for partition in range(partitions):
        reader = Consumer(settings | {"group.id": "openbatch-executor-taken"})
        with contextlib.suppress(KafkaException):  # it may not even ask where the topic ends
            start, end = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            reader.assign([TopicPartition(topic, partition, start)])
            while start < end and (message := reader.poll(5)) is not None:
                if message.error() is None:
                    found.append(message.value() or b"")
                    start = message.offset() + 1
                elif message.error().code() in REFUSED:
                    break
        reader.close()
    return found


def topics(stack):
    found = AdminClient(stack.kafka("admin")).list_topics(timeout=10).topics
    return {name: len(topic.partitions) for name, topic in found.items()}
