"""Environments, queues and definitions: what AWS's clients send, and the words they get back."""

import concurrent.futures
import http.client
import json
import urllib.parse
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.credentials
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
OF_CONTAINER = (
    "user",
    "networkConfiguration",
    "secrets",
    "linuxParameters",
    "environment",
    "mountPoints",
    "resourceRequirements",
)
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


@pytest.fixture
def made(batch):
    """Makes environments and queues, waits for them, deletes them afterwards."""

    class Made:
        def __init__(self):
            self.environments, self.queues = [], []

        def environment(self, **changes):
            name = new_name()
            batch.create_compute_environment(
                computeEnvironmentName=name, type="MANAGED", computeResources=RESOURCES | changes
            )
            self.environments.append(name)
            wait_for(f"{name} is VALID", lambda: environment(batch, name)["status"] == "VALID")
            return name

        def queue(self, *names, **more):
            name = new_name()
            order = [{"order": n, "computeEnvironment": e} for n, e in enumerate(names, 1)]
            batch.create_job_queue(
                jobQueueName=name, **({"priority": 1, "computeEnvironmentOrder": order} | more)
            )
            self.queues.append(name)
            wait_for(f"{name} is VALID", lambda: queue(batch, name)["status"] == "VALID")
            return name

    made = Made()
    yield made
    for name in made.queues:
        if queue(batch, name):
            delete_queue(batch, name)
    for name in made.environments:
        if environment(batch, name):
            delete_environment(batch, name)


# --- environments ---------------------------------------------------------------------------------


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
    refused(
        "computeResources.instanceTypes cannot be updated: infrastructure updates need",
        update,
        computeEnvironment=name,
        computeResources={"instanceTypes": ["c5"]},
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


# --- queues ---------------------------------------------------------------------------------------


def test_a_queue_lives_from_creating_to_gone(batch, made):
    first, second = made.environment(), made.environment()
    arn = environment(batch, first)["computeEnvironmentArn"]
    order = [
        {"order": 2, "computeEnvironment": arn},
        {"order": 1, "computeEnvironment": second},
    ]
    name = made.queue(computeEnvironmentOrder=order, priority=7, tags={"k": "v"}, state="ENABLED")
    seen = queue(batch, name)
    assert seen["statusReason"] == "JobQueue Healthy"
    assert (seen["priority"], seen["state"], seen["tags"]) == (7, "ENABLED", {"k": "v"})
    # As given, with ARNs.
    assert [e["order"] for e in seen["computeEnvironmentOrder"]] == [2, 1]
    assert seen["computeEnvironmentOrder"][0]["computeEnvironment"] == arn
    assert seen["computeEnvironmentOrder"][1]["computeEnvironment"].endswith("/" + second)

    batch.update_job_queue(jobQueue=seen["jobQueueArn"], priority=9)
    wait_for("VALID", lambda: queue(batch, name)["status"] == "VALID")
    assert queue(batch, name) == seen | {"priority": 9}
    batch.update_job_queue(
        jobQueue=name, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": first}]
    )
    wait_for("VALID", lambda: queue(batch, name)["status"] == "VALID")
    assert len(queue(batch, name)["computeEnvironmentOrder"]) == 1
    # The environment that was let go can be deleted.
    delete_environment(batch, second)

    refused("must be DISABLED", batch.delete_job_queue, jobQueue=name)
    batch.update_job_queue(jobQueue=name, state="DISABLED")
    wait_for("VALID", lambda: queue(batch, name)["status"] == "VALID")
    batch.delete_job_queue(jobQueue=name)
    seen = queue(batch, name)
    assert seen is None or seen["status"] == "DELETING"
    wait_for("gone", lambda: queue(batch, name) is None, 60)
    refused(f"job-queue/{name} does not exist", batch.delete_job_queue, jobQueue=name)
    batch.create_job_queue(  # the name can be used again
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": first}],
    )
    delete_queue(batch, name)


def test_queue_preconditions(batch, made):
    name = made.environment()
    arm = new_name()  # the provider `local` has machines like its host only
    batch.create_compute_environment(
        computeEnvironmentName=arm,
        type="MANAGED",
        computeResources=RESOURCES | {"instanceTypes": ["m6g"]},
    )
    made.environments.append(arm)
    wait_for("INVALID", lambda: environment(batch, arm)["status"] == "INVALID")
    assert environment(batch, arm)["statusReason"].startswith("CLIENT_ERROR - ")
    q = made.queue(name)
    create, update = batch.create_job_queue, batch.update_job_queue

    def order(*names):
        return [{"order": n, "computeEnvironment": e} for n, e in enumerate(names, 1)]

    taken = {"jobQueueName": q, "priority": 1, "computeEnvironmentOrder": order(name)}
    refused("Object already exists", create, http_status=409, **taken)
    other = {"jobQueueName": new_name(), "priority": 1}
    missing = new_name()
    refused(
        f"compute-environment/{missing} does not exist",
        create,
        **other,
        computeEnvironmentOrder=order(missing),
    )
    refused("must be valid before attaching", create, **other, computeEnvironmentOrder=order(arm))
    refused("more than once", create, **other, computeEnvironmentOrder=order(name, name))
    refused("1 to 3 entries", create, **other, computeEnvironmentOrder=[])
    refused("at most 3", create, **other, computeEnvironmentOrder=order(name, "b", "c", "d"))
    refused(
        "order 1 more than once", create, **other, computeEnvironmentOrder=order(name) + order(arm)
    )
    refused(
        "arn:x does not exist",
        create,
        **other,
        computeEnvironmentOrder=order(name),
        schedulingPolicyArn="arn:x",
    )
    refused(
        "priority must be between",
        create,
        jobQueueName="x",
        priority=-1,
        computeEnvironmentOrder=order(name),
    )
    refused("does not exist", update, jobQueue=new_name(), priority=2)
    refused(f"{missing} does not exist", update, jobQueue=q, computeEnvironmentOrder=order(missing))


def test_an_environment_must_be_valid_before_a_queue_takes_it(batch):
    name = new_name()
    batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", computeResources=RESOURCES
    )
    try:
        batch.create_job_queue(
            jobQueueName=name,
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}],
        )
        made = True  # it became VALID in between
    except botocore.exceptions.ClientError as e:
        assert "must be created and valid before attaching" in e.response["Error"]["Message"]
        made = False
    if made:
        delete_queue(batch, name)
    delete_environment(batch, name)


