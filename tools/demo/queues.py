"""Example 3: environments and queues, and how priority decides between two that share one.

The on-demand and Spot environments with their queues carry the other examples' work. Here two more
queues share an environment of 2 vCPUs: 20 low jobs keep it busy, then 5 urgent ones arrive.
"""

import time

import images
from batch import ENDED, WAITING
from problems import DemoError
from stage import Part, Stage

ON_DEMAND, SPOT, SHARED = "on-demand-environment", "spot-environment", "shared-environment"
HIGH, LOW = "high-priority-queue", "low-priority-queue"
URGENT, ROUTINE = "urgent-queue", "routine-queue"
DEFINITION = "queue-demo"

LOW_JOBS, LOW_S = 20, 3
# Two run at a time. The fourth takes longer, so that the last one starts well before both are free:
# if both ended at once, the last urgent job and the next low one would start side by side.
URGENT_S = (3, 3, 3, 5, 3)
SLOTS = 2
CALM_S = 0.8  # Urgent jobs are submitted when no low job is to end before that.
STALLED_S = 120
LEAST_AFTER = 5  # So many low jobs at least must still wait then, or the check says little.


def environments() -> dict[str, dict]:
    """The computeResources of each environment; no network or role is looked up anywhere."""
    network = {
        "subnets": ["subnet-0123456789abcdef0"],
        "securityGroupIds": ["sg-0123456789abcdef0"],
    }
    common = {"minvCpus": 0, "instanceRole": "ecsInstanceRole", **network}
    families = ["m5", "c5"]
    return {
        ON_DEMAND: {"type": "EC2", "maxvCpus": 64, "instanceTypes": families, **common},
        SPOT: {
            "type": "SPOT",
            "maxvCpus": 256,
            "instanceTypes": families,
            "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED",
            **common,
        },
        SHARED: {"type": "EC2", "maxvCpus": 2, "instanceTypes": ["m5.large"], **common},
    }


def ensure(stage: Stage) -> None:
    for name, resources in environments().items():
        stage.batch.ensure_environment(name, resources)
        stage.screen.say(
            f"environment {name}: {resources['type']}, {' '.join(resources['instanceTypes'])}, "
            f"{resources['minvCpus']} to {resources['maxvCpus']} vCPUs"
        )
    for name, priority, environment in (
        (HIGH, 10, ON_DEMAND),
        (LOW, 1, SPOT),
        (URGENT, 10, SHARED),
        (ROUTINE, 1, SHARED),
    ):
        stage.batch.ensure_queue(name, priority, environment)
        stage.screen.say(f"queue {name}: priority {priority}, in {environment}")


def run(stage: Stage) -> list[Part]:
    definition = stage.batch.ensure_definition(
        DEFINITION,
        {
            "image": images.BUSYBOX,
            "command": [
                "sh",
                "-c",
                'echo "$1 began"; sleep "$2"; echo "$1 is done"',
                "sh",
                "Ref::label",
                "Ref::seconds",
            ],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "256"},
            ],
        },
    )

    def submit(label: str, queue: str, seconds: int) -> str:
        settings = {"label": label, "seconds": str(seconds)}
        return stage.batch.submit(label, queue, definition, parameters=settings)

    began_s = time.monotonic()
    low = [submit(f"low-{n:02d}", ROUTINE, LOW_S) for n in range(1, LOW_JOBS + 1)]
    stage.screen.say(f"submitted {len(low)} jobs of {LOW_S} s to {ROUTINE}")
    _until_calm(stage, low)
    urgent = [submit(f"urgent-{n}", URGENT, seconds) for n, seconds in enumerate(URGENT_S, 1)]
    # What was placed by now may have been placed before the first urgent job was RUNNABLE.
    earlier = {job["jobId"] for job in stage.batch.describe(low) if job["status"] not in WAITING}
    stage.screen.say(f"submitted {len(urgent)} jobs to {URGENT} while low ones run")

    jobs = _until_ended(stage, low, urgent)
    took_s = time.monotonic() - began_s
    for job in jobs:
        if job["status"] != "SUCCEEDED":
            raise DemoError("a job of the queues example failed", *stage.batch.explain(job))
    low_jobs, urgent_jobs = jobs[: len(low)], jobs[len(low) :]
    checked = check_order(low_jobs, urgent_jobs, earlier)
    ordered = sorted(jobs, key=lambda job: job["startedAt"])
    stage.screen.say("started in this order:")
    names = [job["jobName"].removeprefix("low-") for job in ordered]
    stage.screen.say("  " + " ".join(names), *(f"checked: {line}" for line in checked))
    return [
        Part("low jobs", ROUTINE, low_jobs, took_s, [], ""),
        Part("urgent jobs", URGENT, urgent_jobs, took_s, checked, ""),
    ]


