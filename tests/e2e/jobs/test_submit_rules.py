"""Rules of SubmitJob that depend on other resources: dependencies, queues on Fargate, queues with a
scheduling policy and their snapshot."""

import json

import pytest
from stack import wait_for
from submitting import UNKNOWN, register

# ---- dependencies --------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [UNKNOWN, UNKNOWN + ":0", "nonsense"])
def test_dependency_on_an_unknown_job(refused, job):
    assert f"Job {job} in dependsOn does not exist" in refused(dependsOn=[{"jobId": job}])


def test_dependency_on_a_job_that_may_go_at_any_moment(stack, submit, refused, shared_work):
    """What ended longer ago than finished jobs are kept is as good as gone."""
    ended = submit()
    shared_work.batch.terminate_job(jobId=ended, reason="soon past")
    shared_work.wait(ended)
    stack.sql(f"UPDATE done SET stopped_at_ms = 1 WHERE job_id = '{ended}'")
    text = refused(dependsOn=[{"jobId": ended}])
    assert f"Job {ended} in dependsOn does not exist." in text


def test_dependency_on_a_job_of_another_region(stack, submit, refused, shared_work):
    there = stack.client("batch", region_name="eu-west-1")
    known = submit()
    assert there.describe_jobs(jobs=[known])["jobs"] == []
    row = stack.sql(
        "INSERT INTO job (id, account, region, queue_id, definition, name, mcpu, mem_mib,"
        " created_at_ms, detail) SELECT gen_random_uuid(), account, replace(region, 'us-', 'xx-'),"
        " 0, definition, name, mcpu, mem_mib, created_at_ms, replace(detail, ':us-', ':xx-')"
        f" FROM job WHERE id = '{known}' RETURNING id"
    )[0][0]
    assert f"Job {row} in dependsOn does not exist" in refused(dependsOn=[{"jobId": row}])


def test_dependency_on_a_child(submit, refused, shared_work):
    array = submit(arrayProperties={"size": 2})
    job = shared_work.job(submit(dependsOn=[{"jobId": f"{array}:1"}]))
    assert job["dependsOn"] == [{"jobId": f"{array}:1"}]
    assert "does not exist" in refused(dependsOn=[{"jobId": f"{array}:2"}])
    single = submit()
    assert "does not exist" in refused(dependsOn=[{"jobId": f"{single}:0"}])


def test_sequential_without_jobid_is_only_for_arrays(submit, refused, shared_work):
    sequential = [{"type": "SEQUENTIAL"}]
    assert "only valid for array jobs" in refused(dependsOn=sequential)
    job = shared_work.job(submit(dependsOn=sequential, arrayProperties={"size": 2}))
    assert job["dependsOn"] == sequential


def test_sequential_with_a_jobid_is_a_plain_dependency(stack, submit):
    first = submit()
    job = submit(dependsOn=[{"jobId": first, "type": "SEQUENTIAL"}])
    assert stack.sql(f"SELECT dep_ids, dep_types FROM job WHERE id = '{job}'") == [
        [f"{{{first}}}", "{0}"]
    ]


def test_n_to_n_is_only_for_arrays_of_equal_size(submit, refused):
    array, single = submit(arrayProperties={"size": 3}), submit()
    entry = [{"jobId": array, "type": "N_TO_N"}]
    assert "only valid for array jobs" in refused(dependsOn=entry)
    assert "same size" in refused(dependsOn=entry, arrayProperties={"size": 2})
    assert submit(dependsOn=entry, arrayProperties={"size": 3})
    assert "needs an array job" in refused(
        dependsOn=[{"jobId": single, "type": "N_TO_N"}], arrayProperties={"size": 3}
    )
    assert "needs an array job" in refused(
        dependsOn=[{"jobId": f"{array}:0", "type": "N_TO_N"}], arrayProperties={"size": 3}
    )