# --- pages ----------------------------------------------------------------------------------------


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


def test_environments_and_queues_come_in_pages(batch, made):
    names = [made.environment() for _ in range(3)]
    queues = [made.queue(names[0]) for _ in range(3)]
    every = pages(batch.describe_compute_environments, "computeEnvironments", 2)
    seen = [e["computeEnvironmentName"] for e in every]
    assert len(seen) == len(set(seen)) and set(names) <= set(seen)
    every = pages(batch.describe_job_queues, "jobQueues", 1)
    seen = [q["jobQueueName"] for q in every]
    assert len(seen) == len(set(seen)) and set(queues) <= set(seen)

    # By names and ARNs, unknown ones left out.
    arn = environment(batch, names[2])["computeEnvironmentArn"]
    found = batch.describe_compute_environments(
        computeEnvironments=[names[1], new_name(), arn, arn.replace(":batch:", ":ecs:")]
    )["computeEnvironments"]
    assert [e["computeEnvironmentName"] for e in found] == [names[1], names[2]]
    refused(
        "ComputeEnvironments and MaxResults cannot both be set",
        batch.describe_compute_environments,
        computeEnvironments=names,
        maxResults=1,
    )
    refused(
        "JobQueues and MaxResults cannot both be set",
        batch.describe_job_queues,
        jobQueues=queues,
        maxResults=1,
    )


def test_a_token_that_was_not_given_out_is_refused(batch):
    name = new_name("d")
    for _ in range(3):
        batch.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=CONTAINER
        )
    token = batch.describe_job_definitions(jobDefinitionName=name, maxResults=1)["nextToken"]
    for call in (
        batch.describe_job_definitions,
        batch.describe_compute_environments,
        batch.describe_job_queues,
    ):
        refused("nextToken", call, nextToken="garbage")
        refused("nextToken", call, nextToken=token[:-4] + "AAAA")
    refused("nextToken", batch.describe_job_queues, nextToken=token)
    assert batch.describe_job_definitions(jobDefinitionName=name, nextToken="", maxResults=1)[
        "jobDefinitions"
    ]


# --- definitions ----------------------------------------------------------------------------------


