"""Environments, queues and definitions for the tests of their operations, and the form of a
refusal."""

import uuid

import botocore.exceptions
import pytest
from stack import wait_for

RESOURCES = {
    "type": "EC2",
    "minvCpus": 0,
    "maxvCpus": 4,
    "instanceTypes": ["m5"],
    "instanceRole": "ecsInstanceRole",
    "subnets": ["subnet-1"],
    "securityGroupIds": ["sg-1"],
}
CONTAINER = {"image": "openbatch/busybox", "vcpus": 1, "memory": 64}


def new_name(prefix="r"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def refusal(call, **arguments):
    """(status, code, message) of a call that must fail."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["RequestId"]
    return (
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Code"],
        answer["Error"]["Message"],
    )


def refused(text, call, http_status=400, **arguments):
    status, code, message = refusal(call, **arguments)
    assert (status, code) == (http_status, "ClientException")
    assert text in message


def environment(batch, name):
    found = batch.describe_compute_environments(computeEnvironments=[name])
    return (found["computeEnvironments"] or [None])[0]


def queue(batch, name):
    return (batch.describe_job_queues(jobQueues=[name])["jobQueues"] or [None])[0]


def delete_environment(batch, name):
    def is_settled():
        return environment(batch, name)["status"] in ("VALID", "INVALID")

    wait_for(f"{name} is settled", is_settled)
    batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
    wait_for(f"{name} is settled", is_settled)
    batch.delete_compute_environment(computeEnvironment=name)
    wait_for(f"{name} is gone", lambda: environment(batch, name) is None, 60)


def delete_queue(batch, name):
    wait_for(f"{name} is settled", lambda: queue(batch, name)["status"] == "VALID")
    batch.update_job_queue(jobQueue=name, state="DISABLED")
    wait_for(f"{name} is VALID", lambda: queue(batch, name)["status"] == "VALID")
    batch.delete_job_queue(jobQueue=name)
    wait_for(f"{name} is gone", lambda: queue(batch, name) is None, 60)


def pages(call, member, size, **arguments):
    """All pages of a call, checking that each is full but the last and no token comes twice."""
    found, token, tokens = [], None, set()
    while True:
        more = {"nextToken": token} if token else {}
        page = call(maxResults=size, **more, **arguments)
        found += page[member]
        token = page.get("nextToken")
        if not token:
            assert len(page[member]) <= size
            return found
        assert len(page[member]) == size and token not in tokens
        tokens.add(token)


class Made:
    """Makes environments and queues, waits for them, deletes them in the end."""

    def __init__(self, batch):
        self.batch = batch
        self.environments, self.queues = [], []

    def environment(self, **changes):
        name = new_name()
        self.batch.create_compute_environment(
            computeEnvironmentName=name, type="MANAGED", computeResources=RESOURCES | changes
        )
        self.environments.append(name)
        wait_for(f"{name} is VALID", lambda: environment(self.batch, name)["status"] == "VALID")
        return name

    def queue(self, *names, **more):
        name = new_name()
        order = [{"order": n, "computeEnvironment": e} for n, e in enumerate(names, 1)]
        self.batch.create_job_queue(
            jobQueueName=name, **({"priority": 1, "computeEnvironmentOrder": order} | more)
        )
        self.queues.append(name)
        wait_for(f"{name} is VALID", lambda: queue(self.batch, name)["status"] == "VALID")
        return name

    def forget(self):
        for name in self.queues:
            if queue(self.batch, name):
                delete_queue(self.batch, name)
        for name in self.environments:
            if environment(self.batch, name):
                delete_environment(self.batch, name)
