"""Runs one container through the whole system and follows it to its end, or prints a job's log.

usage: run.py [--vcpus N] [--memory MIB] IMAGE CMD...
       run.py --logs JOB_ID[:INDEX] [--follow] [--attempt N]
       run.py --prepare

Exits with the job's exit code (1 where it has none, 130 after Ctrl-C, which terminates the job).
Environment, queue and definition `default` are made if missing; --prepare does no more than that.
"""

import argparse
import sys
import time

import boto3
import own
from botocore.exceptions import BotoCoreError, ClientError
from plain import plain

NAME = "default"
LOG_GROUP = "/aws/batch/job"  # unless the job definition names another
POLL_S = 0.2
# A job's end is known before the last of its log has come. After this long without a line it is all
# there; a log that has not begun yet gets more time.
LOG_QUIET_S = 1.0
LOG_BEGIN_S = 3.0
READY_DEADLINE_S = 60
ENDED = ("SUCCEEDED", "FAILED")


class RunError(Exception):
    """Something to tell the user in one line."""


class Follower:
    """Prints what is new in one log stream."""

    def __init__(self, logs):
        self.logs = logs
        self.group = None
        self.stream = None
        self.token = None
        self.begun = False

    def follow(self, group, stream):
        if stream != self.stream:  # The next attempt writes to a stream of its own.
            self.group, self.stream, self.token, self.begun = group, stream, None, False

    def print_new(self):
        """Prints the lines that are there now; True if there was one."""
        printed = False
        while self.stream:
            position = {"nextToken": self.token} if self.token else {"startFromHead": True}
            try:
                page = self.logs.get_log_events(
                    logGroupName=self.group, logStreamName=self.stream, **position
                )
            except self.logs.exceptions.ResourceNotFoundException:
                break
            for event in page["events"]:
                print(event["message"], flush=True)
            printed = printed or bool(page["events"])
            self.begun = self.begun or printed
            if page["nextForwardToken"] == self.token:
                break
            self.token = page["nextForwardToken"]
        return printed


def wait_for(what, ready):
    deadline = time.monotonic() + READY_DEADLINE_S
    while not ready():
        if time.monotonic() > deadline:
            raise RunError(f"{what} did not become VALID within {READY_DEADLINE_S} s")
        time.sleep(POLL_S)


def ensure_environment(batch):
    def found():
        return batch.describe_compute_environments(computeEnvironments=[NAME])[
            "computeEnvironments"
        ]

    if not found():
        batch.create_compute_environment(
            computeEnvironmentName=NAME,
            type="MANAGED",
            computeResources={
                "type": "EC2",
                "allocationStrategy": "BEST_FIT_PROGRESSIVE",
                "minvCpus": 0,
                "maxvCpus": 256,
                "instanceTypes": ["optimal"],
                "subnets": ["subnet-00000000"],
                "securityGroupIds": ["sg-00000000"],
                "instanceRole": "ecsInstanceRole",
            },
        )
    wait_for(f"compute environment {NAME}", lambda: found()[0]["status"] == "VALID")


def ensure_queue(batch):
    def found():
        return batch.describe_job_queues(jobQueues=[NAME])["jobQueues"]

    if not found():
        ensure_environment(batch)
        batch.create_job_queue(
            jobQueueName=NAME,
            state="ENABLED",
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": NAME}],
        )
    wait_for(f"job queue {NAME}", lambda: found()[0]["status"] == "VALID")


def resources(vcpus, memory_mib):
    return [
        {"type": "VCPU", "value": f"{vcpus:g}"},
        {"type": "MEMORY", "value": str(memory_mib)},
    ]


def ensure_definition(batch, image):
    """A revision of the definition with this image; everything else comes with the job."""
    pages = batch.get_paginator("describe_job_definitions").paginate(
        jobDefinitionName=NAME, status="ACTIVE"
    )
    for page in pages:
        for definition in page["jobDefinitions"]:
            if definition.get("containerProperties", {}).get("image") == image:
                return definition["jobDefinitionArn"]
    return batch.register_job_definition(
        jobDefinitionName=NAME,
        type="container",
        containerProperties={"image": image, "resourceRequirements": resources(1, 512)},
    )["jobDefinitionArn"]


def submit(batch, args):
    ensure_queue(batch)
    overrides = {"resourceRequirements": resources(args.vcpus, args.memory)}
    if args.command:
        overrides["command"] = args.command
    return batch.submit_job(
        jobName="run",
        jobQueue=NAME,
        jobDefinition=ensure_definition(batch, args.image),
        containerOverrides=overrides,
    )["jobId"]


