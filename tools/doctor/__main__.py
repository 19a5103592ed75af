"""./openbatch doctor: what is wrong with a copy, what it means for jobs, and what to do.

usage: openbatch doctor [--json]

It looks from outside: at processes, sockets, disks, PostgreSQL, Redis, Kafka, the container engine,
and at what each service says of its own health. It changes nothing. Exits with 0 when all is well
(notes may be printed), else with 1.
"""

import argparse
import concurrent.futures
import json
import os
import sys

import engine
import host
import kafka
import postgres
import processes
import redis
import work
from finding import Finding
from packaged import PackagedSystem
from system import System

import services

# In the order in which findings are shown: causes before consequences.
CHECKS = [
    processes.supervision,
    processes.ports,
    host.disks,
    host.secrets,
    host.certificates,
    host.settings,
    host.clocks,
    postgres.server,
    kafka.server,
    redis.server,
    engine.server,
    engine.programs,
    services.health,
    services.executors,
    work.environments,
    work.queues,
    work.instances,
    work.requests,
    work.waiting,
]
MARKS = {"problem": "✗", "note": "·"}


def look(check, system):
    """All findings of one check; one that cannot look is a finding, too."""
    try:
        return list(check(system))
    except Exception as err:
        name = check.__name__
        return [
            Finding(
                part="doctor",
                wrong=f"{check.__module__}.{name} could not look: {err or type(err).__name__}",
                means="what it would have found is not known",
                do="mend what the other findings say, and run './openbatch doctor' again",
            )
        ]


def without_echoes(findings):
    """A service that says that Kafka is away adds nothing once Kafka itself was found to be."""
    causes = {f.part for f in findings if f.level == "problem" and not f.echo_of}
    return [f for f in findings if not f.echo_of or f.echo_of not in causes]


def examine(system):
    with concurrent.futures.ThreadPoolExecutor(len(CHECKS)) as pool:
        found = pool.map(lambda check: look(check, system), CHECKS)
        return without_echoes([finding for some in found for finding in some])


def show(findings):
    for f in findings:
        print(f"{MARKS[f.level]} {f.part}: {f.wrong}")
        print(f"    means: {f.means}")
        print(f"    do:    {f.do}")
    problems = sum(f.level == "problem" for f in findings)
    notes = len(findings) - problems
    if problems == 0:
        print("all is well" + (f"; {notes} note{'s' * (notes > 1)}" if notes else ""))
    else:
        print(f"{problems} problem{'s' * (problems > 1)}, {notes} note{'s' * (notes != 1)}")


def main():
    parser = argparse.ArgumentParser(
        prog="openbatch doctor", description="Says what is wrong with a copy and what to do."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    system = PackagedSystem() if os.environ.get("OB_PACKAGED") else System()
    findings = examine(system)
    for f in findings:
        f.do = system.command(f.do)
    well = not any(f.level == "problem" for f in findings)
    if args.json:
        print(json.dumps({"ok": well, "findings": [f.as_json() for f in findings]}, indent=1))
    else:
        show(findings)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
