"""SubmitJob: each text that clients compare, each default, each rule between its members. The
results of the jobs are tested elsewhere."""

import json

import pytest
from stack import HOLD
from submitting import register

# ---- texts that clients compare ------------------------------------------------------------------


def test_jobqueue_not_found(refused):
    assert refused(jobQueue="no-such") == "JobQueue no-such not found."
    arn = "arn:aws:batch:us-east-1:999999999999:job-queue/q"
    assert refused(jobQueue=arn) == f"JobQueue {arn} not found."


def test_jobdefinition_name_does_not_exist_or_is_not_in_active_status(refused):
    assert refused(jobDefinition="no-such") == (
        "JobDefinition name no-such does not exist or is not in ACTIVE status"
    )


def test_jobdefinition_arn_not_found(batch, refused, definition):
    found = batch.describe_job_definitions(jobDefinitionName=definition)["jobDefinitions"][0]
    arn = found["jobDefinitionArn"] + "7"
    assert refused(jobDefinition=arn) == f"JobDefinition {arn} not found."


@pytest.mark.parametrize("name", ["no blanks", "-first", "x" * 129, "ä"])
def test_job_name_should_match_valid_pattern(refused, name):
    text = refused(jobName=name)
    assert text.startswith(
        "Error executing request, Exception : Job name should match valid pattern, RequestId: "
    )


def test_job_cannot_have_more_than_20_dependencies(submit, refused, shared_work):
    ids = [submit() for _ in range(21)]
    assert "Job cannot have more than 20 dependencies" in refused(
        dependsOn=[{"jobId": i} for i in ids]
    )
    job = shared_work.job(submit(dependsOn=[{"jobId": i} for i in ids[:20]]))
    assert job["dependsOn"] == [{"jobId": i} for i in ids[:20]]


def test_job_size_must_be_less_than_30_kib(refused):
    assert "Job size must be less than 30 KiB, got 31 KiB" in refused(parameters={"a": "b" * 31000})


def test_unable_to_substitute_value(refused):
    assert "Unable to substitute value. No parameter found for reference nothing" in refused(
        containerOverrides={"command": ["--in=Ref::nothing"]}
    )


def test_capability_of_the_queue(batch, shared_work, refused):
    fargate = register(
        batch,
        shared_work,
        {
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.25"},
                {"type": "MEMORY", "value": "512"},
            ],
            "executionRoleArn": "arn:aws:iam::123456789012:role/r",
        },
        platformCapabilities=["FARGATE"],
    )
    assert refused(jobDefinition=fargate) == (
        "Job Queue is attached to Compute Environment that can not run Jobs with capability "
        "FARGATE."
    )


def test_share_on_a_queue_without_a_policy(refused):
    text = (
        "Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue "
        "with fair share scheduling policy."
    )
    assert refused(shareIdentifier="a") == text
    assert refused(schedulingPriorityOverride=5) == text


def test_deprecated_overrides_are_silently_ignored(submit, shared_work):
    job = shared_work.job(submit(containerOverrides={"vcpus": 1, "memory": 64}))
    asked = {r["type"]: r["value"] for r in job["container"]["resourceRequirements"]}
    assert asked == {"VCPU": "2", "MEMORY": "900000"}
    assert "vcpus" not in job["container"]


def test_deprecated_overrides_count_where_the_definition_uses_them(batch, submit, shared_work):
    old = register(batch, shared_work, {"resourceRequirements": [], "vcpus": 1, "memory": 900000})
    job = shared_work.job(submit(jobDefinition=old, containerOverrides={"vcpus": 2}))
    assert (job["container"]["vcpus"], job["container"]["memory"]) == (2, 900000)


def test_overrides_are_not_for_eks_jobs(batch, shared_work, refused):
    pod = {
        "podProperties": {
            "containers": [{"image": "x", "resources": {"limits": {"cpu": "1", "memory": "64Mi"}}}]
        }
    }
    name = f"eks-{shared_work.queues[0]}"
    batch.register_job_definition(jobDefinitionName=name, type="container", eksProperties=pod)
    assert refused(jobDefinition=name, containerOverrides={"command": ["x"]}) == (
        "Container overrides or node overrides should not be set for Batch on EKS jobs."
    )


def test_multinode_and_task_definitions_are_refused(batch, shared_work, refused):
    container = {"image": "x", "vcpus": 1, "memory": 64}
    node = {
        "numNodes": 2,
        "mainNode": 0,
        "nodeRangeProperties": [{"targetNodes": "0:1", "container": container}],
    }
    name = f"mnp-{shared_work.queues[0]}"
    batch.register_job_definition(jobDefinitionName=name, type="multinode", nodeProperties=node)
    assert "nodeProperties are not supported by OpenBatch yet" in refused(jobDefinition=name)
    task = {"image": "x", "name": "c", "resourceRequirements": []}
    task["resourceRequirements"] = [
        {"type": "VCPU", "value": "1"},
        {"type": "MEMORY", "value": "64"},
    ]
    name = f"ecs-{shared_work.queues[0]}"
    batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        ecsProperties={"taskProperties": [{"containers": [task]}]},
    )
    assert "ecsProperties are not supported by OpenBatch yet" in refused(jobDefinition=name)


