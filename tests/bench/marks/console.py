"""The web console with a million waiting and a million ended jobs behind it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmark import Benchmark, Figure, once
from browsing import chromium, run_scenario
from copies import wait_for
from cpu import Meter
from hosts import begin_hosts, end_hosts, wait_loaded, wait_placed
from rows import insert_jobs, stopped
from stats import median, quantile

JOBS, CHILDREN, SHAPES, TABS = 1_000_000, 10_000, 50, 20
HOSTS, VCPUS, RUN_MS = 100, 16, 4000
ARRAY_HOSTS = 4
SCREENS_S = 600  # for the screens, before tabs follow
FOLLOW_S = 120
HOURS_MS = 3 * 3600 * 1000
SCENARIOS = Path(__file__).resolve().parents[1] / "console"


def follow_s(bench):
    """How long tabs follow; OPENBATCH_BENCH_FOLLOW_S overrides it, in seconds."""
    return float(os.environ.get("OPENBATCH_BENCH_FOLLOW_S") or max(10, bench.scaled(FOLLOW_S)))


class Console(Benchmark):
    name = "console"
    what = (
        "The web console in Debian's chromium, on a copy with a million jobs that wait, a million"
        " that have ended, and an array of 10,000, while jobs of four seconds run on a hundred"
        " hosts that one process poses as (see deep). A screen is shown when its data are drawn; a"
        " first one begins with an empty cache, a following one with a click. Then twenty tabs"
        " follow what happens for two minutes, on five screens, each in a browser context of its"
        " own. Memory of a tab is that of its scripts."
    )
    pairs = 1
    copies = ("console",)
    figures = (
        Figure("firstMs", "first screens: 95 of 100 within", "ms", most=1000),
        Figure("nextMs", "following screens: 95 of 100 within", "ms", most=300),
        Figure("firstHalfMs", "half of the first screens within", "ms"),
        Figure("nextHalfMs", "half of the following screens within", "ms"),
        Figure("loadKib", "first load, compressed", "KiB", upto=120),
        Figure("drawMs", "drawing 10,000 children, median", "ms", upto=1),
        Figure("rows", "rows in a page at most", "rows", upto=200),
        Figure("changesPerSecond", "changes that a tab is told of", "a second", least=1000),
        Figure("messagesPerSecond", "messages to a tab", "a second", upto=4),
        Figure("heapMb", "memory of a tab at most", "MB", most=80),
        Figure("peakMb", "the same with garbage", "MB"),
        Figure("apiPercent", "CPU of the api for twenty tabs", "% of a core", most=2),
        Figure("consolePercent", "CPU of the console", "% of a core"),
    )

    def __init__(self, bench):
        super().__init__(bench)
        self.said = []

    def measure(self, side):
        made = once(side, "console", "all", lambda: prepare(self.bench, side))
        copy, home = made.copy, self.bench.installed
        given = {
            "url": f"http://127.0.0.1:{copy.settings['OPENBATCH_CONSOLE_PORT']}",
            "key": {
                "id": copy.env["AWS_ACCESS_KEY_ID"],
                "secret": copy.env["AWS_SECRET_ACCESS_KEY"],
            },
        }
        with chromium(home) as address:
            given["browser"] = address
            found = self._screens(home, given, made)
            followed = self._follow(home, given, made)
        return found | followed | {"rows": max(found["rows"], followed["rows"])}

    def _screens(self, home, given, made):
        wanted = {
            "jobs": made.jobs(),
            "rounds": self.bench.count(10, least=2),
            "redraws": self.bench.count(100, least=20),
        }
        seen = run_scenario(home, SCENARIOS / "screens.js", given | wanted, 3600)
        found = {"loadKib": seen["bytes"] / 1024, "rows": seen["rows"]}
        found["drawMs"] = median(seen["drawings"])
        self.said += errors(seen["wrong"])
        for kind in ("first", "next"):
            every = [ms for screen in seen[kind].values() for ms in screen]
            found[f"{kind}Ms"] = quantile(every, 0.95)
            found[f"{kind}HalfMs"] = median(every)
            slowest = sorted(seen[kind].items(), key=lambda screen: -median(screen[1]))
            texts = (f"{name} {median(took):.0f} ms" for name, took in slowest)
            self.said.append(f"Medians of {kind} screens: {', '.join(texts)}.")
        return found

    def _follow(self, home, given, made):
        seconds, used = follow_s(self.bench), {}

        def measure(into, long):
            with Meter(made.copy.home) as meter:
                time.sleep(long)
            into |= {name: us / long for name, us in meter.used.items()}

        alone = {}
        measure(alone, min(10, seconds))
        count = self.bench.count(TABS, least=5)
        wanted = {"jobs": made.jobs(), "seconds": seconds, "tabs": count}
        seen = run_scenario(
            home,
            SCENARIOS / "follow.js",
            given | wanted,
            seconds + 1200,
            lambda: measure(used, seconds * 0.95),
        )
        tabs = seen["tabs"]
        self.said.append(
            f"{len(tabs)} tabs have followed for {seconds:.0f} s. The api took"
            f" {alone.get('api', 0) / 1e4:.2g} % of a core without them."
        )
        self.said += told_wrong(tabs) + errors(seen["wrong"])
        busy = [tab for tab in tabs if "/job/" not in tab["path"]]  # the array has its own queue
        return {
            "rows": max(tab["rows"] for tab in tabs),
            "changesPerSecond": min(tab["changes"] / tab["seconds"] for tab in busy),
            "messagesPerSecond": max(tab["messages"] / tab["seconds"] for tab in tabs),
            "heapMb": max(tab["heap"] for tab in tabs) / 1e6,
            "peakMb": max(tab["peak"] for tab in tabs) / 1e6,
            "apiPercent": used.get("api", 0) / 1e4,
            "consolePercent": used.get("console", 0) / 1e4,
            "cpu": used,
        }

    def notes(self):
        return self.said


def told_wrong(tabs):
    """Sentences about tabs that missed changes, or whose stream ended."""
    missed = [tab["path"] for tab in tabs if tab["missed"]]
    again = [tab["path"] for tab in tabs if tab["streams"] > 1]
    return [
        f"{len(paths)} tabs {what}: {', '.join(sorted(set(paths)))}."
        for paths, what in ((missed, "have missed changes"), (again, "had several streams"))
        if paths
    ]


def errors(texts):
    """A sentence about what pages complained of."""
    return [f"Pages told of {len(texts)} errors, the first: `{texts[0][:200]}`."] if texts else []


# --- the copy ---


@dataclass
class Made:
    copy: object
    environment: str
    queue: str
    array: str  # ids of jobs
    ended: str
    waiting: str

    def jobs(self):
        """For tests/bench/console/places.js."""
        found = {"environment": self.environment, "queue": self.queue, "array": self.array}
        found |= {"ended": self.ended, "waiting": self.waiting}
        return found | {"name": "old-77", "page": 100}


def prepare(bench, side):
    copy = side.copy("console")
    environment = copy.work.unmanaged()
    queue = copy.work.queue(environment)
    definition = copy.work.definition(["sleep", str(RUN_MS / 1000)])
    hosts = bench.count(HOSTS, least=10)
    rate = hosts * VCPUS * 1000 / RUN_MS
    ended = run_one(bench, side, copy, (environment, queue, definition))
    waiting = copy.work.submit(queue, definition)
    wait_for("a job to wait", lambda: copy.work.job(waiting)["status"] == "RUNNABLE", 60)
    start = stopped(copy, "scheduler")
    count = bench.count(JOBS, least=2000)
    insert_ended(copy, ended, count)
    # As many as run meanwhile, and those that still wait then.
    waiting_count = count + round(rate * (SCREENS_S + follow_s(bench)))
    insert_waiting(copy, waiting, waiting_count)
    copy.sql("DELETE FROM queue_snapshot")  # the scheduler counts the ended jobs anew
    start(600)
    wait_loaded(copy, count)
    begin_hosts(bench, side, copy, environment, hosts, VCPUS, RUN_MS)
    array = begin_array(bench, side, copy, definition)
    wait_placed(copy, hosts * VCPUS * 0.9)
    last = id_of(copy, f"new-{waiting_count - 1}")
    return Made(copy, environment, queue, array, id_of(copy, "old-1"), last)


def run_one(bench, side, copy, where):
    """A job that has run to its end on a host, which is gone again."""
    environment, queue, definition = where
    process = begin_hosts(bench, side, copy, environment, 1, VCPUS, 500)
    job = copy.work.submit(queue, definition)
    copy.work.wait(job, "SUCCEEDED")
    end_hosts(side, copy, environment, process)
    return job


def insert_ended(copy, model, count):
    """Every fiftieth has failed."""
    failed = "CASE WHEN n % 50 = 0 THEN {} ELSE {} END"
    changes = {
        "job": {"name": "'old-' || n"},
        "done": {"state": failed.format("6::smallint", "m.state")},
        "attempt": {"exit_code": failed.format("1", "m.exit_code")},
    }
    insert_jobs(copy, model, count, ("done", "attempt"), changes, HOURS_MS)


def insert_waiting(copy, model, count):
    changes = {
        "job": {"mem_mib": f"64 + n % {SHAPES}", "name": "'new-' || n"},
        "live": {"ord": "m.ord + 1 + n"},
    }
    insert_jobs(copy, model, count, ("live",), changes)


def id_of(copy, name):
    return copy.now.value(f"SELECT id FROM job WHERE name = '{name}'")


def begin_array(bench, side, copy, definition):
    """One whose children run all the time, a few at once, on hosts of its own."""
    environment = copy.work.unmanaged()
    queue = copy.work.queue(environment, priority=2)
    size = bench.count(CHILDREN, least=1000)
    lasts_s = SCREENS_S * 1.5 + follow_s(bench)
    run_ms = round(lasts_s * 1000 * ARRAY_HOSTS * VCPUS / size)
    begin_hosts(bench, side, copy, environment, ARRAY_HOSTS, VCPUS, run_ms)
    more = {"jobName": "picture", "arrayProperties": {"size": size}}
    return copy.work.submit(queue, definition, **more)
