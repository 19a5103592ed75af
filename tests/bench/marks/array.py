"""Arrays of 10,000."""

import time

from benchmark import Benchmark, Figure, Loader, count_for, once, wait_done
from cpu import Meter
from stats import median

from marks.life import null_queue


class Array(Benchmark):
    name = "array"
    what = (
        "Arrays of 10,000 children with the null runtime, one after the other, each from SubmitJob"
        " until all children are SUCCEEDED and that is committed. Beside it Slurm runs one array of"
        " the program `true`."
    )
    figures = (
        Figure("perSecond", "children", "a second", of="slurm.perSecond", least=250),
        Figure("cpuUs", "CPU of all processes", "µs a child", most=180),
        Figure("acceptedMs", "accepted after", "ms", most=20),
        Figure("firstMs", "first child running after", "ms", most=100),
    )
    copies = ("null",)

    def baselines(self):
        return {"slurm": self._slurm} if self.bench.slurm() else {}

    def _slurm(self, _):
        slurm = self.bench.slurm()
        rate = once(self.bench.ours, "slurm", "array", lambda: slurm.array(20)["perSecond"])
        return slurm.array(min(20000, count_for(rate, self.bench.scaled(20), 20)))

    def measure(self, side):
        copy = side.copy("null")
        queue, definition = once(side, "null", "queue", lambda: null_queue(copy))
        size = self.bench.count(10_000, least=100)
        once(side, "null", "array warm", lambda: self._run(copy, queue, definition, 100, 1))
        return self._run(copy, queue, definition, size, max(1, round(self.bench.scaled(20))))

    def _run(self, copy, queue, definition, size, seconds):
        """Arrays for at least so many seconds."""
        load, queue_id = Loader(self.bench, copy), copy.queue_id(queue)
        accepted, first, arrays, begin = [], [], 0, time.monotonic()
        with Meter(copy.home) as meter:
            while time.monotonic() - begin < seconds:
                before = copy.newest(queue_id)
                _, [job] = load.each(1, queue, definition, ["-a", size])
                wait_done(copy, queue_id, before, 1)
                accepted.append(job["ms"])
                first.append(first_running_ms(copy, job))
                arrays += 1
            took = time.monotonic() - begin
        shares, all_us = meter.each(arrays * size)
        return {
            "perSecond": arrays * size / took,
            "acceptedMs": median(accepted),
            "firstMs": median(first),
            "cpuUs": all_us,
            "cpu": shares,
            "arrays": arrays,
        }


def first_running_ms(copy, job):
    """From sending the request to the start of the first child, by the host's clock."""
    started = copy.now.value(
        f"SELECT min(started_at_ms) FROM attempt WHERE job_id = '{job['jobId']}'"
    )
    return float(started) - job["sentAt"] * 1000