def test_a_definition_comes_back_as_it_was_sent(batch):
    name = new_name("d")
    container = {
        "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/x@sha256:abc",
        "resourceRequirements": [
            {"type": "VCPU", "value": "2"},
            {"type": "MEMORY", "value": "2048"},
        ],
        "command": ["echo", "Ref::what"],
        "environment": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}],
        "volumes": [{"name": "data", "host": {"sourcePath": "/tmp"}}],
        "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": True}],
        "jobRoleArn": "arn:aws:iam::123456789012:role/job",
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "user": "1000:users",
        "privileged": False,
        "readonlyRootFilesystem": True,
        "linuxParameters": {},
        "logConfiguration": {"logDriver": "awslogs"},
        "ulimits": [],
        "secrets": [],
    }
    sent = {
        "type": "container",
        "parameters": {"what": "this", "nf-token": "42", "metaflow.run_id": "7"},
        "tags": {"team": "a"},
        "propagateTags": True,
        "platformCapabilities": ["EC2"],
        "retryStrategy": {"attempts": 1},
        "timeout": {},
        "schedulingPriority": 5,
    }
    made = batch.register_job_definition(
        jobDefinitionName=name, containerProperties=container, **sent
    )
    assert (made["jobDefinitionName"], made["revision"]) == (name, 1)
    assert made["jobDefinitionArn"].endswith(f":job-definition/{name}:1")
    [seen] = batch.describe_job_definitions(jobDefinitions=[f"{name}:1"])["jobDefinitions"]
    del sent["timeout"]
    assert {k: seen[k] for k in sent} == sent
    assert seen["status"] == "ACTIVE" and seen["containerOrchestrationType"] == "ECS"
    assert "timeout" not in seen
    expected = container | {
        "environment": [{"name": "A", "value": "1"}],
        "linuxParameters": {"devices": [], "tmpfs": []},
        "logConfiguration": {"logDriver": "awslogs", "options": {}, "secretOptions": []},
    }
    assert seen["containerProperties"] == expected

    # The older members stay as they are; the empty collections are added.
    batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )
    [seen] = batch.describe_job_definitions(jobDefinitions=[f"{name}:2"])["jobDefinitions"]
    empty = (
        "command",
        "environment",
        "mountPoints",
        "resourceRequirements",
        "secrets",
        "ulimits",
        "volumes",
    )
    assert seen["containerProperties"] == CONTAINER | {k: [] for k in empty}
    assert (seen["parameters"], seen["tags"], seen["propagateTags"]) == ({}, {}, False)


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"type": None}, "type is required."),
        ({"containerProperties": None}, "containerProperties is required."),
        ({"type": "multinode"}, "nodeProperties is required."),
        ({"retryStrategy": {}}, "RetryAttempts must be provided with retry strategy"),
        ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts must be between 1 and 10."),
        (
            {"timeout": {"attemptDurationSeconds": 59}},
            "timeout.attemptDurationSeconds must be between 60",
        ),
        ({"platformCapabilities": ["FARGATE"]}, "vcpus is not applicable for Fargate."),
        ({"platformCapabilities": ["MANAGED_INSTANCES"]}, "MANAGED_INSTANCES is not supported"),
        ({"ecsProperties": {"taskProperties": []}}, "taskProperties must have at least 1 entries."),
        (
            {"tags": {str(n): "" for n in range(51)}},
            "Member must have length less than or equal to 50",
        ),
        (
            {"parameters": {"x": "y" * 25000}},
            "Job definition size must be less than 24 KiB, got 25 KiB",
        ),
        ({"schedulingPriority": 10000}, "schedulingPriority must be between 0 and 9999."),
        ({"jobDefinitionName": "a.b"}, "should match valid pattern"),
        ({"vcpus": None}, "vCPU is not provided."),
        ({"memory": None}, "Memory is not provided."),
        ({"memory": 3}, "containerProperties.memory must be between 4"),
        ({"image": None}, "containerProperties.image is required."),
        ({"image": "a b"}, "is not a valid image name"),
        ({"user": "A B"}, "User 'A B' does not match regex"),
        (
            {"networkConfiguration": {"assignPublicIp": "ENABLED"}},
            "networkConfiguration not applicable for EC2.",
        ),
        ({"secrets": [{"name": "A"}]}, "containerProperties.secrets[0].valueFrom is required."),
        (
            {"linuxParameters": {"swappiness": 101}},
            "containerProperties.linuxParameters.swappiness must be between 0 and 100.",
        ),
        ({"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}, "may not start with AWS_BATCH"),
        ({"mountPoints": [{"sourceVolume": "x", "containerPath": "/x"}]}, "Unknown volume 'x'."),
        ({"resourceRequirements": [{"type": "GPU", "value": "x"}]}, "Value x for type GPU in"),
        (
            {"vcpus": None, "resourceRequirements": [{"type": "VCPU", "value": "1.0"}]},
            "Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a numeric",
        ),
    ],
)
def test_wrong_definitions_are_refused(raw, changes, text):
    body = {
        "jobDefinitionName": "never",
        "type": "container",
        "containerProperties": dict(CONTAINER),
    }
    for name, value in changes.items():
        inside = name in body["containerProperties"] or name in OF_CONTAINER
        place = body["containerProperties"] if inside else body
        place[name] = value
        if value is None:
            del place[name]
        if name == "containerProperties":
            break
    status, headers, answer = raw("/v1/registerjobdefinition", json.dumps(body).encode())
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ClientException")
    assert text in json.loads(answer)["message"]


