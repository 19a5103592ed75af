"""Kafka's protocol by hand: what no client library sends. SASL PLAIN, and batches whose every field
is ours."""

import socket
import struct
import time

ZSTD = 4  # as an attribute of a batch
RECORD_TOO_LARGE = 10


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(number):
    number *= 2  # zigzag; of numbers that are not negative
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def record_before(length):
    """The beginning of a batch's only record, up to its value of so many bytes."""
    head = b"\0" + varint(0) + varint(0) + b"\1" + varint(length)
    return varint(len(head) + length + 1) + head


def record(value):
    return record_before(len(value)) + value + b"\0"


def zeros(length):
    """A record whose value is so many zeros, under zstd: 4 bytes for each 128 KiB."""
    head, left = record_before(length), length + 1
    out = b"\x28\xb5\x2f\xfd\0" + bytes([7 << 3]) + struct.pack("<I", len(head) << 3)[:3] + head
    while left:
        part = min(left, 1 << 17)
        left -= part
        out += struct.pack("<I", part << 3 | 1 << 1 | (not left))[:3] + b"\0"
    return out


def batch(records, producer=-1, epoch=-1, sequence=-1, attributes=0):
    """Of one record."""
    now = int(time.time() * 1000)
    body = struct.pack(">hiqqqhii", attributes, 0, now, now, producer, epoch, sequence, 1) + records
    return struct.pack(">qiibI", 0, len(body) + 9, -1, 2, crc32c(body)) + body


class Connection:
    def __init__(self, port, user, password):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.ask(17, 1, struct.pack(">h", 5) + b"PLAIN")
        text = f"\0{user}\0{password}".encode()
        assert self.ask(36, 0, struct.pack(">i", len(text)) + text)[:2] == b"\0\0"

    def read(self, length):
        data = b""
        while len(data) < length:
            data += (part := self.socket.recv(length - len(data)))
            assert part, "Kafka has closed the connection"
        return data

    def ask(self, what, version, body):
        head = struct.pack(">hhih", what, version, 1, 1) + b"t"
        self.socket.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
        return self.read(struct.unpack(">i", self.read(4))[0])[4:]

    def new_producer(self):
        """A producer's id: the next one that Kafka has."""
        return struct.unpack(">q", self.ask(22, 1, struct.pack(">hi", -1, 60000))[6:14])[0]

    def produce(self, topic, partition, data):
        """The number of the error, or 0."""
        name = topic.encode()
        body = struct.pack(">hhiih", -1, -1, 30000, 1, len(name)) + name
        body += struct.pack(">iii", 1, partition, len(data)) + data
        answer = self.ask(0, 8, body)
        return struct.unpack(">h", answer[14 + len(name) : 16 + len(name)])[0]
