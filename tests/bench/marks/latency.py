"""How soon a job starts on an idle copy."""

from benchmark import Benchmark, Figure, Loader, once, wait_done
from stats import quantile

EVERY_MS = {"null": 60, "docker": 1200, "oci": 150}
COUNT = {"null": 300, "docker": 12, "oci": 60}


class Latency(Benchmark):
    name = "latency"
    what = (
        "A job at a time on an idle copy, from sending SubmitJob to the start that the executor"
        " reports, by the clock of the host. With containers that is the start of the container."
    )
    figures = (
        Figure("null.p50ms", "null runtime: half start within", "ms", most=8),
        Figure("null.p99ms", "null runtime: 99 of 100 start within", "ms", most=25),
        Figure("oci.p50ms", "crun: half start within", "ms", most=30),
        Figure("docker.p50ms", "Docker: half start within", "ms"),
    )
    copies = ("null", "docker", "oci")

    def measure(self, side):
        found = {}
        for runtime in ("null", *side.runtimes()):
            copy = side.copy(runtime, runtime)
            queue, definition = once(
                side,
                runtime,
                "one",
                lambda c=copy: (c.queue(4, ("m5.xlarge",)), c.work.definition(["true"])),
            )
            took = self._starts(copy, queue, definition, runtime)
            found[f"{runtime}.p50ms"] = quantile(took, 0.5)
            found[f"{runtime}.p99ms"] = quantile(took, 0.99)
        return found

    def _starts(self, copy, queue, definition, runtime):
        count = self.bench.count(COUNT[runtime], least=5)
        queue_id, load = copy.queue_id(queue), Loader(self.bench, copy)
        for number in (2, count):  # the first ones only warm what is cold
            before = copy.newest(queue_id)
            _, jobs = load.each(number, queue, definition, ["-e", EVERY_MS[runtime]])
            wait_done(copy, queue_id, before, number)
        rows = copy.sql(f"SELECT job_id, started_at_ms FROM attempt WHERE job_id > '{before}'")
        started = {row[0]: float(row[1]) for row in rows}
        return [started[job["jobId"]] - job["sentAt"] * 1000 for job in jobs]
