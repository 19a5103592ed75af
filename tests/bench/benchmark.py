"""What a benchmark is: what it prepares on a copy, one slice of what it measures there, what it
measures beside it as a baseline, and the figures with their goals."""

import json
import subprocess
import time
from dataclasses import dataclass

from copies import wait_for
from cpu import Meter

END_S = 900  # the longest that jobs of a slice may take


@dataclass(frozen=True)
class Figure:
    """key: in the results of a slice. of: a baseline's figure, "slurm.perSecond"; with it, least
    and most are about the ratio. A value must be at least `least`, below `most`, or not above
    `upto`."""

    key: str
    label: str
    unit: str
    of: str | None = None
    least: float | None = None
    most: float | None = None
    upto: float | None = None

    def goal(self):
        """As text; empty: none."""
        times = " ×" if self.of else f" {self.unit}"
        if self.least is not None:
            return f">= {self.least:g}{times}"
        if self.upto is not None:
            return f"<= {self.upto:g}{times}"
        return f"< {self.most:g}{times}" if self.most is not None else ""

    def is_met(self, value):
        """None: there is no goal, or no value."""
        if value is None or not self.goal():
            return None
        if self.upto is not None:
            return value <= self.upto
        return value >= self.least if self.least is not None else value < self.most


class Benchmark:
    name = ""
    what = ""  # one sentence: what is measured, and how
    pairs = 3  # slices, each with its baselines
    figures = ()
    copies = ()  # that are dropped afterwards: (name, …)

    def __init__(self, bench):
        self.bench = bench

    def baselines(self):
        """{name: function of the slice's results that measures it}; what cannot be measured here
        is not in it."""
        return {}

    def measure(self, side):
        """One slice on a side: {figure: number}; "cpu": {process: µs each}."""
        raise NotImplementedError

    def notes(self):
        """Sentences for the report, about this run."""
        return []


def once(side, name, key, make):
    """What a benchmark prepares on a copy, made the first time."""
    at = (name, key)
    if at not in side.state:
        side.state[at] = make()
    return side.state[at]


def numbers_of(command, env=None, check=True):
    """The last line of what a program of ours prints, a JSON object."""
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if (check and done.returncode != 0) or not lines:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr[-500:]}")
    return json.loads(lines[-1])


class Loader:
    """The load generator, against a copy."""

    def __init__(self, bench, copy):
        self.program, self.env = bench.program("load"), copy.env

    def run(self, *words):
        return numbers_of([self.program, *map(str, words)], env=self.env)

    def submit(self, count, queue, definition, connections=64, options=()):
        return self.run(*options, count, connections, queue, definition)

    def each(self, count, queue, definition, options=()):
        """(figures, [{jobId, sentAt, ms}])."""
        done = subprocess.run(
            [self.program, "-v", *map(str, options), str(count), "1", queue, definition],
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return rows[-1], rows[:-1]

    def request(self, path, body, count, connections=1):
        return self.run("-p", path, "-b", json.dumps(body), count, connections)


def wait_done(copy, queue_id, before, count):
    """Until all that was submitted has ended, and every job has succeeded."""
    wait_for("the end of all jobs", copy.is_done, END_S, every=0.05)
    ended = copy.succeeded(queue_id, before)
    if ended != count:
        raise RuntimeError(f"{ended} of {count} jobs have succeeded")


def lives(bench, copy, queue, definition, count, options=(), each=1, every=None):
    """Submits and waits for the end of all; {perSecond, cpuUs, cpu, …}. each: jobs of one
    submission; every: see Meter."""
    queue_id = copy.queue_id(queue)
    before = copy.newest(queue_id)
    with Meter(copy.home, every) as meter:
        begin = time.monotonic()
        sent = Loader(bench, copy).submit(count, queue, definition, options=options)
        wait_done(copy, queue_id, before, count)
        took = time.monotonic() - begin
    shares, all_us = meter.each(count * each)
    return {
        "perSecond": count * each / took,
        "submittedPerSecond": sent["perSecond"],
        "cpuUs": all_us,
        "cpu": shares,
    }


def count_for(rate, seconds, least):
    return max(least, int(rate * seconds))