def test_a_dependency_names_a_job_or_is_sequential(refused):
    assert "dependsOn.jobId is required" in refused(dependsOn=[{}])
    assert "dependsOn.jobId is required" in refused(dependsOn=[{"type": "N_TO_N"}])
    assert "dependsOn[0].type" in refused(dependsOn=[{"jobId": UNKNOWN, "type": "OTHER"}])


# ---- a queue on Fargate ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def fargate(batch, shared_work):
    """A queue on Fargate and a definition for it; jobs stay RUNNABLE until its environment is."""
    name = f"fargate-{shared_work.queues[0]}"
    batch.create_compute_environment(
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources={
            "type": "FARGATE",
            "maxvCpus": 1,
            "subnets": ["subnet-1"],
            "securityGroupIds": ["sg-1"],
        },
    )
    shared_work.environments.append(name)
    wait_for("the environment VALID", lambda: shared_work.ce(name)["status"] == "VALID")
    queue = shared_work.queue(name)
    definition = register(
        batch,
        shared_work,
        {
            "resourceRequirements": [
                {"type": "VCPU", "value": "2"},
                {"type": "MEMORY", "value": "4096"},
            ],
            "executionRoleArn": "arn:aws:iam::123456789012:role/r",
        },
        platformCapabilities=["FARGATE"],
    )
    return {"jobQueue": queue, "jobDefinition": definition}


def test_a_definition_for_ec2_and_fargate_goes_to_both(batch, submit, shared_work, fargate):
    """Jobs that fit nowhere: what the definition gets for Fargate only is not in the other."""
    container = {
        "resourceRequirements": [
            {"type": "VCPU", "value": "16"},
            {"type": "MEMORY", "value": "122880"},
        ],
        "executionRoleArn": "arn:aws:iam::123456789012:role/r",
    }
    both = ["EC2", "FARGATE"]
    name = register(batch, shared_work, container, platformCapabilities=both)
    on_ec2 = shared_work.job(submit(jobDefinition=name))
    on_fargate = shared_work.job(submit(jobDefinition=name, jobQueue=fargate["jobQueue"]))
    assert on_ec2["platformCapabilities"] == on_fargate["platformCapabilities"] == both
    assert "fargatePlatformConfiguration" not in on_ec2["container"]
    latest = {"platformVersion": "LATEST"}
    assert on_fargate["container"]["fargatePlatformConfiguration"] == latest


def asks(**values):
    """Overrides of requirements."""
    return {
        "containerOverrides": {
            "resourceRequirements": [{"type": t, "value": v} for t, v in values.items()]
        }
    }


def test_an_ec2_definition_on_a_fargate_queue(refused, fargate):
    assert refused(jobQueue=fargate["jobQueue"]) == (
        "Job Queue is attached to Compute Environment that can not run Jobs with capability EC2."
    )


def test_vcpus_is_not_applicable_for_fargate(refused, fargate):
    for member in ("vcpus", "memory"):
        assert refused(**fargate, containerOverrides={member: 8}) == (
            f"{member} is not applicable for Fargate. Use resource requirements instead."
        )


def test_fargate_sizes_are_checked_after_overrides(submit, refused, shared_work, fargate):
    assert "Fargate resource requirements (1.00 vCPU, 1024 MiB) not valid." in refused(
        **fargate, **asks(VCPU="1", MEMORY="1024")
    )
    assert "Fargate resource requirements (4.00 vCPU, 4096 MiB) not valid." in refused(
        **fargate, **asks(VCPU="4")
    )
    job = shared_work.job(submit(**fargate, **asks(VCPU="2", MEMORY="5120")))
    assert job["platformCapabilities"] == ["FARGATE"]
    asked = {r["type"]: r["value"] for r in job["container"]["resourceRequirements"]}
    assert asked == {"VCPU": "2", "MEMORY": "5120"}


# ---- a queue with a policy -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def shares(stack, batch, shared_work):
    """A queue with a fair share."""
    name = f"fair-{shared_work.queues[0]}"
    policy = batch.create_scheduling_policy(
        name=name, fairsharePolicy={"shareDistribution": [{"shareIdentifier": "a*"}]}
    )["arn"]
    batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        schedulingPolicyArn=policy,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": shared_work.environments[0]}],
    )
    shared_work.queues.append(name)
    wait_for("the queue VALID", lambda: shared_work.jq(name)["status"] == "VALID")
    return name


