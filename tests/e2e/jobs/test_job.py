"""One job through the whole system: submitted by boto3, run in a container, its end and its log."""

import json
import os
import subprocess
import sys
import time

import pytest
from stack import HOLD, wait_for


def test_a_job_runs_and_its_log_is_readable(shared_work, queue):
    """A submitted job runs on an instance that was provisioned for it; DescribeJobs tells all
    of it."""
    w = shared_work
    job_id = w.submit(queue, w.definition(["sh", "-c", "echo one; echo two >&2; echo three"]))
    job = w.wait(job_id)
    assert job["status"] == "SUCCEEDED", job
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["exitCode"] == 0
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    assert len(job["attempts"]) == 1
    attempt = job["attempts"][0]
    assert attempt["container"]["exitCode"] == 0
    assert attempt["container"]["taskArn"] == job["container"]["taskArn"]
    assert attempt["startedAt"] == job["startedAt"]
    stream = job["container"]["logStreamName"]
    assert stream.split("/")[1] == "default"
    assert stream.endswith(job["container"]["taskArn"].rsplit("/", 1)[1])
    assert sorted(w.log(job)) == ["one", "three", "two"]


def test_describe_is_read_your_writes(shared_work, queue):
    """DescribeJobs and ListJobs show a job at once after SubmitJob."""
    w = shared_work
    # Longer than all these calls take on a busy machine, and it ends when it is told to.
    definition = w.definition(["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"])
    for _ in range(20):
        job_id = w.submit(queue, definition)
        assert w.job(job_id)["jobId"] == job_id
        pages = [
            w.batch.list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]
            for status in ("SUBMITTED", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED")
        ]
        assert job_id in [j["jobId"] for page in pages for j in page]
        w.batch.terminate_job(jobId=job_id, reason="seen")
        assert w.job(job_id)["isTerminated"]


@pytest.mark.parametrize("code", [1, 42, 255])
def test_a_failing_container_fails_the_job_with_its_exit_code(shared_work, queue, code):
    w = shared_work
    job = w.wait(w.submit(queue, w.definition(["sh", "-c", f"exit {code}"])))
    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == code
    assert job["statusReason"] == "Essential container in task exited"
    assert job["attempts"][0]["statusReason"] == "Essential container in task exited"


def test_memory_is_a_hard_limit(shared_work, queue):
    """A container that takes more than its memory is killed, and the reason is ECS's."""
    w = shared_work
    grow = ["sh", "-c", "x=a; while :; do x=$x$x; done"]
    job = w.wait(w.submit(queue, w.definition(grow, memory=32)))
    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"] == ("OutOfMemoryError: Container killed due to memory usage")


def test_a_missing_image_is_said(shared_work, queue):
    w = shared_work
    job = w.wait(w.submit(queue, w.definition(image="127.0.0.1:1/no/such:image")), timeout=90)
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotPullContainerError: ")
    assert "exitCode" not in job["container"]
    assert "startedAt" not in job


def test_a_command_that_is_not_there_is_said(shared_work, queue):
    w = shared_work
    job = w.wait(w.submit(queue, w.definition(["/no/such/program"])))
    assert job["status"] == "FAILED"
    assert job["container"]["reason"].startswith("CannotStartContainerError: ")


def test_parameters_and_overrides(shared_work, queue):
    """Ref:: takes the job's parameter before the definition's; overrides replace the command
    and merge the environment."""
    w = shared_work
    definition = w.definition(
        ["echo", "Ref::greeting", "Ref::who", "--to=Ref::who"],
        parameters={"greeting": "hello", "who": "nobody", "unused": "kept"},
        environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    )
    job = w.wait(w.submit(queue, definition, parameters={"who": "world"}))
    assert w.log(job) == ["hello world --to=world"]
    assert job["parameters"] == {"greeting": "hello", "who": "world", "unused": "kept"}
    job = w.wait(
        w.submit(
            queue,
            definition,
            containerOverrides={
                "command": ["sh", "-c", "echo $A $B $C"],
                "environment": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
            },
        )
    )
    assert w.log(job) == ["1 3 4"]


