"""Separate jobs from submission to their end."""

from benchmark import Benchmark, Figure, count_for, lives, once


def null_queue(copy):
    return copy.queue(), copy.work.definition(["true"])


class Life(Benchmark):
    name = "life"
    what = (
        "Separate jobs with the null runtime (no container), submitted over 64 connections, until"
        " every one is SUCCEEDED and that is committed. Beside it Slurm runs the program `true` as"
        " separate jobs, submitted by four sbatch at a time."
    )
    figures = (
        Figure("perSecond", "jobs", "a second", of="slurm.perSecond", least=80),
        Figure("cpuUs", "CPU of all processes", "µs a job", most=550),
        Figure("submittedPerSecond", "submitted meanwhile", "a second"),
    )
    copies = ("null",)
    seconds = 60

    def baselines(self):
        return {"slurm": self._slurm} if self.bench.slurm() else {}

    def _slurm(self, _):
        slurm = self.bench.slurm()
        rate = once(self.bench.ours, "slurm", "rate", lambda: slurm.separate(20)["perSecond"])
        return slurm.separate(count_for(rate, self.bench.scaled(20), 20))

    def measure(self, side):
        copy = side.copy("null")
        queue, definition = once(side, "null", "queue", lambda: null_queue(copy))
        rate = once(
            side,
            "null",
            "life rate",
            lambda: lives(self.bench, copy, queue, definition, self.bench.count(4000))["perSecond"],
        )
        count = count_for(rate, self.bench.scaled(self.seconds), 100)
        return lives(self.bench, copy, queue, definition, count) | {"jobs": count}
