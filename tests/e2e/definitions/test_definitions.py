"""Job definitions as AWS's clients send and see them, and the texts that they get."""

import concurrent.futures
import json

import pytest
from resources import CONTAINER, new_name, pages, refused

OF_CONTAINER = (
    "user",
    "networkConfiguration",
    "secrets",
    "linuxParameters",
    "environment",
    "volumes",
    "mountPoints",
    "resourceRequirements",
)


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
        "volumes": [{"name": "data", "host": {"sourcePath": "/data"}}],
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
        ({"ecsProperties": {"taskProperties": []}}, "taskProperties must have at least 1 entry."),
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
        (
            {
                "volumes": [{"name": "v"}],
                "mountPoints": [{"sourceVolume": "v", "containerPath": "/:a" + 150 * "é"}],
            },
            "mountPoints[0].containerPath must be an absolute path without colons.",
        ),
        (
            {"volumes": [{"name": "v", "host": {"sourcePath": "/a:b"}}]},
            "volumes[0].host.sourcePath must be an absolute path without colons.",
        ),
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
