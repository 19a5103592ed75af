"""What the examples share: arguments, job definitions, waiting."""

import argparse
import contextlib
import sys
import time
import uuid

import boto3

ENDED = ("SUCCEEDED", "FAILED")
GROUP = "/aws/batch/job"


class Example:
    """One run: a queue, an image, and definitions with names of their own."""

    def __init__(self, arguments):
        self.queue, self.image, self.keep = arguments.queue, arguments.image, arguments.keep
        self.batch, self.logs = boto3.client("batch"), boto3.client("logs")
        self.suffix = uuid.uuid4().hex[:8]
        self.definitions = []

    def define(self, name, script, volumes=None, parameters=None, arguments=()):
        """Registers a definition that runs a shell script with 1 vCPU and 64 MiB. 'volumes': host
        folder by container path; 'arguments' are $1, $2, ... and may be Ref::parameter."""
        mounts = enumerate((volumes or {}).items())
        properties = {
            "image": self.image,
            "command": ["sh", "-euc", script, name, *arguments],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "64"},
            ],
            "volumes": [],
            "mountPoints": [],
        }
        for n, (path, folder) in mounts:
            properties["volumes"].append({"name": f"v{n}", "host": {"sourcePath": str(folder)}})
            properties["mountPoints"].append({"sourceVolume": f"v{n}", "containerPath": path})
        arn = self.batch.register_job_definition(
            jobDefinitionName=f"{name}-{self.suffix}",
            type="container",
            parameters=parameters or {},
            containerProperties=properties,
            retryStrategy={"attempts": 2},
        )["jobDefinitionArn"]
        self.definitions.append(arn)
        return arn

    def submit(self, name, definition, after=(), size=None, **more):
        """'after': ids, or entries of dependsOn. 'size': of an array."""
        if size:
            more["arrayProperties"] = {"size": size}
        entries = [{"jobId": a} if isinstance(a, str) else a for a in after]
        return self.batch.submit_job(
            jobName=name,
            jobQueue=self.queue,
            jobDefinition=definition,
            dependsOn=entries,
            **more,
        )["jobId"]

    def wait(self, jobs):
        """Until all of 'jobs' (name: id) have ended; prints each change. The details by name."""
        shown = {}
        while True:
            found = self.batch.describe_jobs(jobs=list(jobs.values()))["jobs"]
            by_id = {job["jobId"]: job for job in found}
            for name, job_id in jobs.items():
                line = self._line(by_id[job_id])
                if shown.get(name) != line:
                    print(f"{time.strftime('%H:%M:%S')}  {name:<12} {line}", flush=True)
                    shown[name] = line
            if all(job["status"] in ENDED for job in found):
                return {name: by_id[job_id] for name, job_id in jobs.items()}
            time.sleep(0.5)

    def _line(self, job):
        text = job["status"]
        array = job.get("arrayProperties", {})
        counts = ", ".join(
            f"{n} {state}" for state, n in array.get("statusSummary", {}).items() if n
        )
        if counts and job["status"] not in ENDED:
            text += f" ({counts})"
        if job["status"] == "FAILED":
            parts = (job, job["container"], *self._failed_child(job))
            reasons = [part.get("statusReason", part.get("reason")) for part in parts]
            text += ": " + "; ".join(filter(None, reasons))
        return text

    def _failed_child(self, job):
        """One of them, for an array fails because its children do: its parts with reasons."""
        if "size" not in job.get("arrayProperties", {}):
            return ()
        found = self.batch.list_jobs(arrayJobId=job["jobId"], jobStatus="FAILED", maxResults=1)
        return [part for child in found["jobSummaryList"] for part in (child, child["container"])]

    def output(self, job):
        """Lines that a job wrote; the last of them may come a moment after its end."""
        stream, lines = job["container"]["logStreamName"], []
        for _ in range(20):
            with contextlib.suppress(self.logs.exceptions.ResourceNotFoundException):
                page = self.logs.get_log_events(
                    logGroupName=GROUP, logStreamName=stream, startFromHead=True
                )
                lines = [event["message"] for event in page["events"]]
            if lines:
                break
            time.sleep(0.5)
        return lines

    def clean_up(self):
        for arn in [] if self.keep else self.definitions:
            self.batch.deregister_job_definition(jobDefinition=arn)


def main(description, run, add_arguments=None):
    """Runs an example with the arguments of the command line. run(example, arguments) gives a
    text that says what is wrong, or None."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--queue", default="default", help="job queue (default: default)")
    parser.add_argument(
        "--image", default="openbatch/busybox", help="container image (default: openbatch/busybox)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the job definitions")
    if add_arguments:
        add_arguments(parser)
    arguments = parser.parse_args()
    example = Example(arguments)
    try:
        wrong = run(example, arguments)
    finally:
        example.clean_up()
    if wrong:
        sys.exit(f"wrong: {wrong}")
