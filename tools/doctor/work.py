"""What users made and what waits, from PostgreSQL: environments, queues, instances, requests, jobs.
While PostgreSQL is away nothing is said here: that is found elsewhere."""

import functools
import sys
import time
from pathlib import Path

from finding import Finding

sys.path.append(str(Path(__file__).resolve().parents[1]))
from rows import named  # noqa: E402

LOOK_AGAIN_S = 3
LAUNCH_S = 120
SHOWN = 5
# These begin the reasons that somebody must act on.
FOR_A_PERSON = ("MISCONFIGURATION:", "ACTION_REQUIRED", "UNDETERMINED")


def with_database(check):
    @functools.wraps(check)
    def only_if_it_answers(system):
        try:
            yield from check(system)
        except OSError:
            return

    return only_if_it_answers


@with_database
def environments(system):
    for name, reason in system.psql(
        "SELECT e.name, s.reason FROM compute_environment e JOIN ce_status s ON s.ce_id = e.id"
        " WHERE NOT s.valid AND NOT e.deleting ORDER BY e.name LIMIT 20"
    ):
        yield Finding(
            "environment",
            f"compute environment {name} is INVALID: {reason}",
            "no instance is launched for it; its jobs wait",
            "correct what the reason names: aws batch update-compute-environment "
            f"--compute-environment {name} …",
        )


@with_database
def queues(system):
    for name, reason in system.psql(
        "SELECT q.name, s.reason FROM job_queue q JOIN queue_status s ON s.queue_id = q.id"
        " WHERE NOT s.valid AND NOT q.deleting ORDER BY q.name LIMIT 20"
    ):
        yield Finding(
            "queue",
            f"job queue {name} is INVALID: {reason}",
            "its jobs wait",
            f"aws batch update-job-queue --job-queue {name} …",
        )


@with_database
def instances(system):
    rows = system.psql(
        named(
            "SELECT i.id, e.name, i.state, coalesce(i.reason, ''),"
            " extract(epoch FROM now() - i.launched_at)::int,"
            " (SELECT count(*) FROM placement p WHERE p.instance_id = i.id)"
            " FROM instance i LEFT JOIN compute_environment e ON e.id = i.ce_id"
            " WHERE i.state = :OB_INSTANCE_LOST OR (i.state = :OB_INSTANCE_LAUNCHING"
            f" AND now() - i.launched_at > interval '{LAUNCH_S} s')"
            " ORDER BY i.launched_at LIMIT 20"
        )
    )
    lost = named(":OB_INSTANCE_LOST")
    for name, environment, state, reason, seconds, runs in rows:
        if state == lost:
            yield Finding(
                "instance",
                f"instance {name} of {environment} is lost: {reason or 'no sign of it'}",
                f"its {runs} runs end, and the retry strategy decides"
                if runs != "0"
                else "nothing any more",
                "look at that host; OpenBatch launches another one if jobs need it",
                level="problem" if runs != "0" else "note",
            )
        else:
            yield Finding(
                "instance",
                f"instance {name} of {environment} has been LAUNCHING for {seconds} s",
                "jobs that need it wait",
                f"./openbatch logs scaler {name}: does its executor start, and reach Kafka?",
            )


@with_database
def requests(system):
    """Requests that their consumer has not taken for seconds."""
    oldest = "SELECT consumer, min(seq), count(*) FROM inbox GROUP BY 1"
    before = {row[0]: row for row in system.psql(oldest)}
    if not before:
        return
    time.sleep(LOOK_AGAIN_S)
    names = {named(":OB_INBOX_SCHEDULER"): "scheduler", named(":OB_INBOX_SCALER"): "scaler"}
    for consumer, first, number in system.psql(oldest):
        if consumer in before and before[consumer][1] == first:
            service = names.get(consumer, consumer)
            yield Finding(
                service,
                f"{number} requests wait for the {service}, one of them for seconds",
                "they are durable; submissions and stops take effect when it takes them",
                f"./openbatch logs {service}",
                echo_of="kafka",
            )


@with_database
def waiting(system):
    """Why jobs wait, one line a class of jobs; the reasons that somebody must act on first."""
    rows = system.psql(
        "SELECT q.name, c.mcpu / 1000.0, c.mem_mib, c.gpus, c.reason FROM class_reason c"
        " JOIN job_queue q ON q.id = c.queue_id ORDER BY c.since_ms LIMIT 200"
    )
    rows.sort(key=lambda row: not row[4].startswith(FOR_A_PERSON))
    for queue, vcpus, memory, gpus, reason in rows[:SHOWN]:
        yield Finding(
            "jobs",
            f"jobs of {float(vcpus):g} vCPUs, {memory} MiB, {gpus} GPUs in queue {queue} wait: "
            f"{reason}",
            "they stay RUNNABLE",
            "docs/scheduling.md explains each reason",
            level="problem" if reason.startswith(FOR_A_PERSON) else "note",
        )
    if len(rows) > SHOWN:
        yield Finding(
            "jobs",
            f"jobs of {len(rows) - SHOWN} more kinds wait",
            "they stay RUNNABLE",
            "aws batch describe-jobs shows the reason of each (statusReason)",
            level="note",
        )
