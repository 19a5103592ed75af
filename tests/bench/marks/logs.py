"""Output of containers until it can be read."""

import os
import time

from benchmark import END_S, Benchmark, Figure, once, wait_done
from copies import wait_for

LINE = (
    "0123456789 the quick brown fox jumps over the lazy dog, and over it again and again 0123456789"
)


class Logs(Benchmark):
    name = "logs"
    what = (
        "Two jobs for each core write lines of 95 characters as fast as they can. Measured is the"
        " output that is stored, so that GetLogEvents shows it, from the first start to the last"
        " byte; and how far behind a line's own time its storing is."
    )
    figures = tuple(
        figure
        for runtime in ("docker", "oci")
        for figure in (
            Figure(f"{runtime}.mbPerSecond", f"{runtime}: output", "MB/s", least=50),
            Figure(f"{runtime}.behindS", f"{runtime}: 99 of 100 lines are behind", "s", most=1),
        )
    )
    copies = ("docker", "oci")

    def measure(self, side):
        found = {}
        for runtime in side.runtimes():
            copy = side.copy(runtime, runtime)
            jobs = 2 * os.cpu_count()
            size = self.bench.count(64 * 1024 * 1024, least=256 * 1024)
            queue, definition = once(
                side, runtime, "logs", lambda c=copy, n=jobs, s=size: prepare(c, n, s)
            )
            one = self._write(copy, queue, definition, jobs, size)
            found |= {f"{runtime}.{key}": value for key, value in one.items()}
        return found

    def _write(self, copy, queue, definition, jobs, size):
        queue_id = copy.queue_id(queue)
        before = copy.newest(queue_id)
        for _ in range(jobs):
            copy.work.submit(queue, definition)
        of_these = f"FROM log_stream WHERE job_id > '{before}'"
        whole = jobs * size
        wait_for(
            "all output",
            lambda: int(copy.now.value(f"SELECT coalesce(sum(end_offset), 0) {of_these}")) >= whole,
            END_S,
            every=0.02,
        )
        ended = time.time()
        wait_done(copy, queue_id, before, jobs)
        began = float(
            copy.now.value(
                f"SELECT min(started_at_ms) / 1000.0 FROM attempt WHERE job_id > '{before}'"
            )
        )
        behind = copy.now.value(
            "SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY e.ingested_at_ms - e.at_ms)"
            f" FROM log_event e JOIN log_stream s ON s.id = e.stream_id WHERE s.job_id > '{before}'"
        )
        return {"mbPerSecond": whole / 1e6 / (ended - began), "behindS": float(behind) / 1000}


def prepare(copy, jobs, size):
    command = ["sh", "-c", f"yes '{LINE}' | head -c {size}"]
    return copy.queue(jobs, ("m5.large",)), copy.work.definition(command)
