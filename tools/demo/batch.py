"""AWS Batch as the demo uses it: stock boto3 clients, and the few steps that every part takes.

Environments, queues and definitions are made when they are missing and used as they are when they
are there. The ids of submitted jobs are remembered, so that an interrupted demo can end them.
"""

import time
from collections.abc import Iterable

import boto3
from botocore.config import Config

from problems import DemoError

LOG_GROUP = "/aws/batch/job"
WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")
ENDED = ("SUCCEEDED", "FAILED")
DESCRIBE_MAX = 100  # DescribeJobs takes no more ids in one call.
RESOURCE_DEADLINE_S = 60
# A service that is killed is back within seconds; its callers have only to try again.
PATIENT = Config(retries={"mode": "standard", "max_attempts": 12}, connect_timeout=5)


class Batch:
    """The service, seen through boto3; the endpoint and keys come from the environment."""

    def __init__(self):
        self.client = boto3.client("batch", config=PATIENT)
        self.logs = boto3.client("logs", config=PATIENT)
        self.submitted: list[str] = []

    # Resources

    def environment(self, name: str) -> dict | None:
        found = self.client.describe_compute_environments(computeEnvironments=[name])
        return next(iter(found["computeEnvironments"]), None)

    def ensure_environment(self, name: str, resources: dict) -> None:
        """Makes the managed environment 'name', or checks that the one there is of this shape."""
        there = self.environment(name)
        if there is not None and there["status"] in ("DELETING", "DELETED"):
            self._wait(lambda: self.environment(name) is None, f"{name} is still being deleted")
            there = None
        if there is None:
            self.client.create_compute_environment(
                computeEnvironmentName=name, type="MANAGED", computeResources=resources
            )
        else:
            has = there.get("computeResources", {})
            for key in ("type", "instanceTypes", "minvCpus", "maxvCpus"):
                if has.get(key) != resources[key]:
                    raise DemoError(
                        f"compute environment {name} is there already with {key} "
                        f"{has.get(key)}; the demo needs {resources[key]}",
                        "Delete or change it, or start afresh: ./openbatch down --wipe",
                    )
            if there["state"] != "ENABLED":
                self.client.update_compute_environment(computeEnvironment=name, state="ENABLED")
        self._wait(lambda: self._is_valid(self.environment(name)), f"{name} is not VALID")

    def ensure_queue(self, name: str, priority: int, environment: str) -> None:
        """Makes the queue, or gives the one there this priority and environment."""
        order = [{"order": 1, "computeEnvironment": environment}]
        there = self._queue(name)
        if there is None:
            self.client.create_job_queue(
                jobQueueName=name, priority=priority, computeEnvironmentOrder=order
            )
        else:
            attached = [
                entry["computeEnvironment"].rpartition("/")[2]
                for entry in there["computeEnvironmentOrder"]
            ]
            if (there["state"], there["priority"], attached) != (
                "ENABLED",
                priority,
                [environment],
            ):
                self.client.update_job_queue(
                    jobQueue=name,
                    state="ENABLED",
                    priority=priority,
                    computeEnvironmentOrder=order,
                )
        self._wait(lambda: self._is_valid(self._queue(name)), f"{name} is not VALID")

    def ensure_definition(self, name: str, container: dict) -> str:
        """Registers the definition unless its newest revision is the same: name:revision."""
        newest = None
        pages = self.client.get_paginator("describe_job_definitions")
        for page in pages.paginate(jobDefinitionName=name, status="ACTIVE"):
            for found in page["jobDefinitions"]:
                if newest is None or found["revision"] > newest["revision"]:
                    newest = found
        if newest is not None and _holds(newest["containerProperties"], container):
            return f"{name}:{newest['revision']}"
        made = self.client.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=container
        )
        return f"{name}:{made['revision']}"

    def _queue(self, name: str) -> dict | None:
        return next(iter(self.client.describe_job_queues(jobQueues=[name])["jobQueues"]), None)

    @staticmethod
    def _is_valid(resource: dict | None) -> bool:
        if resource is not None and resource["status"] == "INVALID":
            raise DemoError(
                f"{resource.get('computeEnvironmentName') or resource.get('jobQueueName')} "
                f"is INVALID: {resource.get('statusReason', 'no reason given')}"
            )
        return resource is not None and resource["status"] == "VALID"

    @staticmethod
    def _wait(is_done, otherwise: str) -> None:
        deadline = time.monotonic() + RESOURCE_DEADLINE_S
        while not is_done():
            if time.monotonic() > deadline:
                raise DemoError(f"{otherwise} after {RESOURCE_DEADLINE_S} s")
            time.sleep(0.2)

    # Jobs

    def submit(self, name: str, queue: str, definition: str, **more) -> str:
        job = self.client.submit_job(jobName=name, jobQueue=queue, jobDefinition=definition, **more)
        self.submitted.append(job["jobId"])
        return job["jobId"]

    def describe(self, ids: Iterable[str]) -> list[dict]:
        """The jobs in the order asked for; a job that is not known any more is an error."""
        wanted = list(ids)
        found: dict[str, dict] = {}
        for first in range(0, len(wanted), DESCRIBE_MAX):
            answer = self.client.describe_jobs(jobs=wanted[first : first + DESCRIBE_MAX])
            found.update((job["jobId"], job) for job in answer["jobs"])
        missing = [job for job in wanted if job not in found]
        if missing:
            raise DemoError(f"{len(missing)} submitted jobs are not known, {missing[0]} first")
        return [found[job] for job in wanted]

    def children(self, array: str, status: str) -> list[str]:
        """The ids of an array's children that have this status."""
        pages = self.client.get_paginator("list_jobs")
        return [
            child["jobId"]
            for page in pages.paginate(arrayJobId=array, jobStatus=status)
            for child in page["jobSummaryList"]
        ]

    def log_tail(self, job: dict, lines: int, until: str | None = None) -> list[str]:
        """The last lines that a job wrote.

        until: wait for a line that holds this text, at most 15 s, for logs come after the job.
        """
        stream = job.get("container", {}).get("logStreamName")
        deadline = time.monotonic() + (15 if until is not None else 2)
        while stream is not None:
            try:
                answer = self.logs.get_log_events(
                    logGroupName=LOG_GROUP, logStreamName=stream, limit=lines, startFromHead=False
                )
                tail = [event["message"].rstrip("\n") for event in answer["events"]]
            except self.logs.exceptions.ResourceNotFoundException:
                tail = []  # A stream exists only once something was written.
            if any((until or "") in line for line in tail) or time.monotonic() > deadline:
                return tail
            time.sleep(0.3)
        return []

    def explain(self, job: dict) -> list[str]:
        """What is known about a job that failed: reasons, exit code, end of its log."""
        container = job.get("container", {})
        told = [f"job {job['jobId']} ({job['jobName']}) is {job['status']}"]
        told.append(f"  statusReason: {job.get('statusReason', 'none')}")
        if "reason" in container:
            told.append(f"  container reason: {container['reason']}")
        if "exitCode" in container:
            told.append(f"  exit code: {container['exitCode']}")
        if "containerInstanceArn" in container:
            told.append(f"  instance: {container['containerInstanceArn'].rpartition('/')[2]}")
        tail = self.log_tail(job, 15)
        told.append("  end of its log:" if tail else "  it has no log")
        told += [f"    {line}" for line in tail]
        return told

    def explain_array(self, array: dict) -> list[str]:
        """The same for an array: its own reason and the first children that failed."""
        failed = self.children(array["jobId"], "FAILED")
        told = [f"array {array['jobId']}: {len(failed)} children failed"]
        for child in self.describe(failed[:2]):
            told += self.explain(child)
        return told

    def alive(self) -> list[str]:
        """The jobs of this run that have not ended."""
        return self._alive(self.submitted)

    def terminate(self, jobs: list[str], reason: str, deadline_s: float) -> list[str]:
        """Ends these jobs; returns those that live on after the deadline."""
        for job in jobs:
            self.client.terminate_job(jobId=job, reason=reason)
        deadline = time.monotonic() + deadline_s
        while jobs := self._alive(jobs):
            if time.monotonic() > deadline:
                break
            time.sleep(0.3)
        return jobs

    def _alive(self, jobs: list[str]) -> list[str]:
        return [job["jobId"] for job in self.describe(jobs) if job["status"] not in ENDED]


def _holds(has, wanted) -> bool:
    """Whether all that is wanted is there; a service may add empty members of its own."""
    if isinstance(wanted, dict):
        return isinstance(has, dict) and all(_holds(has.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(has, list)
            and len(has) == len(wanted)
            and all(_holds(h, w) for h, w in zip(has, wanted, strict=True))
        )
    return has == wanted