@pytest.mark.parametrize(
    "override",
    [
        {"nodeOverrides": {"numNodes": 2}},
        {"eksPropertiesOverride": {"podProperties": {"metadata": {"labels": {"a": "b"}}}}},
        {"ecsPropertiesOverride": {"taskProperties": [{"containers": [{"name": "c"}]}]}},
        {"containerOverrides": {"instanceType": "m5.large"}},
    ],
)
def test_overrides_of_other_kinds_are_refused(refused, override):
    assert next(iter(override)) in refused(**override)


def test_more_than_50_tags(refused):
    tags = {f"k{n}": "v" for n in range(51)}
    assert "Member must have length less than or equal to 50" in refused(tags=tags)


def test_overrides_of_more_than_8192_characters_fail_the_job_later(submit, shared_work):
    fits = {"environment": [{"name": "A", "value": "x" * 8000}]}
    assert shared_work.job(submit(containerOverrides=fits))["status"] != "FAILED"
    large = {"environment": [{"name": "A", "value": "x" * 8192}]}
    job = shared_work.wait(submit(containerOverrides=large), timeout=10)
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Container Overrides length must be at most 8192"
    assert not job["isTerminated"] and not job["isCancelled"] and job["attempts"] == []
    # What parameters put in place counts, and is not built: here 9 MB.
    words = {"parameters": {"p": "x" * 4000}, "containerOverrides": {"command": ["Ref::p"] * 2}}
    assert shared_work.job(submit(**words))["status"] != "FAILED"
    words = {"parameters": {"p": "x" * 3000}, "containerOverrides": {"command": ["Ref::p," * 3000]}}
    job = shared_work.wait(submit(**words), timeout=10)
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Container Overrides length must be at most 8192"
    assert job["container"]["command"] == words["containerOverrides"]["command"]


# ---- members -------------------------------------------------------------------------------------


def test_defaults(submit, shared_work, queue, definition):
    """What DescribeJobs shows of a job that was given nothing but what it must have."""
    job = shared_work.job(submit())
    assert job["jobArn"].endswith(":job/" + job["jobId"])
    assert job["jobQueue"].endswith(f":job-queue/{queue}")
    assert job["jobDefinition"].endswith(f":job-definition/{definition}:1")
    assert job["retryStrategy"] == {"attempts": 1}
    empty = {"attempts": [], "dependsOn": [], "parameters": {}, "tags": {}}
    empty |= {"platformCapabilities": [], "propagateTags": False}
    empty |= {"isCancelled": False, "isTerminated": False}
    assert {name: job[name] for name in empty} == empty
    for name in ("timeout", "shareIdentifier", "schedulingPriority", "startedAt", "stoppedAt"):
        assert name not in job
    container = job["container"]
    lists = ("volumes", "environment", "mountPoints", "ulimits", "networkInterfaces", "secrets")
    assert all(container[name] == [] for name in lists)
    for name in ("exitCode", "reason", "logStreamName", "taskArn"):
        assert name not in container


def test_empty_members_mean_nothing(submit, shared_work):
    """Clients send {} and [] for what they do not use."""
    job = shared_work.job(
        submit(
            arrayProperties={},
            dependsOn=[],
            parameters={},
            tags={},
            timeout={},
            containerOverrides={"command": [], "environment": [], "resourceRequirements": []},
        )
    )
    assert "arrayProperties" not in job and "timeout" not in job
    assert job["container"]["command"] == ["sleep", "1"]


def test_retry_strategy_and_timeout_replace_the_definitions(batch, submit, shared_work):
    rule = {"action": "EXIT", "onReason": "*"}
    base = register(
        batch,
        shared_work,
        retryStrategy={"attempts": 3, "evaluateOnExit": [rule]},
        timeout={"attemptDurationSeconds": 90},
    )
    job = shared_work.job(submit(jobDefinition=base))
    lower = rule | {"action": "exit"}  # as AWS shows it
    assert job["retryStrategy"] == {"attempts": 3, "evaluateOnExit": [lower]}
    assert job["timeout"] == {"attemptDurationSeconds": 90}
    job = shared_work.job(
        submit(
            jobDefinition=base,
            retryStrategy={"attempts": 2},
            timeout={"attemptDurationSeconds": 60},
        )
    )
    assert job["retryStrategy"] == {"attempts": 2}
    assert job["timeout"] == {"attemptDurationSeconds": 60}


