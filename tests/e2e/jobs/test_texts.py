"""Texts that clients compare (docs/aws-batch.md, 1.4) and that need a resource in a certain state.
Texts of single members are with their operations: test_submit_job.py, test_resources.py, others."""

import os

import botocore.exceptions
import pytest
from stack import frozen, wait_for


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (
        400,
        "ClientException",
    )
    return answer["Error"]["Message"]


def test_full_arn_does_not_exist_though_asked_by_name(batch):
    """Terraform takes `does not exist` from Update as "it is gone already"."""
    for kind, member, calls in (
        (
            "compute-environment",
            "computeEnvironment",
            (batch.update_compute_environment, batch.delete_compute_environment),
        ),
        ("job-queue", "jobQueue", (batch.update_job_queue, batch.delete_job_queue)),
    ):
        update, delete = calls
        arn = f"arn:aws:batch:us-east-1:123456789012:{kind}/no-such"
        for name in ("no-such", arn):
            assert refused(update, **{member: name}, state="DISABLED") == f"{arn} does not exist"
            assert refused(delete, **{member: name}) == f"{arn} does not exist"


def test_a_resource_that_is_being_modified(stack, batch, work):
    """UPDATING and CREATING: neither changed nor deleted; no queue takes such an environment."""
    environment, other = work.environment(), f"x{os.getpid()}"
    queue = work.queue(environment)
    resources = work.ce(environment)["computeResources"]
    named = (
        (batch.update_compute_environment, {"computeEnvironment": environment}),
        (batch.update_job_queue, {"jobQueue": queue}),
    )
    deletes = (batch.delete_compute_environment, batch.delete_job_queue)
    with frozen(stack.pid("scaler"), stack.pid("scheduler")):
        for (update, name), delete in zip(named, deletes, strict=True):
            update(**name, state="DISABLED")
            text = refused(update, **name, state="ENABLED")
            assert text == "Cannot update, resource is being modified"
            assert refused(delete, **name) == "Cannot delete, resource is being modified"
        assert (work.ce(environment)["status"], work.jq(queue)["status"]) == ("UPDATING",) * 2
        batch.create_compute_environment(
            computeEnvironmentName=other,
            type="MANAGED",
            computeResources={n: v for n, v in resources.items() if n != "ec2Configuration"},
        )
        work.environments.append(other)
        assert work.ce(other)["status"] == "CREATING"
        delete = batch.delete_compute_environment
        text = refused(delete, computeEnvironment=other)
        assert text == "Cannot delete, resource is being modified"
        assert "must be created and valid before attaching" in refused(
            batch.create_job_queue,
            jobQueueName=other,
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": other}],
        )
    for found, name in ((work.ce, environment), (work.ce, other), (work.jq, queue)):
        wait_for(f"{name} VALID", lambda found=found, name=name: found(name)["status"] == "VALID")


def test_what_is_not_disabled_is_not_deleted(batch, work):
    queue = work.queue()
    environment = work.environments[0]
    assert refused(batch.delete_job_queue, jobQueue=queue) == (
        "Cannot delete, the state of the job queue must be DISABLED"
    )
    assert refused(batch.delete_compute_environment, computeEnvironment=environment) == (
        "Cannot delete, the state of the compute environment must be DISABLED"
    )


def test_a_revision_is_a_number(batch, shared_work, queue):
    text = refused(batch.submit_job, jobName="j", jobQueue=queue, jobDefinition="definition:latest")
    assert "Provided name definition:latest is not supported pattern[a-zA-Z_0-9-]{1,128}" in text


def test_a_disabled_queue_accepts_no_jobs(batch, work):
    queue = work.queue()
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    wait_for("VALID", lambda: work.jq(queue)["status"] == "VALID")
    text = refused(batch.submit_job, jobName="j", jobQueue=queue, jobDefinition=work.definition())
    assert text == f"JobQueue {queue} is disabled and cannot accept jobs."
