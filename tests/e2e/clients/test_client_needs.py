"""What workflow engines rely on: their calls as they make them, and the parts of the answers that
they need. All jobs start at once; each test waits for its own."""

import re
import time
import uuid

import pytest
from stack import wait_for

GROUP = "/aws/batch/job"
ROLE = "arn:aws:iam::123456789012:role/job"
RESOURCES = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
METAFLOW_ENV = ("JOB_ID", "JOB_ATTEMPT", "CE_NAME", "JQ_NAME")


@pytest.fixture(scope="module")
def register(batch, image):
    """register(command, container properties, other members): the answer."""

    def new(command, container=None, **more):
        properties = {"image": image, "command": command, "resourceRequirements": RESOURCES}
        return batch.register_job_definition(
            jobDefinitionName=f"needs-{uuid.uuid4()}",
            type="container",
            containerProperties=properties | (container or {}),
            **more,
        )

    return new


@pytest.fixture(scope="module")
def privileged(stack, image):
    """Snakemake and Toil ask for it; some engines cannot do it."""
    return bool(stack.docker("run", "--rm", "--privileged", image, "echo", "can", check=False))


@pytest.fixture(scope="module")
def jobs(batch, queue, register, privileged, tmp_path_factory):
    """client: id of its job."""
    folder = tmp_path_factory.mktemp("host")
    names = [f"AWS_BATCH_{name}" for name in METAFLOW_ENV] + ["AWS_EXECUTION_ENV"]

    def submit(definition, **more):
        answer = batch.submit_job(jobName="needs", jobQueue=queue, jobDefinition=definition, **more)
        return answer["jobId"]

    def revision(answer):
        return f"{answer['jobDefinitionName']}:{answer['revision']}"

    airflow = register(["sh", "-c", "echo to airflow; sleep 2"])
    snakemake = register(
        ["false"],
        {"privileged": privileged, "jobRoleArn": ROLE},
        timeout={"attemptDurationSeconds": 300},
        tags={},
        platformCapabilities=["EC2"],
    )
    nextflow = register(
        ["true"],
        {
            "volumes": [{"name": "cli", "host": {"sourcePath": str(folder)}}],
            "mountPoints": [
                {"sourceVolume": "cli", "containerPath": str(folder), "readOnly": True}
            ],
        },
        parameters={"nf-token": "a1b2"},
    )
    redun = register(["sh", "-c", "echo child $AWS_BATCH_JOB_ARRAY_INDEX"])
    metaflow = register(
        ["sh", "-c", "\n".join(f'echo {n}="${n}"' for n in names)], {"linuxParameters": {}}
    )
    toil = register(
        ["sh", "-c", f"touch {folder}/made/here"],
        {
            "privileged": privileged,
            "jobRoleArn": ROLE,
            "volumes": [{"name": "made", "host": {"sourcePath": f"{folder}/made"}}],
            "mountPoints": [{"sourceVolume": "made", "containerPath": f"{folder}/made"}],
        },
        propagateTags=True,
    )
    memory = {"resourceRequirements": [{"type": "MEMORY", "value": "80"}]}
    return {
        "airflow": submit(airflow["jobDefinitionArn"], parameters={}, tags={}),
        "snakemake": submit(revision(snakemake)),
        "nextflow": submit(
            revision(nextflow), arrayProperties={"size": 2}, containerOverrides=memory
        ),
        "redun": submit(
            revision(redun),
            arrayProperties={"size": 2},
            propagateTags=True,
            retryStrategy={"attempts": 1},
            tags={"redun_project": "p"},
        ),
        "metaflow": submit(revision(metaflow), parameters={"metaflow.run_id": "7"}),
        "toil": submit(toil["jobDefinitionArn"]),
        "made": folder / "made" / "here",
    }


def test_airflow_finds_the_stream_in_the_first_running_answer(batch, logs, jobs):
    def begun():
        found = batch.describe_jobs(jobs=[jobs["airflow"]])["jobs"]
        assert [job["jobId"] for job in found] == [jobs["airflow"]]
        return found[0]["status"] not in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING") and found

    job = wait_for("RUNNING", begun, 40)[0]
    assert job["status"] == "RUNNING"
    assert job["jobDefinition"].startswith("arn:aws:batch:")
    assert job["jobQueue"].startswith("arn:aws:batch:")
    assert job["container"].get("logConfiguration", {}).get("logDriver", "awslogs") == "awslogs"
    stream = job["container"]["logStreamName"]

    def said():
        try:
            page = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)
        except logs.exceptions.ResourceNotFoundException:
            return None
        return [event["message"] for event in page["events"]]

    assert wait_for("its line", said) == ["to airflow"]
    with pytest.raises(logs.exceptions.ResourceNotFoundException) as missing:
        logs.get_log_events(logGroupName=GROUP, logStreamName="needs/default/none")
    assert "The specified log stream does not exist." in str(missing.value)
    assert batch.describe_jobs(jobs=[str(uuid.uuid4())])["jobs"] == []


def test_snakemake_ends_what_has_ended(batch, shared_work, jobs, privileged):
    job = shared_work.wait(jobs["snakemake"])
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 1)
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["privileged"] is privileged
    assert job["timeout"] == {"attemptDurationSeconds": 300}
    answer = batch.terminate_job(jobId=jobs["snakemake"], reason="Termination requested")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    batch.deregister_job_definition(jobDefinition=job["jobDefinition"])
    with pytest.raises(batch.exceptions.ClientException) as refused:
        batch.submit_job(
            jobName="late", jobQueue=job["jobQueue"], jobDefinition=job["jobDefinition"]
        )
    assert "not found" in str(refused.value)


