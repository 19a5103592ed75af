"""Compute environments as AWS's clients send and see them, and the texts that they get."""

import json

import pytest
from resources import (
    RESOURCES,
    delete_environment,
    delete_queue,
    environment,
    new_name,
    queue,
    refused,
)
from stack import wait_for


def test_an_environment_lives_from_creating_to_gone(batch, stack):
    """Every member that AWS shows is there; state and limits change; a deleted name is free."""
    name = new_name()
    created = batch.create_compute_environment(
        computeEnvironmentName=name,
        type="managed",
        state="ENABLED",
        computeResources=RESOURCES | {"tags": {"Name": "x"}, "desiredvCpus": 0},
        serviceRole="batch",
        tags={"a": "b"},
    )
    region = stack.env["AWS_REGION"]
    arn = f"arn:aws:batch:{region}:{stack.env.get('AWS_ACCOUNT', '123456789012')}"
    assert created["computeEnvironmentArn"] == f"{arn}:compute-environment/{name}"
    seen = environment(batch, name)
    assert seen["status"] in ("CREATING", "VALID")
    wait_for("VALID", lambda: environment(batch, name)["status"] == "VALID")
    seen = environment(batch, name)
    assert seen["statusReason"] == "ComputeEnvironment Healthy"
    assert seen["ecsClusterArn"].endswith(f":cluster/{name}_Batch_{seen['uuid']}")
    assert seen["containerOrchestrationType"] == "ECS"
    assert (seen["type"], seen["state"], seen["tags"]) == ("MANAGED", "ENABLED", {"a": "b"})
    assert seen["serviceRole"] == "batch"
    resources = seen["computeResources"]
    assert resources["ec2Configuration"] == [
        {"imageType": "ECS_AL2023", "batchImageStatus": "LATEST"}
    ]
    assert {k: resources[k] for k in RESOURCES} == RESOURCES
    assert resources["desiredvCpus"] == 0 and resources["tags"] == {"Name": "x"}

    batch.update_compute_environment(
        computeEnvironment=created["computeEnvironmentArn"], computeResources={"maxvCpus": 8}
    )
    wait_for("VALID", lambda: environment(batch, name)["status"] == "VALID")
    assert environment(batch, name)["computeResources"]["maxvCpus"] == 8
    assert environment(batch, name)["uuid"] == seen["uuid"]
    refused("must be DISABLED", batch.delete_compute_environment, computeEnvironment=name)
    delete_environment(batch, name)
    refused(
        f"{created['computeEnvironmentArn']} does not exist",
        batch.update_compute_environment,
        computeEnvironment=name,
        state="ENABLED",
    )
    batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", computeResources=RESOURCES
    )
    delete_environment(batch, name)


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"minvCpus": None}, "Resource minvCpus is required."),
        ({"maxvCpus": None}, "Resource maxvCpus is required."),
        ({"minvCpus": 5}, "minvCpus must not be greater than maxvCpus."),
        ({"desiredvCpus": 5}, "desiredvCpus must be between minvCpus and maxvCpus."),
        ({"instanceRole": None}, "Instance role is required."),
        ({"instanceRole": None, "minvCpus": None}, "Instance role is required."),
        ({"instanceTypes": ["z9.mega"]}, "Instance type can only be one of ["),
        ({"instanceTypes": ["m5", "m6g"]}, "arm-based instance type cannot be used"),
        ({"type": "SPOT"}, "ComputeResources.spotIamFleetRole cannot not be null or empty"),
        ({"type": "FARGATE"}, "minvCpus is not applicable for Fargate."),
        ({"type": "ECS_MANAGED_INSTANCES"}, "type ECS_MANAGED_INSTANCES is not supported"),
        ({"type": "EC3"}, "must be one of [EC2, SPOT, FARGATE, FARGATE_SPOT]"),
        ({"allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"}, "can only be used with compute"),
        (
            {"launchTemplate": {}, "scalingPolicy": {"minScaleDownDelayMinutes": 5}},
            "between 20 and",
        ),
        ({"launchTemplate": {"version": "1"}}, "launchTemplate must have either launchTemplateId"),
        ({"minvCpus": "1"}, "computeResources.minvCpus must be a whole number."),
    ],
)
def test_wrong_compute_resources_are_refused(raw, changes, text):
    resources = {k: v for k, v in (RESOURCES | changes).items() if v is not None}
    body = {"computeEnvironmentName": new_name(), "type": "MANAGED", "computeResources": resources}
    status, headers, answer = raw("/v1/createcomputeenvironment", json.dumps(body).encode())
    message = json.loads(answer)["message"]
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ClientException")
    assert text in message
    assert message.startswith("Error executing request, Exception : ")
    assert message.endswith(f", RequestId: {headers['x-amzn-RequestId']}")


