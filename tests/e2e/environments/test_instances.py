"""ListInstances and DescribeInstance: what an environment has, and what runs on it."""

import subprocess
import time

from keys import ARN, own_call, statement
from stack import HOLD, ROOT, wait_for


def root(stack):
    return stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]


def call(stack, operation, credentials=None, **members):
    code, answer = own_call(stack, credentials or root(stack), operation, members)
    assert code is None, answer
    return answer


def listed(stack, environment, credentials=None, **members):
    return call(stack, "ListInstances", credentials, computeEnvironment=environment, **members)


def described(stack, environment, instance, credentials=None, **members):
    members |= {"computeEnvironment": environment, "instanceId": instance}
    return call(stack, "DescribeInstance", credentials, **members)


def test_instances_and_what_runs_on_them(stack, work):
    w = work
    environment = w.environment(max_vcpus=4, types=("m5.large",))
    assert listed(stack, environment) == {
        "computeEnvironmentName": environment,
        "instances": [],
        "shortages": [],
    }
    queue = w.queue(environment)
    definition = w.definition(HOLD, memory=64)
    before_ms = int(time.time() * 1000)
    ids = [w.submit(queue, definition, jobName="holds") for _ in range(3)]
    array = w.submit(queue, definition, arrayProperties={"size": 2})
    for job in ids:
        w.wait(job, "RUNNING", timeout=90)
    wait_for("a child RUNNING", lambda: w.job(f"{array}:0")["status"] == "RUNNING", 60)
    answer = wait_for(
        "two ACTIVE instances",
        lambda: (
            (found := listed(stack, environment)["instances"])
            and [one["status"] for one in found] == ["ACTIVE"] * 2
            and found
        ),
        60,
    )
    assert [one["instanceId"] for one in answer] == sorted(one["instanceId"] for one in answer)
    placed = {}
    for one in answer:
        assert (one["instanceType"], one["vcpus"], one["spot"]) == ("m5.large", 2, False)
        assert before_ms <= one["launchedAt"] <= one["activeAt"] <= time.time() * 1000
        assert "drainUntil" not in one and "endedAt" not in one and "mayFail" not in one
        assert one["capacity"]["vcpus"] == 2 and one["capacity"]["memory"] > 1000
        assert one["used"] == {"vcpus": 2, "memory": 128, "gpus": 0, "runs": 2}
        whole = described(stack, environment, one["instanceId"])
        assert whole | one == whole
        for run in whole["runs"]:
            placed[run["jobId"]] = one["instanceId"]
            assert run["status"] == "RUNNING" and run["attempt"] == 1 and not run["stopping"]
            assert (run["vcpus"], run["memory"], run["gpus"]) == (1, 64, 0)
            assert run["jobQueue"] == f"{ARN}job-queue/{queue}"
            assert run["startedAt"] >= before_ms
            assert run["jobName"] == ("holds" if run["jobId"] in ids else "job")
    for job in [*ids, f"{array}:0"]:
        at = w.job(job)["container"]["containerInstanceArn"].rsplit("/", 1)[1]
        assert placed[job] == at

    # Page by page, both lists.
    pages, token = [], None
    while token != "":
        more = {"nextToken": token} if token else {}
        page = listed(stack, environment, maxResults=1, **more)
        pages.append([one["instanceId"] for one in page["instances"]])
        token = page.get("nextToken", "")
    assert pages == [[one["instanceId"]] for one in answer]
    first = answer[0]["instanceId"]
    page = described(stack, environment, first, maxResults=1)
    rest = described(stack, environment, first, maxResults=1, nextToken=page["nextToken"])
    assert "nextToken" not in rest
    assert page["runs"] + rest["runs"] == described(stack, environment, first)["runs"]

    w.batch.terminate_job(jobId=array, reason="enough")
    for job in ids:
        w.batch.terminate_job(jobId=job, reason="enough")
    w.wait_all([*ids, array])
    wait_for("no instance", lambda: listed(stack, environment)["instances"] == [], 90)
    ended = described(stack, environment, first)
    assert ended["status"] == "TERMINATED" and ended["endedAt"] >= ended["activeAt"]
    assert ended["runs"] == [] and ended["used"]["runs"] == 0


