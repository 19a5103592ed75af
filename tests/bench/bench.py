"""./openbatch bench: runs benchmarks beside their baselines, alternating, and writes one report.

Everything runs on copies of its own; the copy of this directory is not touched."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import machine  # noqa: E402
import report  # noqa: E402
from arguments import PARTS, arguments  # noqa: E402
from copies import ROOT, Side, port_ranges  # noqa: E402
from marks import ALL  # noqa: E402
from slurm import Slurm  # noqa: E402

SHORT = 0.02


def say(text):
    print(text, flush=True)


class Bench:
    """One run: its folder, its scale, the versions that it measures."""

    def __init__(self, options, installed, build):
        self.options, self.installed, self.build = options, Path(installed), Path(build)
        self.scale = SHORT if options.short else float(os.environ.get("OPENBATCH_BENCH_SCALE", "1"))
        self.folder = Path(tempfile.mkdtemp(prefix="openbatch-bench.", dir="/tmp"))
        self.folder.chmod(0o711)
        self.numbers = port_ranges()
        self.ours = Side(ROOT, self.installed, self.build, self.folder, self.numbers)
        self.other, self.other_tree, self._slurm = None, None, None

    def scaled(self, number):
        return number * self.scale

    def count(self, number, least=20):
        return max(least, round(number * self.scale))

    def program(self, name):
        return self.build / "tests/bench" / name

    def slurm(self):
        """None: without --with-slurm."""
        if self.options.with_slurm and not self._slurm:
            ports = next(self.numbers)
            self._slurm = Slurm(self, self.folder / "slurm", (ports, ports + 1))
        return self._slurm

    def end_slurm(self):
        if self._slurm:
            self._slurm.stop()
            self.ours.state = {k: v for k, v in self.ours.state.items() if k[0] != "slurm"}
        self._slurm = None

    def prepare_other(self, revision):
        """Another version, in a tree and a build of its own."""
        self.other_tree = self.folder / "other"
        git = ["git", "-C", ROOT]
        subprocess.run(
            [*git, "worktree", "add", "-q", "--detach", self.other_tree, revision], check=True
        )
        build = self.folder / "other-build"
        say(f"building {revision}")
        for command in (
            ["meson", "setup", "--buildtype=debugoptimized", "-Dwerror=false", "-Dtests=false"]
            + [build, self.other_tree],
            ["ninja", "-C", build],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"{revision}: {(done.stdout + done.stderr)[-2000:]}")
        self.other = Side(self.other_tree, self.installed, build, self.folder, self.numbers)

    def close(self):
        with contextlib.suppress(Exception):
            self.end_slurm()
        for side in filter(None, (self.ours, self.other)):
            side.drop_all()
        if self.other_tree:
            subprocess.run(
                ["git", "-C", ROOT, "worktree", "remove", "--force", self.other_tree],
                capture_output=True,
            )
        shutil.rmtree(self.folder, ignore_errors=True)


def slices(benchmark, bench):
    """Ours and each baseline in turn, in the other order every second time."""
    if bench.other:
        beside = {"other": lambda _: benchmark.measure(bench.other)}
    else:
        beside = benchmark.baselines()
    found = []
    for n in range(benchmark.pairs if bench.scale >= 0.5 else min(2, benchmark.pairs)):
        one = {"ours": None, "beside": {}}
        order = [("ours", None), *beside.items()]
        for name, measure in reversed(order) if n % 2 else order:
            if measure is None:
                one["ours"] = benchmark.measure(bench.ours)
            else:
                one["beside"][name] = measure(one["ours"])
        found.append(one)
        say(f"  {report.slice_text(benchmark, one)}")
    return found


def run(benchmark_class, bench):
    """{name, what, slices, notes, seconds, failure}."""
    benchmark = benchmark_class(bench)
    result = {"name": benchmark.name, "what": benchmark.what, "slices": [], "notes": []}
    begin = time.monotonic()
    say(f"== {benchmark.name}")
    try:
        result["slices"] = slices(benchmark, bench)
        result["notes"] = benchmark.notes()
    except Exception as error:  # one that fails does not end the others
        traceback.print_exc()
        result["failure"] = f"{type(error).__name__}: {error}"[:500]
    result["seconds"] = time.monotonic() - begin
    return result


def drop_unused(bench, left):
    """Copies that no later benchmark uses: what idles beside a measurement disturbs it."""
    needed = {name for benchmark in left for name in benchmark.copies}
    for side in filter(None, (bench.ours, bench.other)):
        for name in set(side.copies) - needed:
            side.drop(name)
    if not any(b.name in ("life", "array", "containers") for b in left):
        bench.end_slurm()


def run_parts(bench):
    status = 0
    for name in [name for name in bench.options.names if name in PARTS]:
        program, what = PARTS[name]
        say(f"== {name}: {what}")
        status |= subprocess.run([bench.program(program)]).returncode != 0
    return status


def measure_all(bench):
    asked = bench.options.names
    chosen = [b for b in ALL if b.name in asked or not asked]
    if not chosen:
        return 0
    results = {"machine": machine.describe(ROOT, bench.build), "benchmarks": []}
    results |= {"scale": bench.scale, "compare": bench.options.compare}
    begin = time.monotonic()
    if bench.options.compare:
        bench.prepare_other(bench.options.compare)
    for n, benchmark in enumerate(chosen):
        results["benchmarks"].append(run(benchmark, bench))
        drop_unused(bench, chosen[n + 1 :])
    results["seconds"] = time.monotonic() - begin
    results["figures"] = report.judge(results, {b.name: b.figures for b in chosen})
    folder = Path(bench.options.report or bench.installed / "bench")
    report.write(results, folder)
    if bench.options.docs:
        report.write_documents(results, ROOT)
    say(f"the report is {folder}/benchmarks.md; its figures are in {folder}/benchmarks.json")
    return 1 if any("failure" in one for one in results["benchmarks"]) else 0


def main():
    options = arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(options, os.environ["OPENBATCH_HOME"], os.environ["OB_BUILD"])
    try:
        return run_parts(bench) or measure_all(bench)
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