def test_the_environment_is_that_of_aws_batch(shared_work, queue):
    w = shared_work
    job_id = w.submit(queue, w.definition(["env"]))
    job = w.wait(job_id)
    env = dict(line.split("=", 1) for line in w.log(job))
    assert env["AWS_BATCH_JOB_ID"] == job_id
    assert env["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert env["AWS_BATCH_JQ_NAME"] == queue
    assert env["AWS_BATCH_CE_NAME"] in w.environments
    assert env["AWS_EXECUTION_ENV"] == "AWS_ECS_EC2"
    assert "AWS_BATCH_JOB_ARRAY_INDEX" not in env


def test_host_volumes(shared_work, queue, tmp_path):
    w = shared_work
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("carried")
    definition = w.definition(
        ["sh", "-c", "cat /in/file > /out/file && ! touch /in/other"],
        volumes=[
            {"name": "in", "host": {"sourcePath": str(tmp_path / "in")}},
            {"name": "out", "host": {"sourcePath": str(tmp_path / "out")}},
        ],
        mountPoints=[
            {"sourceVolume": "in", "containerPath": "/in", "readOnly": True},
            {"sourceVolume": "out", "containerPath": "/out"},
        ],
    )
    job = w.wait(w.submit(queue, definition))
    assert job["status"] == "SUCCEEDED"
    assert (tmp_path / "out/file").read_text() == "carried"


def test_terminate_stops_a_running_container(shared_work, queue):
    """TerminateJob: SIGTERM reaches the container; the job FAILS with the caller's reason,
    whatever its exit code."""
    w = shared_work
    definition = w.definition(
        ["sh", "-c", "trap 'echo caught; exit 0' TERM; echo ready; while :; do sleep 0.1; done"]
    )
    job_id = w.submit(queue, definition)
    job = w.wait(job_id, "RUNNING")
    wait_for("the job to be ready", lambda: "ready" in w.log(job))
    begin = time.monotonic()
    w.batch.terminate_job(jobId=job_id, reason="enough of it")
    job = w.wait(job_id)
    assert time.monotonic() - begin < 10
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "enough of it"
    assert job["isTerminated"]
    assert wait_for("the last line", lambda: "caught" in w.log(job))


def test_cancel_leaves_a_running_job_alone(shared_work, queue):
    w = shared_work
    job_id = w.submit(queue, w.definition(["sleep", "3"]))
    w.wait(job_id, "RUNNING")
    w.batch.cancel_job(jobId=job_id, reason="too late")
    job = w.wait(job_id)
    assert job["status"] == "SUCCEEDED"
    assert not job["isCancelled"]


def test_a_job_that_waits_says_why_and_can_be_cancelled(work):
    """What can never fit says so in AWS's words; what waits for room says what is lacking."""
    queue = work.queue(work.environment(max_vcpus=2, types=("m5.large",)))
    never = work.submit(queue, work.definition(vcpus=2, memory=100000))
    misfit = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    job = wait_for(
        "the reason of a misfit",
        lambda: misfit in (j := work.job(never)).get("statusReason", "") and j,
        timeout=30,
    )
    assert job["status"] == "RUNNABLE"
    holder = work.submit(queue, work.definition(HOLD, vcpus=2))
    work.wait(holder, "RUNNING")
    waiting = work.submit(queue, work.definition(vcpus=1))
    reason = wait_for("a reason", lambda: work.job(waiting).get("statusReason"), timeout=10)
    assert "maximum of 2 vCPUs" in reason
    work.batch.cancel_job(jobId=waiting, reason="not needed")
    job = work.wait(waiting, timeout=10)
    assert (job["status"], job["statusReason"]) == ("FAILED", "not needed")
    assert job["isCancelled"]
    assert job["attempts"] == [] and "startedAt" not in job
    work.batch.terminate_job(jobId=holder, reason="done with")
    work.batch.terminate_job(jobId=never, reason="done with")
    work.wait(never, timeout=10)


def test_unknown_jobs_are_left_out(batch, queue, shared_work):
    """Unknown ids, also of other regions, are no error for Describe, Cancel and Terminate."""
    unknown = "00000000-0000-4000-8000-000000000000"
    assert batch.describe_jobs(jobs=[unknown, "nonsense", unknown + ":3"])["jobs"] == []
    batch.cancel_job(jobId=unknown, reason="x")
    batch.terminate_job(jobId=unknown, reason="x")


def test_another_region_sees_nothing(stack, shared_work, queue):
    """Resources and jobs belong to the region of the credential scope."""
    w = shared_work
    job_id = w.submit(queue, w.definition(["sleep", "1"]))
    elsewhere = stack.client("batch", region_name="eu-west-1")
    assert elsewhere.describe_jobs(jobs=[job_id])["jobs"] == []
    assert elsewhere.describe_job_queues(jobQueues=[queue])["jobQueues"] == []
    elsewhere.terminate_job(jobId=job_id, reason="not mine")
    assert w.wait(job_id)["status"] == "SUCCEEDED"


def test_submissions_are_checked(batch, shared_work, queue):
    w = shared_work
    definition = w.definition()
    good = {"jobName": "x", "jobQueue": queue, "jobDefinition": definition}

    def refused(**changes):
        with pytest.raises(batch.exceptions.ClientException) as caught:
            batch.submit_job(**(good | changes))
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return caught.value.response["Error"]["Message"]

    assert refused(jobQueue="no-such") == "JobQueue no-such not found."
    assert refused(jobDefinition="no-such") == (
        "JobDefinition name no-such does not exist or is not in ACTIVE status"
    )
    assert "Job name should match valid pattern" in refused(jobName="no blanks")
    for size in (1, 10001):
        assert "size" in refused(arrayProperties={"size": size})
    assert "AWS_BATCH" in refused(
        containerOverrides={"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}
    )
    assert "No parameter found for reference nothing" in refused(
        containerOverrides={"command": ["Ref::nothing"]}
    )
    assert "Job size must be less than 30 KiB" in refused(parameters={"a": "b" * 31000})


def test_the_aws_command_line_works_with_the_exports_alone(stack, shared_work, queue):
    """eval "$(./openbatch env)" is all that a stock boto3 script and the AWS CLI need."""
    w = shared_work
    definition = w.definition(["echo", "by aws"])
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | stack.env
    aws = [str(stack.home / "venv/bin/aws"), "--output", "json"]
    out = subprocess.run(
        [*aws, "batch", "submit-job", "--job-name", "cli", "--job-queue", queue]
        + ["--job-definition", definition],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    job = w.wait(json.loads(out)["jobId"])
    w.log(job)
    out = subprocess.run(
        [*aws, "logs", "get-log-events", "--log-group-name", "/aws/batch/job"]
        + ["--log-stream-name", job["container"]["logStreamName"]],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert [e["message"] for e in json.loads(out)["events"]] == ["by aws"]
    script = "import boto3; print(len(boto3.client('batch').describe_job_queues()['jobQueues']))"
    out = subprocess.run(
        [sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True
    ).stdout
    assert int(out) >= 1
