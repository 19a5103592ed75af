"""Hosts in an unmanaged environment that hosts.c poses as: they speak as executors would, and run
nothing."""

import os
import subprocess
from pathlib import Path

from copies import wait_for


def begin_hosts(bench, side, copy, environment, count, vcpus, run_ms):
    """Returns the process when it is there; it ends with the copy, or when it is told to
    (end_hosts). run_ms: how long a run takes."""
    script = copy.openbatch("join", environment).stdout
    token = script.split("OPENBATCH_JOIN_TOKEN=", 1)[1].split()[0]
    words = (count, vcpus, environment, run_ms)
    with Path(bench.folder, "hosts.log").open("a") as log:
        process = subprocess.Popen(
            [bench.program("hosts"), *map(str, words)],
            env={
                "PATH": os.environ["PATH"],
                "OPENBATCH_KAFKA": copy.env["OPENBATCH_KAFKA"],
                "OPENBATCH_KAFKA_USER": "executor",
                "OPENBATCH_KAFKA_PASSWORD_FILE": str(copy.home / "secrets/kafka-executor.password"),
                "OPENBATCH_JOIN_TOKEN": token,
            },
            stdout=log,
            stderr=log,
        )
    side.helpers.setdefault(copy.name, []).append(process)
    wait_for("the hosts", lambda: present(copy, environment) >= count, 300, every=0.5)
    return process


def end_hosts(side, copy, environment, process):
    """All of them leave."""
    side.helpers[copy.name].remove(process)
    process.terminate()
    process.wait(60)
    wait_for("no host", lambda: present(copy, environment) == 0, 120)


def present(copy, environment):
    """How many hosts can have jobs."""
    return int(
        copy.now.value(
            "SELECT count(*) FROM instance i JOIN compute_environment c ON c.id = i.ce_id"
            f" WHERE i.state = 1 AND c.name = '{environment}'"
        )
    )


def wait_placed(copy, count):
    """Until so many jobs are on instances."""
    wait_for(
        f"{count} jobs on instances",
        lambda: (copy.health("scheduler") or {}).get("info", {}).get("placed", 0) >= count,
        300,
        every=0.5,
    )


def wait_loaded(copy, count):
    """Until the scheduler has loaded so many jobs that wait."""
    wait_for(
        "all jobs to be loaded",
        lambda: (copy.health("scheduler") or {}).get("info", {}).get("waiting", 0) >= count,
        600,
    )
