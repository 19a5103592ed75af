"""What a container has written, with times, as a kubelet gives it to clients."""

import threading
import time
from collections import deque
from datetime import UTC, datetime

LONGEST = (
    16 * 1024
)  # bytes of a record; longer lines are several, and only the first shows its time


def nanoseconds_text(ns):
    moment = datetime.fromtimestamp(ns // 10**9, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{ns % 10**9:09d}Z"


class ContainerLog:
    """Records are (number, time in ns, is the begin of a line, bytes). Threads: one writes, many
    read."""

    def __init__(self):
        self.changed = threading.Condition()
        self.records = deque()
        self.number = 0
        self.begins = True
        self.closed = False

    def write(self, data):
        with self.changed:
            while data:
                line, newline, rest = data.partition(b"\n")
                if len(line) > LONGEST:
                    line, newline, rest = data[:LONGEST], b"", data[LONGEST:]
                self.records.append((self.number, time.time_ns(), self.begins, line + newline))
                self.number += 1
                self.begins = bool(newline)
                data = rest
            self.changed.notify_all()

    def close(self):
        """The container has ended."""
        with self.changed:
            if not self.begins:
                self.records.append((self.number, time.time_ns(), False, b"\n"))
                self.number += 1
            self.closed = True
            self.changed.notify_all()

    def rotate(self, keep):
        """Only so many last records are left: readers that follow lose what they have not read."""
        with self.changed:
            while len(self.records) > keep:
                self.records.popleft()

    def _after(self, number):
        with self.changed:
            first = self.records[0][0] if self.records else self.number
            return list(self.records)[max(0, number - first) :], self.closed

    def read(self, follow, since_ns, timestamps, tail, goes_on):
        """Yields bytes; b"" about every half second while nothing comes. goes_on() says whether the
        reader still wants more."""
        records, closed = self._after(0)
        begins = [n for n, record in enumerate(records) if record[2]]
        if tail is not None and len(begins) > tail:
            records = records[begins[len(begins) - tail] :] if tail else []
        number = 0
        while True:
            for at, ns, begins_line, data in records:
                number = at + 1
                if ns >= since_ns:
                    stamp = (
                        f"{nanoseconds_text(ns)} ".encode() if timestamps and begins_line else b""
                    )
                    yield stamp + data
            if not follow or not goes_on():
                return
            with self.changed:
                if not self.closed and self.number <= number:
                    self.changed.wait(0.5)
            was_closed = closed
            records, closed = self._after(number)
            if not records:
                if closed and was_closed:
                    return
                yield b""