def test_the_scheduler_is_told_of_what_the_job_model_needs(stack, submit):
    """Columns that the scheduler reads."""
    first = submit(arrayProperties={"size": 3})
    second = submit(
        arrayProperties={"size": 3},
        dependsOn=[
            {"jobId": first, "type": "N_TO_N"},
            {"type": "SEQUENTIAL"},
            {"jobId": f"{first}:2"},
            {"jobId": f"{first}:2"},
        ],
        retryStrategy={
            "attempts": 4,
            "evaluateOnExit": [{"action": "Retry", "onExitCode": "1*"}],
        },
        timeout={"attemptDurationSeconds": 61},
    )
    row = stack.sql(
        "SELECT attempts, on_exit, timeout_s, dep_ids, dep_idxs, dep_types, share IS NULL,"
        f" priority FROM job WHERE id = '{second}'"
    )[0]
    assert json.loads(row[1]) == [{"action": "retry", "onExitCode": "1*"}]
    assert row[:1] + row[2:] == [
        "4",
        "61",
        f"{{{first},{second},{first}}}",
        "{-1,-1,2}",
        "{1,2,0}",
        "t",
        "0",
    ]


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"retryStrategy": {}}, "RetryAttempts must be provided with retry strategy"),
        ({"retryStrategy": {"attempts": 0}}, "retryStrategy.attempts"),
        ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "attemptDurationSeconds"),
        ({"arrayProperties": {"size": 1}}, "arrayProperties.size"),
        ({"arrayProperties": {"size": 10001}}, "arrayProperties.size"),
        ({"containerOverrides": {"command": ["a", ""]}}, "Command cannot be empty"),
        (
            {"containerOverrides": {"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}},
            "AWS_BATCH",
        ),
        (
            {"containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "1.0"}]}},
            "Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a "
            "numeric value.",
        ),
        ({"tags": {"aws:x": "y"}}, "reserved"),
    ],
)
def test_members_out_of_range_are_refused(refused, changes, text):
    assert text in refused(**changes)


def test_overrides_merge(batch, submit, shared_work):
    """Command: replaced, Ref:: in it resolved; environment: by name; requirements: by type."""
    base = register(
        batch,
        shared_work,
        {"environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        parameters={"x": "1", "y": "2"},
    )
    job = shared_work.job(
        submit(
            jobDefinition=base,
            parameters={"x": "one"},
            containerOverrides={
                "command": ["Ref::x", "in=Ref::y.txt"],
                "environment": [
                    {"name": "B", "value": "3"},
                    {"name": "C", "value": "4"},
                    {"name": "D", "value": ""},
                ],
                "resourceRequirements": [{"type": "VCPU", "value": "4"}],
            },
        )
    )
    assert job["parameters"] == {"x": "one", "y": "2"}
    container = job["container"]
    assert container["command"] == ["one", "in=2.txt"]
    assert {e["name"]: e["value"] for e in container["environment"]} == {
        "A": "1",
        "B": "3",
        "C": "4",
    }
    asked = {r["type"]: r["value"] for r in container["resourceRequirements"]}
    assert asked == {"VCPU": "4", "MEMORY": "900000"}


def test_tags_of_the_definition_are_propagated_not_merged(batch, stack, submit, shared_work):
    base = register(batch, shared_work, tags={"a": "definition", "b": "definition"})
    job = shared_work.job(submit(jobDefinition=base, tags={"a": "job"}, propagateTags=True))
    assert (job["tags"], job["propagateTags"]) == ({"a": "job"}, True)
    tags = stack.sql(f"SELECT task_tags FROM job WHERE id = '{job['jobId']}'")[0][0]
    assert json.loads(tags) == {"a": "job", "b": "definition"}
    job = shared_work.job(submit(jobDefinition=base, tags={"a": "job"}))
    assert job["propagateTags"] is False


@pytest.mark.docker("labels are the engine's")
def test_propagated_tags_are_labels_of_the_container(stack, batch, shared_work, queue):
    base = register(
        batch,
        shared_work,
        {"command": HOLD, "resourceRequirements": [], "vcpus": 1, "memory": 64},
        tags={"a": "definition", "team.name": "x y"},
        propagateTags=True,
    )
    job_id = shared_work.submit(queue, base, tags={"a": "job"})
    shared_work.wait(job_id, "RUNNING")
    name = stack.docker("ps", "--filter", f"name=ob-{job_id}", "--format", "{{.Names}}").strip()
    labels = json.loads(stack.docker("inspect", name))[0]["Config"]["Labels"]
    assert (labels["openbatch.tag.a"], labels["openbatch.tag.team.name"]) == ("job", "x y")
    assert "a" not in labels
    batch.terminate_job(jobId=job_id, reason="tested")


def test_more_than_50_propagated_tags_fail_the_job(batch, submit, shared_work):
    base = register(
        batch,
        shared_work,
        tags={f"d{n}": "v" for n in range(30)},
        propagateTags=True,
    )
    job = shared_work.wait(
        submit(jobDefinition=base, tags={f"j{n}": "v" for n in range(30)}), timeout=10
    )
    assert job["status"] == "FAILED" and "at most 50" in job["statusReason"]