def test_revisions_go_up_and_are_deregistered_one_by_one(batch):
    name = new_name("d")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(
                lambda _: batch.register_job_definition(
                    jobDefinitionName=name, type="container", containerProperties=CONTAINER
                )["revision"],
                range(24),
            )
        )
    assert sorted(made) == list(range(1, 25))

    every = pages(batch.describe_job_definitions, "jobDefinitions", 5, jobDefinitionName=name)
    assert [d["revision"] for d in every] == list(range(24, 0, -1))
    arn = every[0]["jobDefinitionArn"]
    batch.deregister_job_definition(jobDefinition=arn)
    batch.deregister_job_definition(jobDefinition=f"{name}:23")
    batch.deregister_job_definition(jobDefinition=f"{name}:23")
    active = pages(
        batch.describe_job_definitions,
        "jobDefinitions",
        10,
        jobDefinitionName=name,
        status="ACTIVE",
    )
    assert [d["revision"] for d in active] == list(range(22, 0, -1))
    inactive = batch.describe_job_definitions(jobDefinitionName=name, status="INACTIVE")[
        "jobDefinitions"
    ]
    assert [d["revision"] for d in inactive] == [24, 23]
    # A list takes name:revision and ARNs, INACTIVE ones too; each is shown once.
    listed = batch.describe_job_definitions(
        jobDefinitions=[arn, f"{name}:1", f"{name}:1", f"{name}:99", new_name()]
    )["jobDefinitions"]
    assert [d["revision"] for d in listed] == [24, 1]
    made = batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )
    assert made["revision"] == 25

    refused("must be given as name:revision", batch.deregister_job_definition, jobDefinition=name)
    refused("not found", batch.deregister_job_definition, jobDefinition=f"{name}:99")
    describe = batch.describe_job_definitions
    refused("cannot both be set", describe, jobDefinitions=[arn], status="ACTIVE")
    refused("cannot both be set", describe, jobDefinitions=[arn], maxResults=1)
    refused("cannot both be set", describe, jobDefinitions=[arn], jobDefinitionName=name)
    for revision in [*range(1, 23), 25]:
        batch.deregister_job_definition(jobDefinition=f"{name}:{revision}")


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
    update(computeEnvironment=name, serviceRole="mine")
    settled(batch, name)
    refused(
        "need the service-linked role",
        update,
        computeEnvironment=name,
        computeResources={"imageId": "ami-2"},
    )


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


# --- scheduling policies and tags -----------------------------------------------------------------