def test_nextflow_finds_its_definition_and_its_children(batch, shared_work, jobs):
    parent = shared_work.wait(jobs["nextflow"])
    assert parent["status"] == "SUCCEEDED"
    assert parent["container"].get("exitCode") is None  # the object must be there
    name, revision = parent["jobDefinition"].rsplit("/", 1)[1].split(":")
    found = batch.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"]
    active = [d for d in found if d["status"] == "ACTIVE"]
    assert [(d["revision"], d["parameters"]) for d in active] == [
        (int(revision), {"nf-token": "a1b2"})
    ]
    children = shared_work.jobs([f"{jobs['nextflow']}:{n}" for n in range(2)])
    for n, child in enumerate(children):
        assert child["jobId"] == f"{jobs['nextflow']}:{n}"
        container = child["container"]
        assert container["exitCode"] == 0
        assert child["attempts"][-1]["container"]["logStreamName"] == container["logStreamName"]
        needs = {r["type"]: r["value"] for r in container["resourceRequirements"]}
        assert needs == {"VCPU": "1", "MEMORY": "80"}
        assert container["mountPoints"][0]["readOnly"] is True


def test_redun_mixes_children_with_jobs_and_reads_logs_backwards(batch, logs, shared_work, jobs):
    array, single = jobs["redun"], jobs["toil"]
    parent = shared_work.wait(array)
    shared_work.wait(single)
    ids = [f"{array}:1", single, f"{array}:0"]
    found = {job["jobId"]: job for job in batch.describe_jobs(jobs=ids)["jobs"]}
    assert set(found) == set(ids)
    listed = batch.list_jobs(arrayJobId=array, jobStatus="SUCCEEDED")["jobSummaryList"]
    assert sorted(job["arrayProperties"]["index"] for job in listed) == [0, 1]
    assert parent["tags"] == {"redun_project": "p"}

    pages = batch.get_paginator("list_jobs")
    for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"):
        for page in pages.paginate(jobQueue=parent["jobQueue"], jobStatus=status):
            assert all(job["jobId"] != array for job in page["jobSummaryList"])

    stream = found[f"{array}:1"]["container"]["logStreamName"]
    where = {"logGroupName": GROUP, "logStreamName": stream}

    def backwards():
        lines, more = [], {}
        for _ in range(10):
            try:
                page = logs.get_log_events(**where, startFromHead=False, **more)
            except logs.exceptions.ResourceNotFoundException:
                return None
            if not page["events"]:
                return lines
            lines = [event["message"] for event in page["events"]] + lines
            more = {"nextToken": page["nextBackwardToken"]}
        raise AssertionError("no page is empty")

    assert wait_for("its line", backwards) == ["child 1"]


def test_metaflow_knows_where_it_runs(batch, shared_work, queue, jobs):
    of = batch.describe_job_queues(jobQueues=[queue])["jobQueues"][0]
    name = of["computeEnvironmentOrder"][0]["computeEnvironment"]
    environment = batch.describe_compute_environments(computeEnvironments=[name])
    environment = environment["computeEnvironments"][0]
    assert environment["computeResources"]["type"] == "EC2"
    assert environment["ecsClusterArn"].startswith("arn:aws:ecs:")
    job = shared_work.wait(jobs["metaflow"])
    assert job["parameters"] == {"metaflow.run_id": "7"}
    assert job["createdAt"] < job["startedAt"] <= job["stoppedAt"] < time.time() * 1000 + 1000
    said = dict(line.split("=", 1) for line in shared_work.log(job))
    assert said == {
        "AWS_BATCH_JOB_ID": job["jobId"],
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_CE_NAME": environment["computeEnvironmentName"],
        "AWS_BATCH_JQ_NAME": queue,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
    }


def test_toil_needs_an_exit_code_and_makes_folders(batch, shared_work, jobs):
    job = shared_work.wait(jobs["toil"])
    assert (job["status"], job["container"]["exitCode"]) == ("SUCCEEDED", 0)
    assert jobs["made"].exists()
    assert job["container"]["mountPoints"][0].get("readOnly", False) is False
    batch.terminate_job(jobId=jobs["toil"], reason="Killed by Toil")
    after = shared_work.job(jobs["toil"])
    assert (after["status"], after["statusReason"]) == (job["status"], job["statusReason"])
    assert (after["isTerminated"], after["isCancelled"]) == (False, False)


def test_luigi_takes_the_first_queue_that_is_valid(batch, queue):
    found = batch.describe_job_queues()["jobQueues"]
    assert queue in [
        q["jobQueueName"] for q in found if (q["state"], q["status"]) == ("ENABLED", "VALID")
    ]


def test_integers_of_every_answer_are_integers(raw, shared_work, jobs):
    """A number with a fraction ends Java's parser, wherever it is."""
    shared_work.wait(jobs["nextflow"])
    definition = shared_work.job(jobs["nextflow"])["jobDefinition"]
    for path, body in (
        ("/v1/describejobs", f'{{"jobs": ["{jobs["nextflow"]}", "{jobs["nextflow"]}:0"]}}'),
        ("/v1/describejobdefinitions", f'{{"jobDefinitions": ["{definition}"]}}'),
        ("/v1/describejobqueues", "{}"),
        ("/v1/describecomputeenvironments", "{}"),
    ):
        status, headers, text = raw(path, body.encode())
        assert status == 200
        assert headers["Content-Type"] == "application/json"
        assert not re.search(r"[:\[,]-?[0-9]+[.eE]", text), text
