"""Messages under an instance's key, as docs/messages.md describes them: for tests that speak as the
executor of an instance, with what its host has, and for hosts that join."""

import hashlib
import hmac
import json
import os

from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SALTS = {b"OBS1": 48, b"OBS2": 80}  # by how a message begins, the length of the salt in its head


def derive(key, label, first, second):
    text = label.encode() + b"\0" + first.encode() + b"\0" + second
    return hmac.new(key, text, hashlib.sha256).digest()


def hkdf(secret, info):
    return HKDF(SHA256(), 32, None, info.encode()).derive(secret)


def public_of(private):
    """In hexadecimal digits."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def in_common(private, public):
    """What a private key and another one's public key (digits) have in common."""
    other = X25519PublicKey.from_public_bytes(bytes.fromhex(public))
    return X25519PrivateKey.from_private_bytes(private).exchange(other)


def host_key(join_token, common, instance, salt):
    """The key of an instance that joined. common: what its key pair and the copy's have in
    common."""
    info = ["OpenBatch: the key of an instance that joined", instance, salt, join_token[80:]]
    return hkdf(common + bytes.fromhex(join_token[16:80]), "\n".join(info))


def host_key_before(join_token, instance, salt):
    """The same in the version before, in which the join token was enough."""
    return derive(bytes.fromhex(join_token[16:80]), "instance", instance, salt.encode())


class Key:
    """A key of an instance, and its salt. Its messages come behind all of the executor's process of
    that generation, and before those of its next process."""

    def __init__(self, instance, salt, key, generation=1):
        self.instance, self.salt, self.key = instance, salt, key
        self.stream, self.number = os.urandom(16), (generation << 40) + (1 << 39)

    @classmethod
    def of(cls, stack, instance, folder=None):
        """What the instance's host has. folder: its directory, if it is not one of this copy's."""
        folder = folder or stack.home / "instances" / instance
        token = (folder / "token").read_text().strip()
        lines = [json.loads(line) for line in (folder / "spool").read_text().splitlines()]
        [*_, generation] = [line["v"] for line in lines if line.get("n") == "generation"]
        return cls(instance, token.split(".")[0], bytes.fromhex(token.split(".")[1]), generation)

    @classmethod
    def joining(cls, join_token, instance):
        """Of a host that joins by this join token."""
        private = os.urandom(32)
        salt = join_token[:16] + public_of(private)
        common = in_common(private, join_token[80:])
        return cls(instance, salt, host_key(join_token, common, instance, salt))

    def seal(self, topic, message, instance=None, salt=None):
        """instance, salt: what its head claims, if not the truth."""
        self.number += 1
        salt = salt or self.salt
        [magic] = [magic for magic, length in SALTS.items() if length == len(salt)]
        head = magic + (instance or self.instance).encode() + salt.encode()
        head += self.stream + self.number.to_bytes(8, "big")
        own = derive(self.key, "message", topic, self.stream)
        nonce = self.number.to_bytes(8, "big") + bytes(4)
        text = json.dumps(message).encode()
        return head + AESGCM(own).encrypt(nonce, text, topic.encode() + head)

    def open(self, topic, data):
        """The text of a message under this key; raises for others."""
        head = 4 + 19 + SALTS[data[:4]] + 16 + 8
        own = derive(self.key, "message", topic, data[head - 24 : head - 8])
        nonce = data[head - 8 : head] + bytes(4)
        return AESGCM(own).decrypt(nonce, data[head:], topic.encode() + data[:head])


def owner(data):
    """(instance, salt) of a sealed message; None: it is in clear."""
    if data[:4] not in SALTS:
        return None
    return data[4:23].decode(), data[23 : 23 + SALTS[data[:4]]].decode()


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