def test_an_interrupted_instance_says_when_it_ends(stack, work):
    environment = work.environment(max_vcpus=2, types=("m5.large",), kind="SPOT")
    job = work.submit(work.queue(environment), work.definition(HOLD))
    work.wait(job, "RUNNING", timeout=90)
    [one] = listed(stack, environment)["instances"]
    assert one["spot"] and one["status"] == "ACTIVE"
    done = subprocess.run(
        [ROOT / "openbatch", "interrupt", one["instanceId"]], capture_output=True, timeout=60
    )
    assert done.returncode == 0
    drains = wait_for(
        "it drains",
        lambda: (
            (found := described(stack, environment, one["instanceId"]))["status"] == "DRAINING"
            and found
        ),
        20,
    )
    assert "interruption" in drains["statusReason"]
    assert drains["drainUntil"] > one["activeAt"]
    work.batch.terminate_job(jobId=job, reason="enough")


def test_what_a_policy_hides_stays_hidden(stack, work, new_key):
    """Of a job whose queue the key may not see, its vCPUs are all that is shown."""
    w = work
    environment = w.environment(max_vcpus=2, types=("m5.large",))
    elsewhere = w.environment(max_vcpus=2, types=("m5.large",))
    mine, other = w.queue(environment), w.queue(environment)
    definition = w.definition(HOLD, memory=64)
    jobs = [w.submit(mine, definition), w.submit(other, definition, jobName="secret")]
    for job in jobs:
        w.wait(job, "RUNNING", timeout=90)
    key = new_key(
        "watcher",
        statement(
            ["openbatch:ListInstances", "openbatch:DescribeInstance"],
            f"{ARN}compute-environment/{environment}",
        ),
        statement("batch:DescribeJobs", f"{ARN}job-queue/{mine}"),
    )
    of_key = (key.id, key.secret)
    [one] = listed(stack, environment, of_key)["instances"]
    assert one["used"]["vcpus"] == 2
    runs = described(stack, environment, one["instanceId"], of_key)["runs"]
    assert len(runs) == 2 and {"vcpus": 1} in runs
    [seen] = [run for run in runs if "jobId" in run]
    assert seen["jobId"] == jobs[0]
    key.allow(statement("openbatch:DescribeInstance", f"{ARN}compute-environment/{environment}"))
    runs = described(stack, environment, one["instanceId"], of_key)["runs"]
    assert runs == [{"vcpus": 1}] * 2
    for operation, more in (
        ("ListInstances", {"computeEnvironment": environment}),
        ("DescribeInstance", {"computeEnvironment": elsewhere, "instanceId": one["instanceId"]}),
    ):
        assert own_call(stack, of_key, operation, more)[0] == "AccessDeniedException"
    # Nor is it found through an environment that the key may see.
    key.allow(statement("openbatch:*", f"{ARN}compute-environment/{elsewhere}"))
    code, _ = own_call(
        stack,
        of_key,
        "DescribeInstance",
        {"computeEnvironment": elsewhere, "instanceId": one["instanceId"]},
    )
    assert code == "NoSuchEntityException"
    assert own_call(stack, root(stack), "ListInstances", {"computeEnvironment": "no-such"})[0] == (
        "ClientException"
    )
    for job in jobs:
        w.batch.terminate_job(jobId=job, reason="enough")


def test_why_an_environment_gets_no_instances(stack, work):
    """What the provider cannot give is a reason of the environment, without the sizes of jobs."""
    environment = work.environment(max_vcpus=2, types=("m5.large",))
    ce = stack.sql(f"SELECT id FROM compute_environment WHERE name = '{environment}'")[0][0]
    assert listed(stack, environment)["shortages"] == []
    stack.sql(
        "UPDATE ce_status SET lacking = '{\"InsufficientInstanceCapacity: none\": [[1000, 64, 0]]}'"
        f" WHERE ce_id = {ce}"
    )
    assert listed(stack, environment)["shortages"] == ["InsufficientInstanceCapacity: none"]
    stack.sql(f"UPDATE ce_status SET lacking = NULL WHERE ce_id = {ce}")
