"""How long a million live jobs hold up a scheduler that starts, or takes over."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

from benchmark import Benchmark, Figure
from copies import wait_for
from rows import stopped

from marks.deep import prepare


class Start(Benchmark):
    name = "start"
    what = (
        "With a million live jobs on a thousand instances (see deep): the time from the order to"
        " start until the scheduler has committed its first decision about a job; and, with a"
        " second scheduler on standby, from the kill of the leader until that one has."
    )
    figures = (
        Figure("startS", "first decision after a start", "s", most=3),
        Figure("failoverS", "first decision after the leader was killed", "s", most=1),
    )
    copies = ("deep",)

    def measure(self, side):
        copy = prepare(self.bench, side)["copy"]
        start = stopped(copy, "scheduler")
        begin = time.monotonic()
        last = last_round(copy)
        (copy.home / "sv/scheduler/supervise/control").write_text("u")
        found = {"startS": until_decided(copy, last) - begin}
        start(600)
        with standby(self.bench, copy):
            last = last_round(copy)
            copy.kill("scheduler")
            begin = time.monotonic()
            found["failoverS"] = until_decided(copy, last) - begin
        wait_for("the supervised one leads", lambda: leads(copy), 600)
        return found


def last_round(copy):
    """In which something was decided about a job."""
    return int(copy.now.value("SELECT coalesce(max(round), 0) FROM job_event"))


def until_decided(copy, last):
    wait_for("a decision", lambda: last_round(copy) > last, 120, every=0.005)
    return time.monotonic()


def leads(copy):
    health = copy.health("scheduler")
    return health and health.get("leader") and health.get("ok")


def schedulers(copy):
    return int(
        copy.now.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'openbatch-scheduler'"
        )
    )


@contextlib.contextmanager
def standby(bench, copy):
    """A second scheduler, which waits to lead."""
    run_dir = Path(bench.folder, "standby")
    run_dir.mkdir(mode=0o700, exist_ok=True)
    password = copy.home / "secrets/kafka-scheduler.password"
    with Path(bench.folder, "standby.log").open("a") as log:
        process = subprocess.Popen(
            [copy.build / "services/scheduler/openbatch-scheduler"],
            env=os.environ
            | copy.settings
            | {
                "OPENBATCH_RUN_DIR": str(run_dir),
                "OPENBATCH_PG": f"host={copy.run_dir} user=openbatch dbname=openbatch",
                "OPENBATCH_KAFKA_USER": "scheduler",
                "OPENBATCH_KAFKA_PASSWORD_FILE": str(password),
            },
            stderr=log,
        )
    try:
        wait_for("the standby", lambda: schedulers(copy) == 2, 60)
        time.sleep(2)
        yield process
    finally:
        process.kill()
        process.wait()
