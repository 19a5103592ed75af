"""SubmitJob beside raw inserts."""

from baselines import raw_inserts
from benchmark import Benchmark, Figure, Loader, once
from cpu import Meter

CONNECTIONS = 64


def waiting_queue(copy):
    """With room for nothing: its jobs wait, so only their submission is measured."""
    environment = copy.work.environment(max_vcpus=0)
    return copy.work.queue(environment), copy.work.definition(["true"])


class Submit(Benchmark):
    name = "submit"
    what = (
        "SubmitJob over 64 connections, each signed and with an invocation id of its own, as an SDK"
        " sends them. The jobs wait. Beside it pgbench inserts rows like theirs, 64 clients, a"
        " transaction each, into a table with the same indexes of the same PostgreSQL."
    )
    figures = (
        Figure("perSecond", "submissions", "a second", of="pgbench.perSecond", least=0.8),
        Figure("p99ms", "99 of 100 are answered within", "ms", most=25),
        Figure("p50ms", "half are answered within", "ms"),
        Figure("cpuUs", "CPU of all processes", "µs a submission"),
    )
    copies = ("null",)

    def baselines(self):
        return {"pgbench": self._inserts}

    def _inserts(self, _):
        copy = self.bench.ours.copy("null")
        return raw_inserts(copy, self.bench.folder, max(8, round(self.bench.scaled(15))))

    def measure(self, side):
        copy = side.copy("null")
        queue, definition = once(side, "null", "waiting", lambda: waiting_queue(copy))
        load = Loader(self.bench, copy)
        load.submit(200, queue, definition, CONNECTIONS)
        with Meter(copy.home) as meter:
            seconds = max(1, self.bench.scaled(15))
            found = load.submit(10**8, queue, definition, CONNECTIONS, ["-t", seconds])
        shares, all_us = meter.each(found["jobs"])
        return found | {"cpuUs": all_us, "cpu": shares}