def describe(batch, job_id):
    jobs = batch.describe_jobs(jobs=[job_id])["jobs"]
    if not jobs:
        raise RunError(f"job {job_id} does not exist")
    return jobs[0]


def log_group(job):
    options = job.get("container", {}).get("logConfiguration", {}).get("options", {})
    return options.get("awslogs-group", LOG_GROUP)


def attempts_of(job):
    """Those that have ended."""
    return job.get("eksAttempts" if "eksProperties" in job else "attempts", [])


def pod_stream(job, attempt):
    """DescribeJobs does not name the streams of jobs of Kubernetes clusters."""
    [found] = own.call("logs", "DescribeAttempts", jobs=[job["jobId"]])["jobs"]
    streams = {a["attempt"]: a.get("logStreamName") for a in found["attempts"]}
    return streams.get(attempt or max(streams, default=0))


def log_stream(job, attempt):
    """The stream of an attempt, counted from 1, or of the latest one (None); None while it has
    none."""
    if "eksProperties" in job:
        return pod_stream(job, attempt)
    ended = job.get("attempts", [])
    if attempt is not None and attempt <= len(ended):
        return ended[attempt - 1].get("container", {}).get("logStreamName")
    if attempt is not None and (attempt > len(ended) + 1 or job["status"] in ENDED):
        return None
    return job.get("container", {}).get("logStreamName")


def follow(batch, logs, job_id, attempt=None):
    """Prints the log of a job, or of one attempt of it, until it has ended and all is out; returns
    the job."""
    follower = Follower(logs)
    said, quiet_since = None, None
    while True:
        job = describe(batch, job_id)
        if job["status"] == "RUNNABLE" and job.get("statusReason") not in (None, said):
            said = job["statusReason"]
            print(f"waiting: {plain(said)}", file=sys.stderr, flush=True)
        follower.follow(log_group(job), log_stream(job, attempt))
        printed = follower.print_new()
        now = time.monotonic()
        over = job["status"] in ENDED or (attempt and attempt <= len(attempts_of(job)))
        if not over or printed or quiet_since is None:
            quiet_since = now
        elif follower.stream is None or now - quiet_since > (
            LOG_QUIET_S if follower.begun else LOG_BEGIN_S
        ):
            return job
        time.sleep(POLL_S)


def exit_code(job):
    pod = job.get("eksProperties", {}).get("podProperties", {})
    ends = pod.get("containers") or [job.get("container", {})]
    container = next((c for c in ends if c.get("exitCode")), ends[0])
    code = container.get("exitCode")
    if job["status"] == "SUCCEEDED":
        return 0
    reason = container.get("reason") or job.get("statusReason") or "no reason given"
    print(f"job {job['jobId']} FAILED: {plain(reason)}", file=sys.stderr)
    return code if code else 1


def run(batch, logs, args):
    job_id = submit(batch, args)
    print(f"job {job_id}", file=sys.stderr, flush=True)
    try:
        return exit_code(follow(batch, logs, job_id))
    except KeyboardInterrupt:
        batch.terminate_job(jobId=job_id, reason="Terminated by openbatch run")
        print(f"job {job_id} is being terminated", file=sys.stderr)
        return 130


def show_logs(batch, logs, args):
    job = describe(batch, args.logs)
    if "size" in job.get("arrayProperties", {}):
        raise RunError(f"{args.logs} is an array; only its children have logs: {args.logs}:0 …")
    if args.follow:
        follow(batch, logs, args.logs, args.attempt)
        return 0
    follower = Follower(logs)
    follower.follow(log_group(job), log_stream(job, args.attempt))
    if follower.stream is None:
        which = f"attempt {args.attempt} of job" if args.attempt else "job"
        print(f"{which} {args.logs} ({job['status']}) has no log", file=sys.stderr)
        return 1 if args.attempt else 0
    follower.print_new()
    return 0


def arguments():
    parser = argparse.ArgumentParser(prog="openbatch run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--vcpus", type=float, default=1, help="default 1")
    parser.add_argument("--memory", type=int, default=512, metavar="MIB", help="default 512")
    parser.add_argument("--logs", metavar="JOB_ID", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--follow", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--attempt", type=int, metavar="N", help=argparse.SUPPRESS)
    parser.add_argument("image", nargs="?", metavar="IMAGE")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD")
    args = parser.parse_args()
    if not (args.image or args.logs or args.prepare):
        parser.error("an IMAGE is needed")
    return args


def main():
    args = arguments()
    batch, logs = boto3.client("batch"), boto3.client("logs")
    try:
        if args.prepare:
            ensure_queue(batch)
            return 0
        return show_logs(batch, logs, args) if args.logs else run(batch, logs, args)
    except (RunError, ClientError, BotoCoreError) as err:
        print(f"openbatch: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
