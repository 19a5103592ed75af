"""The resident memory of each service's processes, from /proc, while a test runs."""

import contextlib
import threading
import time
from pathlib import Path

SERVICES = ("api", "scheduler", "scaler", "executor")


def resident_mib(pid):
    """0: the process is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0


class Memory:
    """watched(): looks each second beside the block. samples: (seconds, {service: MiB}), of a
    service with several processes the largest."""

    def __init__(self, harm, every=1.0):
        self.harm, self.every, self.samples = harm, every, []

    def look(self):
        return {
            service: max((resident_mib(pid) for pid in self.harm.pids(service)), default=0)
            for service in SERVICES
        }

    @contextlib.contextmanager
    def watched(self):
        ending, begin = threading.Event(), time.monotonic()

        def loop():
            while not ending.is_set():
                self.samples.append((time.monotonic() - begin, self.look()))
                ending.wait(self.every)

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ending.set()
            thread.join(10)

    def highest(self, since=0.0, until=float("inf")):
        """By service, of the samples between these seconds."""
        chosen = [sample for at, sample in self.samples if since <= at <= until]
        return {service: max(sample[service] for sample in chosen) for service in SERVICES}