def test_share_and_priority_on_a_queue_with_a_policy(batch, stack, submit, shared_work, shares):
    base = register(batch, shared_work, schedulingPriority=7)
    job = shared_work.job(submit(jobQueue=shares, jobDefinition=base, shareIdentifier="a1"))
    assert (job["shareIdentifier"], job["schedulingPriority"]) == ("a1", 7)
    job = shared_work.job(
        submit(
            jobQueue=shares,
            jobDefinition=base,
            shareIdentifier="b",
            schedulingPriorityOverride=0,
        )
    )
    assert (job["shareIdentifier"], job["schedulingPriority"]) == ("b", 0)
    rows = stack.sql(f"SELECT share, priority FROM job WHERE id = '{job['jobId']}'")
    assert rows == [["b", "0"]]


def test_a_queue_with_a_policy_needs_a_share(refused, shares):
    assert "must have a shareIdentifier" in refused(jobQueue=shares)
    assert "letters and digits" in refused(jobQueue=shares, shareIdentifier="a-b")
    assert "schedulingPriorityOverride" in refused(
        jobQueue=shares, shareIdentifier="a", schedulingPriorityOverride=10000
    )


def test_snapshot_in_the_shape_of_aws(stack, batch, submit, shared_work, shares):
    """What the scheduler has written of a queue; nothing yet: nothing waits, nothing is used."""
    empty = batch.get_job_queue_snapshot(jobQueue=shares)
    assert empty["queueUtilization"]["totalCapacityUsage"] == [
        {"capacityUnit": "VCPU", "quantity": 0.0}
    ]
    arn = shared_work.jq(shares)["jobQueueArn"]
    job = submit()
    body = {
        "front": [[job, 1700000000001], [f"{job}:3", 1700000000002]],
        "mcpu": 2250,
        "shares": [["a1", 2000], ["b", 250]],
        "activeShares": 2,
    }
    retired = shares + "-retired"  # a queue that no scheduler writes of any more
    stack.sql(
        "INSERT INTO job_queue (account, region, name, enabled, priority, ce_ids, body, policy_id)"
        f" SELECT account, region, '{retired}', false, 1, ce_ids, body, policy_id FROM job_queue"
        f" WHERE name = '{shares}';"
        " INSERT INTO queue_snapshot (queue_id, body, updated_at_ms)"
        f" SELECT id, '{json.dumps(body)}', 1700000000003 FROM job_queue WHERE name = '{retired}'"
    )
    found = batch.get_job_queue_snapshot(jobQueue=arn + "-retired")
    stack.sql(
        "DELETE FROM queue_snapshot WHERE updated_at_ms = 1700000000003;"
        f" DELETE FROM job_queue WHERE name = '{retired}'"
    )
    job_arn = shared_work.job(job)["jobArn"]
    assert found["frontOfQueue"] == {
        "jobs": [
            {"jobArn": job_arn, "earliestTimeAtPosition": 1700000000001},
            {"jobArn": job_arn + ":3", "earliestTimeAtPosition": 1700000000002},
        ],
        "lastUpdatedAt": 1700000000003,
    }

    def used(quantity):
        return [{"capacityUnit": "VCPU", "quantity": quantity}]

    assert found["queueUtilization"] == {
        "totalCapacityUsage": used(2.25),
        "fairshareUtilization": {
            "activeShareCount": 2,
            "topCapacityUtilization": [
                {"shareIdentifier": "a1", "capacityUsage": used(2.0)},
                {"shareIdentifier": "b", "capacityUsage": used(0.25)},
            ],
        },
        "lastUpdatedAt": 1700000000003,
    }


def test_snapshot_of_an_unknown_queue(batch):
    with pytest.raises(batch.exceptions.ClientException, match="JobQueue none not found."):
        batch.get_job_queue_snapshot(jobQueue="none")