def _line(jobs: list[dict], what: str) -> str:
    count = {state: 0 for state in ("waiting", "starting", "running", "done")}
    for job in jobs:
        state = job["status"]
        state = "waiting" if state in WAITING else "done" if state in ENDED else state.lower()
        count[state] += 1
    return f"{what}: " + " ".join(f"{state} {n}" for state, n in count.items())


def _check_stall(stage: Stage, jobs: list[dict], since_s: float) -> None:
    if time.monotonic() - since_s > STALLED_S:
        waiting = [job for job in jobs if job["status"] not in ENDED][:1]
        told = [line for job in waiting for line in stage.why(job)]
        raise DemoError(f"no job has changed its state for {STALLED_S} s", *told)


def _until_calm(stage: Stage, low: list[str]) -> None:
    """Waits until some low jobs have ended and all those that run go on for a little while."""
    since_s, before = time.monotonic(), ""
    while True:
        jobs = stage.batch.describe(low)
        status = [job["status"] for job in jobs]
        now_ms = time.time() * 1000
        ends_s = [
            LOW_S - (now_ms - job["startedAt"]) / 1000 for job in jobs if job["status"] == "RUNNING"
        ]
        if "SUCCEEDED" in status and len(ends_s) == SLOTS and min(ends_s) >= CALM_S:
            return
        if status.count("SUCCEEDED") + status.count("FAILED") > LOW_JOBS - LEAST_AFTER - SLOTS:
            raise DemoError("the low jobs never ran two at a time", _line(jobs, "low"))
        line = "  " + _line(jobs, "low")
        if line != before:
            since_s, before = time.monotonic(), line
        _check_stall(stage, jobs, since_s)
        stage.tick(f"{line}  {stage.reason(jobs[0])}", poll_s=0.15)


def _until_ended(stage: Stage, low: list[str], urgent: list[str]) -> list[dict]:
    since_s, before = time.monotonic(), ""
    while True:
        jobs = stage.batch.describe(low + urgent)
        if all(job["status"] in ENDED for job in jobs):
            return jobs
        line = f"  {_line(jobs[len(low) :], 'urgent')}   {_line(jobs[: len(low)], 'low')}"
        if line != before:
            since_s, before = time.monotonic(), line
        _check_stall(stage, jobs, since_s)
        stage.tick(line)


def check_order(low: list[dict], urgent: list[dict], earlier: set[str]) -> list[str]:
    """No low job placed after the first urgent one was RUNNABLE started before the last urgent one.

    earlier: the low jobs that were seen placed when the urgent ones had just been submitted.
    """
    last = max(urgent, key=lambda job: job["startedAt"])
    after = [job for job in low if job["jobId"] not in earlier]
    if len(after) < LEAST_AFTER:
        raise DemoError(f"only {len(after)} low jobs were left to compare with")
    for job in after:
        if job["startedAt"] < last["startedAt"]:
            ahead_ms = last["startedAt"] - job["startedAt"]
            raise DemoError(
                f"{job['jobName']} started {ahead_ms} ms before {last['jobName']}, "
                "although it waited in the queue with lower priority"
            )
    first = min(urgent, key=lambda job: job["createdAt"])
    wait_s = (last["startedAt"] - first["createdAt"]) / 1000
    return [
        f"all {len(urgent)} urgent jobs started before the {len(after)} low ones that waited; "
        f"the last of them {wait_s:.1f} s after the first was submitted"
    ]
