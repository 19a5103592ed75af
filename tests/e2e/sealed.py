"""Messages under an instance's key, as shared/src/seal.c writes them: for tests that speak as the
executor of an instance, with what its host has."""

import hashlib
import hmac
import json
import os

from confluent_kafka import Producer
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"OBS1"
HEAD = 4 + 19 + 48 + 16 + 8


def derive(key, label, first, second):
    text = label.encode() + b"\0" + first.encode() + b"\0" + second
    return hmac.new(key, text, hashlib.sha256).digest()


class Key:
    """What the host of an instance has: its salt and its key. Its messages come behind all of the
    executor that runs there, and before those of the executor's next process."""

    def __init__(self, stack, instance):
        folder = stack.home / "instances" / instance
        token = (folder / "token").read_text().strip()
        lines = [json.loads(line) for line in (folder / "spool").read_text().splitlines()]
        [*_, generation] = [line["v"] for line in lines if line.get("n") == "generation"]
        self.instance, self.salt = instance, token.split(".")[0]
        self.key = bytes.fromhex(token.split(".")[1])
        self.stream, self.number = os.urandom(16), (generation << 40) + (1 << 39)

    def seal(self, topic, message, instance=None, salt=None):
        """instance, salt: what its head claims, if not the truth."""
        self.number += 1
        head = MAGIC + (instance or self.instance).encode() + (salt or self.salt).encode()
        head += self.stream + self.number.to_bytes(8, "big")
        own = derive(self.key, "message", topic, self.stream)
        nonce = self.number.to_bytes(8, "big") + bytes(4)
        text = json.dumps(message).encode()
        return head + AESGCM(own).encrypt(nonce, text, topic.encode() + head)

    def open(self, topic, data):
        """The text of a message for this instance; raises for others."""
        own = derive(self.key, "message", topic, data[HEAD - 24 : HEAD - 8])
        nonce = data[HEAD - 8 : HEAD] + bytes(4)
        return AESGCM(own).decrypt(nonce, data[HEAD:], topic.encode() + data[:HEAD])


def owner(data):
    """(instance, salt) of a sealed message; None: it is in clear."""
    if not data.startswith(MAGIC):
        return None
    return data[4:23].decode(), data[23:71].decode()


class Sender:
    """Sends bytes as the executors' Kafka user."""

    def __init__(self, stack):
        self.producer = Producer(stack.kafka("executor"))

    def send(self, topic, data, key=None):
        """The error of its delivery, or None."""
        told = []
        self.producer.produce(topic, data, key=key, on_delivery=lambda e, m: told.append(e))
        assert self.producer.flush(20) == 0
        return told[0]