def test_environment_preconditions(batch, made):
    name = made.environment()
    refused(
        "Object already exists",
        batch.create_compute_environment,
        http_status=409,
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources=RESOURCES,
    )
    refused(
        "ServiceRole is required.",
        batch.create_compute_environment,
        computeEnvironmentName="x",
        type="UNMANAGED",
    )
    refused(
        "pattern",
        batch.create_compute_environment,
        computeEnvironmentName="a b",
        type="MANAGED",
        computeResources=RESOURCES,
    )
    update = batch.update_compute_environment
    refused(
        "At least one compute-resources attribute must be specified",
        update,
        computeEnvironment=name,
        computeResources={},
    )
    refused("One of [state |", update, computeEnvironment=name)
    for member, value in (("instanceTypes", ["c5"]), ("updateToLatestImageVersion", True)):
        refused(
            f"computeResources.{member} cannot be updated: infrastructure updates need",
            update,
            computeEnvironment=name,
            computeResources={member: value},
        )
    refused(
        "minvCpus must not be",
        update,
        computeEnvironment=name,
        computeResources={"maxvCpus": 1, "minvCpus": 2},
    )
    # What Terraform sends again unchanged is no change.
    update(computeEnvironment=name, computeResources={"instanceTypes": ["m5"], "maxvCpus": 4})
    wait_for("VALID", lambda: environment(batch, name)["status"] == "VALID")
    refused("does not exist", batch.delete_compute_environment, computeEnvironment=new_name())
    q = made.queue(name)
    update(computeEnvironment=name, state="DISABLED")
    wait_for("VALID", lambda: environment(batch, name)["status"] == "VALID")
    refused(
        "Cannot delete, found existing JobQueue relationship",
        batch.delete_compute_environment,
        computeEnvironment=name,
    )
    delete_queue(batch, q)
    batch.delete_compute_environment(computeEnvironment=name)
    wait_for("gone", lambda: environment(batch, name) is None, 60)


# --- Fargate, unmanaged, updates ------------------------------------------------------------------


def settled(batch, name):
    wait_for(f"{name} is VALID", lambda: environment(batch, name)["status"] == "VALID")
    return environment(batch, name)


def test_a_fargate_environment_has_members_of_its_own(batch, made):
    name = new_name()
    resources = {
        "type": "FARGATE",
        "maxvCpus": 16,
        "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"],
    }
    batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", computeResources=resources
    )
    made.environments.append(name)
    assert settled(batch, name)["computeResources"] == resources
    update = batch.update_compute_environment
    refused(
        "instanceTypes is not applicable for Fargate.",
        update,
        computeEnvironment=name,
        computeResources={"instanceTypes": ["m5"]},
    )
    refused(
        "One of [state | compute-resources",
        update,
        computeEnvironment=name,
        updatePolicy={"terminateJobsOnUpdate": True},
    )
    update(
        computeEnvironment=name,
        computeResources={"maxvCpus": 8, "subnets": [], "securityGroupIds": ["sg-2"]},
    )
    changed = {"maxvCpus": 8, "securityGroupIds": ["sg-2"]}
    assert settled(batch, name)["computeResources"] == resources | changed
    q = made.queue(name)
    assert queue(batch, q)["jobQueueType"] == "ECS_FARGATE"
    ec2 = made.environment()
    refused(
        "cannot be mixed",
        batch.update_job_queue,
        jobQueue=q,
        computeEnvironmentOrder=[
            {"order": 1, "computeEnvironment": name},
            {"order": 2, "computeEnvironment": ec2},
        ],
    )
    refused(
        "EC2 cannot be attached to a job queue of type ECS_FARGATE",
        batch.update_job_queue,
        jobQueue=q,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": ec2}],
    )


