"""StopJobs: one request stops all jobs of a queue that match, whatever dies meanwhile."""

import threading

import pytest
from keys import ARN, own_call, statement
from stack import HOLD, wait_for

MANY = 1500


def root(stack):
    return stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]


def call(stack, operation, credentials=None, **members):
    return own_call(stack, credentials or root(stack), operation, members)


def stop(stack, queue, action="TERMINATE", **filters):
    code, answer = call(
        stack, "StopJobs", jobQueue=queue, action=action, reason="all of you", **filters
    )
    assert code is None, answer
    return answer["stopId"]


def progress(stack, queue, stop_id):
    code, answer = call(stack, "DescribeStop", jobQueue=queue, stopId=stop_id)
    assert code is None, answer
    return answer


def finished(stack, queue, stop_id, timeout=60):
    return wait_for(
        "the request is finished",
        lambda: (found := progress(stack, queue, stop_id))["status"] == "FINISHED" and found,
        timeout,
    )


def states(w, ids):
    return [job["status"] for job in w.jobs(ids)]


@pytest.fixture
def crowded(work):
    """A queue in which one job runs and holds all there is."""
    queue = work.queue(work.environment(max_vcpus=2, types=("m5.large",)))
    holder = work.submit(queue, work.definition(HOLD, vcpus=2), jobName="holder")
    work.wait(holder, "RUNNING", timeout=90)
    return queue, holder


def test_a_filter_says_which_jobs_are_meant(stack, work, crowded):
    w = work
    queue, holder = crowded
    other = w.queue(w.jq(queue)["computeEnvironmentOrder"][0]["computeEnvironment"])
    red, blue = w.definition(["true"], vcpus=2), w.definition(["true"], vcpus=2)
    jobs = {
        "apple": w.submit(queue, red, jobName="apple"),
        "apricot": w.submit(queue, blue, jobName="apricot"),
        "Apple": w.submit(queue, red, jobName="Apple"),
        "array": w.submit(queue, red, jobName="app-array", arrayProperties={"size": 3}),
        "depends": w.submit(queue, blue, jobName="apple", dependsOn=[{"jobId": holder}]),
        "elsewhere": w.submit(other, red, jobName="apple"),
    }

    def ended():
        return {name for name, job in jobs.items() if w.job(job)["status"] == "FAILED"}

    first = finished(stack, queue, stop(stack, queue, "CANCEL", jobNamePrefix="apr"))
    assert (first["matched"], ended()) == (1, {"apricot"})
    job = w.job(jobs["apricot"])
    assert job["statusReason"] == "all of you" and job["isCancelled"]
    assert first["states"] == ["SUBMITTED", "PENDING", "RUNNABLE"]
    assert (first["action"], first["reason"]) == ("CANCEL", "all of you")
    assert first["jobNamePrefix"] == "apr" and "jobDefinition" not in first
    assert first["createdAt"] <= first["begunAt"] + 1000 and first["begunAt"] <= first["finishedAt"]

    second = stop(stack, queue, "CANCEL", jobDefinition=f"{red}:1", states=["RUNNABLE"])
    second = finished(stack, queue, second)
    assert second["jobDefinition"] == f"{red}:1"
    assert (second["matched"], ended()) == (2, {"apricot", "apple", "Apple"})
    none = finished(stack, queue, stop(stack, queue, jobDefinition=f"{red}:7"))
    assert none["matched"] == 0

    third = finished(stack, queue, stop(stack, queue, "CANCEL", states=["PENDING"]))
    assert third["matched"] == 2  # the array by its parent's state
    assert ended() == set(jobs) - {"elsewhere"}
    assert w.job(holder)["status"] == "RUNNING"

    last = finished(stack, queue, stop(stack, queue))
    assert last["matched"] == 1
    job = w.wait(holder, "FAILED", timeout=60)
    assert job["statusReason"] == "all of you" and job["isTerminated"]
    assert w.wait(jobs["elsewhere"], timeout=90)["status"] == "SUCCEEDED"


def test_later_jobs_are_not_meant(stack, work, crowded):
    queue, holder = crowded
    definition = work.definition(["true"], vcpus=2)
    before = [work.submit(queue, definition) for _ in range(5)]
    asked = stop(stack, queue, "CANCEL")
    after = [work.submit(queue, definition) for _ in range(5)]
    assert finished(stack, queue, asked)["matched"] == 5
    assert states(work, before) == ["FAILED"] * 5
    work.batch.terminate_job(jobId=holder, reason="enough")
    assert {job["status"] for job in work.wait_all(after)} == {"SUCCEEDED"}