def test_policies_are_made_changed_used_and_deleted(batch, made):
    name = new_name("p")
    fair = {
        "shareDecaySeconds": 60,
        "computeReservation": 10,
        "shareDistribution": [
            {"shareIdentifier": "a", "weightFactor": 0.5},
            {"shareIdentifier": "b*"},
        ],
    }
    create, update = batch.create_scheduling_policy, batch.update_scheduling_policy
    arn = create(name=name, fairsharePolicy=fair, tags={"k": "v"})["arn"]
    assert arn.endswith(f":scheduling-policy/{name}")
    refused("Object already exists", create, http_status=409, name=name)

    def seen():
        [one] = batch.describe_scheduling_policies(arns=[arn, arn + "x"])["schedulingPolicies"]
        return one

    assert seen() == {"name": name, "arn": arn, "fairsharePolicy": fair, "tags": {"k": "v"}}
    update(arn=arn, fairsharePolicy={"computeReservation": 1})
    empty = {"shareDecaySeconds": 0, "computeReservation": 1, "shareDistribution": []}
    assert seen()["fairsharePolicy"] == empty
    listed = pages(batch.list_scheduling_policies, "schedulingPolicies", 1)
    assert {"arn": arn} in listed
    quota = {"idleResourceAssignmentStrategy": "FIFO"}
    refused("kind of a scheduling policy", update, arn=arn, quotaSharePolicy=quota)
    refused("Only one of", create, name="x", fairsharePolicy={}, quotaSharePolicy=quota)
    overlapping = [{"shareIdentifier": "a1"}, {"shareIdentifier": "a*"}]
    refused("overlap", create, name="x", fairsharePolicy={"shareDistribution": overlapping})

    ce = made.environment()
    q = made.queue(ce, schedulingPolicyArn=arn)
    assert queue(batch, q)["schedulingPolicyArn"] == arn
    refused("found existing JobQueue relationship", batch.delete_scheduling_policy, arn=arn)
    other = create(name=name + "-2")["arn"]
    batch.update_job_queue(jobQueue=q, schedulingPolicyArn=other)
    wait_for("VALID", lambda: queue(batch, q)["status"] == "VALID")
    assert queue(batch, q)["schedulingPolicyArn"] == other
    batch.delete_scheduling_policy(arn=arn)
    refused(f"{arn} does not exist", batch.delete_scheduling_policy, arn=arn)
    fifo = made.queue(ce)
    refused("cannot be added", batch.update_job_queue, jobQueue=fifo, schedulingPolicyArn=other)
    limits = [
        {
            "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
            "state": "RUNNABLE",
            "maxTimeSeconds": 600,
            "action": "CANCEL",
        }
    ]
    batch.update_job_queue(jobQueue=fifo, jobStateTimeLimitActions=limits)
    wait_for("VALID", lambda: queue(batch, fifo)["status"] == "VALID")
    assert queue(batch, fifo)["jobStateTimeLimitActions"] == limits
    made.queues.remove(q)
    delete_queue(batch, q)
    batch.delete_scheduling_policy(arn=other)


def test_tags_of_every_kind_of_resource(batch, made, raw):
    ce = made.environment()
    q = made.queue(ce)
    name = new_name("d")
    definition = batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )["jobDefinitionArn"]
    policy = batch.create_scheduling_policy(name=name)["arn"]
    ce_arn, q_arn = environment(batch, ce)["computeEnvironmentArn"], queue(batch, q)["jobQueueArn"]
    batch.update_job_queue(jobQueue=q, state="DISABLED")  # a change of tags is no UPDATING
    wait_for("VALID", lambda: queue(batch, q)["status"] == "VALID")

    def described(arn):
        if arn == ce_arn:
            return environment(batch, ce)
        if arn == q_arn:
            return queue(batch, q)
        if arn == policy:
            return batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"][0]
        return batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"][0]

    for arn in (ce_arn, q_arn, definition, policy):
        batch.tag_resource(resourceArn=arn, tags={"a": "1", "b c": "2", "ü": "ö"})
        batch.tag_resource(resourceArn=arn, tags={"a": "3"})
        batch.untag_resource(resourceArn=arn, tagKeys=["b c", "none"])
        assert batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "3", "ü": "ö"}
        seen = described(arn)
        assert seen["tags"] == {"a": "3", "ü": "ö"}
        assert seen.get("status", "VALID") in ("VALID", "ACTIVE")
        full = {str(n): "x" for n in range(48)}
        batch.tag_resource(resourceArn=arn, tags=full)
        refused("less than or equal to 50", batch.tag_resource, resourceArn=arn, tags={"more": ""})
    # Tags of a job show in DescribeJobs; those it was submitted with are the first.
    batch.update_job_queue(jobQueue=q, state="ENABLED")
    wait_for("VALID", lambda: queue(batch, q)["status"] == "VALID")
    job = batch.submit_job(
        jobName="tagged", jobQueue=q, jobDefinition=definition, tags={"first": "1", "b": "2"}
    )
    batch.tag_resource(resourceArn=job["jobArn"], tags={"b": "3"})
    batch.untag_resource(resourceArn=job["jobArn"], tagKeys=["first"])
    assert batch.list_tags_for_resource(resourceArn=job["jobArn"])["tags"] == {"b": "3"}
    [seen] = batch.describe_jobs(jobs=[job["jobId"]])["jobs"]
    assert seen["tags"] == {"b": "3"} and seen["container"]["image"] == CONTAINER["image"]
    child = job["jobArn"] + ":1"
    refused("does not exist", batch.tag_resource, resourceArn=child, tags={"a": "b"})
    # An ARN may come unencoded, too.
    status, _, text = raw(f"/v1/tags/{q_arn}", b"", method="GET")
    assert status == 200 and json.loads(text)["tags"]["a"] == "3"
    gone = q_arn + "x"
    refused(f"{gone} does not exist", batch.list_tags_for_resource, resourceArn=gone)
    refused("Invalid resource ARN", batch.list_tags_for_resource, resourceArn="arn:aws:s3:::x")
    refused("reserved", batch.tag_resource, resourceArn=q_arn, tags={"aws:x": "1"})
    batch.delete_scheduling_policy(arn=policy)
    batch.deregister_job_definition(jobDefinition=definition)