def test_infrastructure_updates_are_merged_and_held_to_their_rules(batch, made):
    name = made.environment(
        allocationStrategy="BEST_FIT_PROGRESSIVE", ec2KeyPair="k", imageId="ami-1"
    )
    update = batch.update_compute_environment
    update(
        computeEnvironment=name,
        computeResources={
            "instanceTypes": ["c5"],
            "ec2KeyPair": "",
            "launchTemplate": {"launchTemplateName": "t", "version": "$Latest"},
        },
        updatePolicy={"terminateJobsOnUpdate": True},
    )
    seen = settled(batch, name)
    resources = seen["computeResources"]
    assert resources["instanceTypes"] == ["c5"] and "ec2KeyPair" not in resources
    assert resources["launchTemplate"] == {"launchTemplateName": "t", "version": "$Latest"}
    assert resources["imageId"] == "ami-1" and resources["maxvCpus"] == 4
    assert seen["updatePolicy"] == {
        "terminateJobsOnUpdate": True,
        "jobExecutionTimeoutMinutes": 30,
    }
    for wrong, text in (
        ({"allocationStrategy": "BEST_FIT"}, "other than BEST_FIT"),
        ({"type": "FARGATE"}, "computeResources.type cannot be updated to FARGATE."),
        ({"instanceRole": ""}, "Instance role is required."),
        ({"minvCpus": 5}, "minvCpus must not be greater than maxvCpus."),
    ):
        refused(text, update, computeEnvironment=name, computeResources=wrong)
    update(computeEnvironment=name, computeResources={"launchTemplate": {"launchTemplateName": ""}})
    assert "launchTemplate" not in settled(batch, name)["computeResources"]
    latest = {"updateToLatestImageVersion": True}
    update(computeEnvironment=name, computeResources=latest)
    assert "updateToLatestImageVersion" not in settled(batch, name)["computeResources"]
    update(computeEnvironment=name, serviceRole="mine")
    settled(batch, name)
    for infrastructure in ({"imageId": "ami-2"}, latest):
        refused(
            "need the service-linked role",
            update,
            computeEnvironment=name,
            computeResources=infrastructure,
        )
    update(computeEnvironment=name, computeResources={"updateToLatestImageVersion": False})


def test_an_unmanaged_environment_has_no_resources_of_its_own(batch, made):
    name = new_name()
    create, update = batch.create_compute_environment, batch.update_compute_environment
    create(computeEnvironmentName=name, type="UNMANAGED", serviceRole="r", unmanagedvCpus=4)
    made.environments.append(name)
    seen = settled(batch, name)
    assert (seen["type"], seen["unmanagedvCpus"]) == ("UNMANAGED", 4)
    assert "computeResources" not in seen and seen["ecsClusterArn"]
    update(computeEnvironment=name, unmanagedvCpus=8)
    assert settled(batch, name)["unmanagedvCpus"] == 8
    refused("UNMANAGED", update, computeEnvironment=name, computeResources={"maxvCpus": 4})
    refused(
        "One of [state",
        update,
        computeEnvironment=name,
        updatePolicy={"terminateJobsOnUpdate": True},
    )
    assert queue(batch, made.queue(name))["jobQueueType"] == "ECS"
