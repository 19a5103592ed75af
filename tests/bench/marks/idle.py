"""What a copy costs that does nothing."""

import contextlib
import time
from pathlib import Path

from benchmark import Benchmark, Figure, once
from copies import wait_for
from cpu import Meter, memory_kib

OURS = ("api", "scheduler", "scaler")
INSTANCES = 10


class Idle(Benchmark):
    name = "idle"
    what = (
        "A copy with ten instances and no job. Memory is that of the api, the scheduler, the scaler"
        " and one executor, with shared pages counted by shares. CPU is that of all our processes"
        " with all ten executors, without the servers and the supervision. The time to ready is"
        " from the order to start until the service says that it is well, of the slowest service."
    )
    figures = (
        Figure("memoryMib", "memory of api, scheduler, scaler, executor", "MiB", most=64),
        Figure("residentMib", "the same with shared pages in full", "MiB"),
        Figure("cpuPercent", "CPU of our processes, ten instances", "% of a core", most=1),
        Figure("serversPercent", "CPU of PostgreSQL, Kafka, Redis", "% of a core"),
        Figure("readyMs", "start to ready", "ms", most=100),
    )
    copies = ("null",)

    def measure(self, side):
        copy = side.copy("null")
        once(side, "null", "ten", lambda: prepare(copy))
        with Meter(copy.home) as meter:
            begin = time.monotonic()
            time.sleep(max(2, self.bench.scaled(20)))
            took = time.monotonic() - begin
        ours = sum(us for name, us in meter.used.items() if name in (*OURS, "executor"))
        servers = sum(meter.used.get(name, 0) for name in ("postgresql", "kafka", "redis"))
        pids = [copy.pid(service) for service in OURS] + [executor_of(copy)]
        memory = [memory_kib(pid) for pid in pids]
        return {
            "memoryMib": sum(pss for pss, _ in memory) / 1024,
            "residentMib": sum(rss for _, rss in memory) / 1024,
            "cpuPercent": ours / took / 1e4,
            "serversPercent": servers / took / 1e4,
            "cpu": {name: us / took for name, us in meter.used.items()},
            "readyMs": max(ready_ms(copy, service) for service in OURS),
        }


def prepare(copy):
    queue = copy.queue(2 * INSTANCES, ("m5.large",))
    count = copy.now.value("SELECT count(*) FROM instance WHERE state = 1 AND vcpus = 2")
    if int(count) < INSTANCES:
        raise RuntimeError(f"there are {count} instances")
    time.sleep(2)
    return queue


def executor_of(copy):
    """The process of an instance."""
    for folder in Path(copy.home, "instances").iterdir():
        with contextlib.suppress(OSError, ValueError):
            return int((folder / "supervise/pid").read_text())
    raise RuntimeError("there is no executor")


def ready_ms(copy, service):
    """The supervisor starts it at the order."""
    folder = copy.home / "sv" / service
    control = folder / "supervise/control"
    control.write_text("d")
    wait_for(f"the end of {service}", lambda: not copy.pid(service), 20)
    wait_for(f"{service} to be silent", lambda: not is_well(copy, service), 5)
    begin = time.monotonic()
    control.write_text("u")
    wait_for(f"{service} to be well", lambda: is_well(copy, service), 60, every=0.001)
    return (time.monotonic() - begin) * 1000


def is_well(copy, service):
    if service == "api":
        return copy.healthz()[0] == 200
    health = copy.health(service)
    return health and health.get("ok") and health.get("leader", True)
