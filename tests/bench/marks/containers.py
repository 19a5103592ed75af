"""Real containers, beside the bare loop of what runs them."""

import os

from baselines import engine_loop, has, make_bundle, oci_loop
from benchmark import Benchmark, Figure, count_for, lives, once


class Containers(Benchmark):
    name = "containers"
    what = (
        "Containers of a static `true` as jobs, from submission to SUCCEEDED, two at a time for"
        " each core. Beside them, with as many at a time, from create to remove: the same engine"
        " through its bare API, and crun and runc alone; each in one process without a shell."
    )
    figures = (
        Figure("docker.perSecond", "Docker: jobs", "a second", of="engine.perSecond", least=0.95),
        Figure("docker.cpuUs", "Docker: CPU of all processes", "µs a job", of="engine.cpuUs"),
        Figure("oci.perSecond", "OCI: jobs", "a second", of="crun.perSecond", least=0.6),
        Figure("oci.perSecond", "OCI: jobs", "a second", of="slurm.perSecond", least=4),
        Figure("oci.cpuUs", "OCI: CPU of all processes", "µs a job", of="crun.cpuUs"),
        Figure("oci.perSecond", "OCI: jobs", "a second", of="runc.perSecond"),
        Figure("oci.perSecond", "OCI: jobs", "a second", of="crunRun.perSecond"),
    )
    copies = ("docker", "oci")

    @property
    def parallel(self):
        return 2 * os.cpu_count()

    def baselines(self):
        found = {"engine": self._engine}
        found |= {name: self._oci(name) for name in ("crun", "runc") if has(name)}
        if has("crun"):
            found["crunRun"] = self._oci("crun", whole=True)
        if self.bench.slurm():
            found["slurm"] = self._slurm
        return found

    def _docker(self):
        return self.bench.ours.copy("docker", "docker")

    def _measured(self, key, run, seconds=15.0, least=8):
        """run(count), with as many as take so many seconds."""
        rate = once(self.bench.ours, "docker", key, lambda: run(least)["perSecond"])
        return run(count_for(rate, self.bench.scaled(seconds), least))

    def _engine(self, _):
        def run(count):
            return engine_loop(self.bench, self._docker(), count, self.parallel)

        return self._measured("engine", run)

    def _oci(self, program, whole=False):
        def measure(_):
            bundle = make_bundle(self._docker(), self.bench.folder)

            def run(count):
                return oci_loop(self.bench, program, bundle, count, self.parallel, whole)

            return self._measured(f"{program}{whole}", run, seconds=5)

        return measure

    def _slurm(self, _):
        return self._measured("slurm", self.bench.slurm().separate, seconds=10, least=20)

    def measure(self, side):
        found = {}
        for runtime in side.runtimes():
            copy = side.copy(runtime, runtime)
            queue, definition = once(side, runtime, "many", lambda c=copy: self._prepare(c))

            def run(count, copy=copy, queue=queue, definition=definition):
                return lives(self.bench, copy, queue, definition, count, every=0.2)

            rate = once(side, runtime, "rate", lambda r=run: r(8)["perSecond"])
            one = run(count_for(rate, self.bench.scaled(15), 8))
            found |= {f"{runtime}.{key}": value for key, value in one.items() if key != "cpu"}
            found[f"cpu.{runtime}"] = one["cpu"]
        return found

    def _prepare(self, copy):
        return copy.queue(self.parallel, ("m5.large",)), copy.work.definition(["true"])

    def notes(self):
        absent = {"docker", "oci"} - set(self.bench.ours.runtimes())
        notes = [f"This version's executor does not know the runtime {name}." for name in absent]
        return notes + [f"{p} is not installed." for p in ("crun", "runc") if not has(p)]