def test_fifty_queues_and_environments_in_a_region(stack):
    """The quotas hold when creations race; the fiftieth is made, the next is not."""
    other = stack.client("batch", region_name="eu-south-2")

    def create(n):
        try:
            other.create_compute_environment(
                computeEnvironmentName=f"quota-{n}",
                type="MANAGED",
                state="DISABLED",
                computeResources=RESOURCES,
            )
        except botocore.exceptions.ClientError as e:
            assert "at most 50 compute environments" in e.response["Error"]["Message"]
            return 0
        return 1

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(56))) == 50

    def every():
        return other.describe_compute_environments()["computeEnvironments"]

    wait_for("all are VALID", lambda: all(e["status"] == "VALID" for e in every()), 60)
    for e in every():
        other.delete_compute_environment(computeEnvironment=e["computeEnvironmentName"])
    wait_for("all are gone", lambda: every() == [], 60)


# --- scope and wire -------------------------------------------------------------------------------


def test_a_region_has_its_own_resources(batch, stack):
    other = stack.client("batch", region_name="eu-north-1")
    name = new_name("d")
    batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )
    assert other.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"] == []
    made = other.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )
    assert made["revision"] == 1
    assert made["jobDefinitionArn"].startswith("arn:aws:batch:eu-north-1:")
    refused("not found", batch.deregister_job_definition, jobDefinition=made["jobDefinitionArn"])
    other.deregister_job_definition(jobDefinition=made["jobDefinitionArn"])
    batch.deregister_job_definition(jobDefinition=f"{name}:1")


def test_what_is_no_request_is_answered_as_aws_does(raw):
    status, headers, text = raw("/v1/nosuchoperation")
    assert (status, headers["x-amzn-ErrorType"]) == (404, "UnknownOperationException")
    assert headers["Content-Type"] == "application/json" and headers["x-amzn-RequestId"]
    assert raw("/v1/describejobqueues", b"", method="GET")[0] == 404
    assert raw("/v1/describejobqueues", b"")[0] == 200
    for body in (b"{", b"[]", b'"x"', b"\xff", b"[" * 5000, b'{"a":' * 1000):
        status, headers, _ = raw("/v1/describejobqueues", body)
        assert (status, headers["x-amzn-ErrorType"]) == (400, "SerializationException")
    big = b'{"jobQueues":["' + b"x" * 300000 + b'"]}'
    status, headers, _ = raw("/v1/describejobqueues", big)
    assert (status, headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")
    status, headers, text = raw(
        "/", b"{}", service="logs", headers={"X-Amz-Target": "Logs_20140328.Nothing"}
    )
    assert (status, headers["Content-Type"]) == (400, "application/x-amz-json-1.1")
    assert json.loads(text)["__type"] == "UnknownOperationException"
    status, headers, text = raw("/v1/describejobqueues", service="logs")
    assert (status, headers["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")
    # What is known and not built is named.
    status, headers, text = raw("/v1/createquotashare")
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ClientException")
    assert json.loads(text)["message"] == "CreateQuotaShare is not supported by OpenBatch yet."


def test_more_connections_than_threads_are_all_served(stack, endpoint):
    """Idle connections that are kept open do not keep the others out."""
    address = urllib.parse.urlsplit(endpoint).netloc
    held = [http.client.HTTPConnection(address, timeout=20) for _ in range(300)]
    for connection in held:
        connection.request("GET", "/healthz")
    for connection in held:
        assert connection.getresponse().read()
    for connection in held:
        connection.close()
