"""What most tests need first: environments, queues, definitions, jobs."""

import itertools
import time

from stack import wait_for

NAMES = (f"t{int(time.time()) % 100000}-{n}" for n in itertools.count())
ENDED = ("SUCCEEDED", "FAILED")


class Work:
    """Makes environments, queues, definitions and jobs with little writing, and forgets nothing."""

    def __init__(self, batch, logs, image):
        self.batch, self.logs, self.image = batch, logs, image
        self.queues, self.environments = [], []

    def environment(self, max_vcpus=4, types=("m5",), kind="EC2", status="VALID", **more):
        resources = {
            "type": kind,
            "minvCpus": 0,
            "maxvCpus": max_vcpus,
            "instanceTypes": list(types),
            "instanceRole": "ecsInstanceRole",
            "subnets": ["subnet-1"],
            "securityGroupIds": ["sg-1"],
            "allocationStrategy": "BEST_FIT_PROGRESSIVE"
            if kind == "EC2"
            else "SPOT_CAPACITY_OPTIMIZED",
        } | more
        return self._environment(resources, status)

    def fargate(self, max_vcpus=4, kind="FARGATE"):
        return self._environment(
            {
                "type": kind,
                "maxvCpus": max_vcpus,
                "subnets": ["subnet-1"],
                "securityGroupIds": ["sg-1"],
            }
        )

    def _environment(self, resources, status="VALID"):
        name = next(NAMES)
        self.batch.create_compute_environment(
            computeEnvironmentName=name, type="MANAGED", computeResources=resources
        )
        self.environments.append(name)
        wait_for(f"environment {name} {status}", lambda: self.ce(name)["status"] == status)
        return name

    def unmanaged(self):
        name = next(NAMES)
        self.batch.create_compute_environment(
            computeEnvironmentName=name,
            type="UNMANAGED",
            serviceRole="arn:aws:iam::123456789012:role/AWSBatchServiceRole",
        )
        self.environments.append(name)
        wait_for("VALID", lambda: self.ce(name)["status"] == "VALID")
        return name

    def ce(self, name):
        found = self.batch.describe_compute_environments(computeEnvironments=[name])
        return (found["computeEnvironments"] or [None])[0]

    def jq(self, name):
        return (self.batch.describe_job_queues(jobQueues=[name])["jobQueues"] or [None])[0]

    def queue(self, *environments, priority=1):
        name = next(NAMES)
        environments = environments or (self.environment(),)
        self.batch.create_job_queue(
            jobQueueName=name,
            priority=priority,
            computeEnvironmentOrder=[
                {"order": n, "computeEnvironment": e} for n, e in enumerate(environments, 1)
            ],
        )
        self.queues.append(name)
        wait_for(f"queue {name} VALID", lambda: self.jq(name)["status"] == "VALID")
        return name

    def definition(self, command=("true",), vcpus=1, memory=64, image=None, **more):
        parameters = more.pop("parameters", {})
        name = next(NAMES)
        self.batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            parameters=parameters,
            containerProperties={
                "image": image or self.image,
                "command": list(command),
                "resourceRequirements": [
                    {"type": "VCPU", "value": str(vcpus)},
                    {"type": "MEMORY", "value": str(memory)},
                ],
            }
            | more,
        )
        return name

    def fargate_definition(self, command, vcpus, memory):
        name = next(NAMES)
        self.batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            platformCapabilities=["FARGATE"],
            containerProperties={
                "image": self.image,
                "command": list(command),
                "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
                "resourceRequirements": [
                    {"type": "VCPU", "value": str(vcpus)},
                    {"type": "MEMORY", "value": str(memory)},
                ],
            },
        )
        return name

    def submit(self, queue, definition, **more):
        name = more.pop("jobName", "job")
        return self.batch.submit_job(
            jobName=name, jobQueue=queue, jobDefinition=definition, **more
        )["jobId"]

    def job(self, job_id):
        return self.batch.describe_jobs(jobs=[job_id])["jobs"][0]

    def reason(self, job, *parts, timeout=40):
        """Waits for a statusReason that has all of the parts."""
        return wait_for(
            f"a reason with {parts}",
            lambda: all(p in (r := self.job(job).get("statusReason", "")) for p in parts) and r,
            timeout,
        )

    def jobs(self, ids):
        found = []
        for at in range(0, len(ids), 100):
            found += self.batch.describe_jobs(jobs=ids[at : at + 100])["jobs"]
        return found

    def wait(self, job_id, *states, timeout=60):
        states = states or ENDED

        def reached():
            job = self.job(job_id)
            return job if job["status"] in states else None

        return wait_for(f"job {job_id} in {states}", reached, timeout)

    def wait_all(self, ids, timeout=120):
        def ended():
            jobs = self.jobs(ids)
            return jobs if all(j["status"] in ENDED for j in jobs) else None

        return wait_for(f"the end of {len(ids)} jobs", ended, timeout, every=0.3)

    def log(self, job, timeout=20):
        """All lines of an ended job's log, once they are there."""

        def lines():
            try:
                page = self.logs.get_log_events(
                    logGroupName="/aws/batch/job",
                    logStreamName=job["container"]["logStreamName"],
                    startFromHead=True,
                )
            except self.logs.exceptions.ResourceNotFoundException:
                return None
            return [event["message"] for event in page["events"]] or None

        seen = wait_for("the log of the job", lines, timeout)
        while True:  # it comes in pieces
            time.sleep(0.2)
            before, seen = seen, lines()
            if seen == before:
                return seen

    def log_of(self, group, stream):
        """Waits for the first line of a stream."""
        wait_for(
            f"the stream {stream}",
            lambda: self.logs.filter_log_events(logGroupName=group, logStreamNames=[stream])[
                "events"
            ],
        )

    def settle(self, queue):
        wait_for(f"queue {queue} VALID", lambda: self.jq(queue)["status"] == "VALID")

    def settle_environment(self, name):
        wait_for(f"environment {name} VALID", lambda: self.ce(name)["status"] == "VALID")

    def forget(self):
        for queue in self.queues:
            self.batch.update_job_queue(jobQueue=queue, state="DISABLED")
            wait_for(f"{queue} VALID", lambda q=queue: self.jq(q)["status"] == "VALID")
            self.batch.delete_job_queue(jobQueue=queue)
        for queue in self.queues:
            wait_for(f"queue {queue} gone", lambda q=queue: self.jq(q) is None, 60)
        for name in self.environments:
            self.batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
            wait_for(f"{name} settled", lambda n=name: self.ce(n)["status"] in ("VALID", "INVALID"))
            self.batch.delete_compute_environment(computeEnvironment=name)
        for name in self.environments:
            wait_for(f"environment {name} gone", lambda n=name: self.ce(n) is None, 60)
