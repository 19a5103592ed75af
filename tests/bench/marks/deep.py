"""A million jobs that wait, on a thousand instances."""

import time
from pathlib import Path

from benchmark import Benchmark, Figure, Loader, once
from copies import wait_for
from hosts import begin_hosts, wait_loaded, wait_placed
from rows import insert_jobs, stopped
from stats import median

SHAPES = 50
INSTANCES, VCPUS, RUN_MS = 1000, 4, 4000
STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")


class Deep(Benchmark):
    name = "deep"
    what = (
        "A million jobs of 50 shapes wait, while a thousand instances of 4 vCPUs run jobs of four"
        " seconds. One process poses as all the hosts (tests/bench/hosts.c); it speaks as their"
        " executors would. The jobs are rows inserted by SQL. A round is what the scheduler decides"
        " and commits at once; its figures are of windows of 200 rounds."
    )
    pairs = 1
    copies = ("deep",)
    figures = (
        Figure("roundP99ms", "99 of 100 rounds take", "ms", most=50),
        Figure("roundP50ms", "half of the rounds take", "ms"),
        *(
            Figure(f"list.{state}", f"ListJobs, a page of {state}: 99 of 100 within", "ms", most=30)
            for state in STATES
        ),
        Figure("countsMs", "counts of a queue", "ms", most=5),
        Figure("snapshotMs", "GetJobQueueSnapshot: 99 of 100 within", "ms"),
        Figure("memoryMib", "memory of the scheduler", "MiB", most=1024),
        Figure("loadS", "the scheduler has loaded all after", "s"),
        Figure("perSecond", "jobs that end meanwhile", "a second"),
    )

    def measure(self, side):
        deep = prepare(self.bench, side)
        copy, queue = deep["copy"], deep["queue"]
        found = {"loadS": deep["loadS"]} | watch_rounds(copy, max(4, self.bench.scaled(30)))
        load, count = Loader(self.bench, copy), self.bench.count(400, least=50)
        for state in STATES:
            body = {"jobQueue": queue, "jobStatus": state}
            found[f"list.{state}"] = load.request("/v1/listjobs", body, count)["p99ms"]
        body = {"jobQueue": queue}
        found["snapshotMs"] = load.request("/v1/getjobqueuesnapshot", body, count)["p99ms"]
        found |= counts_ms(copy, deep["queue_id"])
        found["memoryMib"] = resident_mib(copy.pid("scheduler"))
        return found

    def notes(self):
        return ["This version keeps no counts of a queue's jobs."] if self.without_counts() else []

    def without_counts(self):
        deep = self.bench.ours.state.get(("deep", "all"))
        return deep is not None and not counts_ms(deep["copy"], deep["queue_id"])


def watch_rounds(copy, seconds):
    """The scheduler posts its figures once a second."""
    p50, p99, begin = [], [], time.monotonic()
    ended = "SELECT count(*) FROM done"
    before = int(copy.now.value(ended))
    while time.monotonic() - begin < seconds:
        time.sleep(1)
        figures = copy.health("scheduler")["info"]["roundUs"]
        p50.append(figures["median"] / 1000)
        p99.append(figures["p99"] / 1000)
    rate = (int(copy.now.value(ended)) - before) / (time.monotonic() - begin)
    return {"roundP50ms": median(p50), "roundP99ms": median(p99), "perSecond": rate}


def counts_ms(copy, queue_id):
    """The longest of some readings of the counts that the scheduler keeps; {}: it keeps none."""
    body = copy.now.value(
        f"SELECT coalesce((SELECT body FROM queue_snapshot WHERE queue_id = {queue_id}), '')"
    )
    if "counts" not in body:
        return {}
    took = []
    for _ in range(50):
        begin = time.monotonic()
        copy.now.value(f"SELECT body FROM queue_snapshot WHERE queue_id = {queue_id}")
        took.append((time.monotonic() - begin) * 1000)
    return {"countsMs": max(took)}


def resident_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory")


# --- the copy, which `start` uses as well ---


def prepare(bench, side):
    return once(side, "deep", "all", lambda: _prepare(bench, side))


def _prepare(bench, side):
    copy = side.copy("deep")
    environment = copy.work.unmanaged()
    queue = copy.work.queue(environment)
    model = copy.work.submit(queue, copy.work.definition(["sleep", str(RUN_MS / 1000)]))
    wait_for(
        "the first job to wait",
        lambda: copy.sql(f"SELECT 1 FROM live WHERE job_id = '{model}' AND state = 2"),
        60,
    )
    count = bench.count(1_000_000, least=2000)
    start = stopped(copy, "scheduler")
    insert_jobs(
        copy,
        model,
        count,
        ("live",),
        {
            "job": {"mem_mib": f"64 + n % {SHAPES}", "name": "'deep-' || n"},
            "live": {"ord": "m.ord + 1 + n"},
        },
    )
    begin = time.monotonic()
    start(600)
    wait_loaded(copy, count)
    load_s = time.monotonic() - begin
    hosts = bench.count(INSTANCES, least=20)
    begin_hosts(bench, side, copy, environment, hosts, VCPUS, RUN_MS)
    wait_placed(copy, hosts * VCPUS * 0.9)
    return {
        "copy": copy,
        "queue": queue,
        "queue_id": copy.queue_id(queue),
        "loadS": load_s,
        "count": count,
    }