def test_a_request_is_carried_out_whoever_dies(stack, work, crowded):
    """More jobs than a step takes, from several clients, and the scheduler is killed meanwhile:
    each of them is stopped once."""
    w = work
    queue, holder = crowded
    definition = w.definition(["true"], vcpus=2)
    ids = []

    def submit_some():
        ids.extend(w.submit(queue, definition, jobName="many") for _ in range(MANY // 10))

    clients = [threading.Thread(target=submit_some) for _ in range(10)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    asked = stop(stack, queue, "CANCEL", jobNamePrefix="many")
    for _ in range(2):
        wait_for("it moves", lambda: progress(stack, queue, asked)["status"] != "WAITING", 60)
        stack.kill("scheduler")
    done = finished(stack, queue, asked, 120)
    assert done["matched"] == MANY
    assert set(states(w, ids)) == {"FAILED"}
    listed = ", ".join(f"'{job}'" for job in ids)
    ends = stack.sql(
        "SELECT count(*), count(DISTINCT job_id) FROM job_event"
        f" WHERE state = 6 AND job_id IN ({listed})"
    )
    assert ends == [[str(MANY)] * 2]
    assert w.job(holder)["status"] == "RUNNING"


def test_wrong_requests_are_refused(stack, work, crowded, new_key):
    queue, holder = crowded
    members = {"jobQueue": queue, "action": "CANCEL", "reason": "r"}
    for wrong, text in (
        ({"states": ["RUNNING"]}, "RUNNING is not a state from which a job can be cancelled"),
        ({"states": ["FAILED"], "action": "TERMINATE"}, "FAILED is not a state"),
        ({"states": ["NONE"]}, "NONE is not a state"),
        ({"action": "KILL"}, "action"),
        ({"jobQueue": "no-such"}, "JobQueue no-such not found."),
        ({"jobDefinition": "a:b:c"}, "JobDefinition a:b:c not found."),
    ):
        code, message = call(stack, "StopJobs", **(members | wrong))
        assert code == "ClientException" and text in message, (wrong, message)
    for stop_id in ("0", "999999999999", "x", "-1"):
        code, _ = call(stack, "DescribeStop", jobQueue=queue, stopId=stop_id)
        assert code == "NoSuchEntityException"
    elsewhere = work.queue(work.environment(max_vcpus=2, types=("m5.large",)))
    asked = stop(stack, queue, "CANCEL")
    assert call(stack, "DescribeStop", jobQueue=elsewhere, stopId=asked)[0] == (
        "NoSuchEntityException"
    )
    key = new_key("stopper", statement("openbatch:StopJobs", f"{ARN}job-queue/{elsewhere}"))
    of_key = (key.id, key.secret)
    assert call(stack, "StopJobs", of_key, **members)[0] == "AccessDeniedException"
    assert call(stack, "StopJobs", of_key, **(members | {"jobQueue": elsewhere}))[0] is None
    key.allow(statement("batch:*", "*"))
    assert call(stack, "StopJobs", of_key, **members)[0] == "AccessDeniedException"
    assert work.job(holder)["status"] == "RUNNING"


def test_unfinished_requests_are_limited(stack, work, crowded):
    """Those that the scheduler never begins, because there is no row of the inbox, count too."""
    queue, _ = crowded
    before = int(stack.sql("SELECT count(*) FROM stop_request")[0][0])
    stack.sql(
        "INSERT INTO stop_request (account, region, queue_id, states, revision, terminate, reason,"
        " created_at_ms) SELECT '123456789012', 'us-east-1', q.id, 7, 0, false, 'r', 0"
        f" FROM job_queue q, generate_series(1, 20) WHERE q.name = '{queue}'"
    )
    code, message = call(stack, "StopJobs", jobQueue=queue, action="CANCEL", reason="one too many")
    assert (code, message) == (
        "TooManyRequestsException",
        "5 requests to stop jobs of this queue, or 20 of all queues, are not finished yet",
    )
    stack.sql("DELETE FROM stop_request WHERE reason = 'r' AND created_at_ms = 0")
    finished(stack, queue, stop(stack, queue, "CANCEL"))
    assert int(stack.sql("SELECT count(*) FROM stop_request")[0][0]) == before + 1
