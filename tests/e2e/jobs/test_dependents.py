"""Who waits for a job: ListDependents."""

import pytest
from keys import ARN, own_call, statement
from stack import HOLD, wait_for


@pytest.fixture
def dependents(stack):
    root = (stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"])

    def of(job, credentials=root):
        code, found = own_call(stack, credentials, "ListDependents", {"jobId": job})
        assert code is None, found
        return found

    return of


@pytest.fixture
def held(shared_work, queue):
    """A job that runs until it is terminated."""
    w = shared_work
    job = w.submit(queue, w.definition(HOLD))
    yield job
    w.batch.terminate_job(jobId=job, reason="end of test")


def test_jobs_that_wait_are_named_at_once_and_until_they_do_not(
    shared_work, queue, held, dependents
):
    """As DescribeJobs, it shows what was submitted before it was asked."""
    w = shared_work
    definition = w.definition(["true"])
    waiting = [
        w.submit(queue, definition, dependsOn=[{"jobId": held}], jobName=f"after-{n}")
        for n in range(3)
    ]
    found = dependents(held)
    assert not found["more"]
    assert sorted(d["jobId"] for d in found["dependents"]) == sorted(waiting)
    for one in found["dependents"]:
        assert one["jobArn"] == f"{ARN}job/{one['jobId']}"
        assert one["jobQueue"] == f"{ARN}job-queue/{queue}"
        assert one["jobName"].startswith("after-")
        assert one["status"] == "PENDING"
        assert one["dependsOn"] == held
        assert "type" not in one
    assert dependents(waiting[0])["dependents"] == []
    w.batch.terminate_job(jobId=held, reason="enough")
    for job in waiting:
        w.wait(job)
    assert dependents(held)["dependents"] == []


def test_of_an_array_its_children_count_too(shared_work, queue, dependents):
    w = shared_work
    array = w.submit(queue, w.definition(HOLD), arrayProperties={"size": 2})
    quick = w.definition(["true"])
    child = w.submit(queue, quick, dependsOn=[{"jobId": array + ":1"}])
    pairs = w.submit(
        queue,
        quick,
        arrayProperties={"size": 2},
        dependsOn=[{"jobId": array, "type": "N_TO_N"}],
    )
    found = {d["jobId"]: d for d in dependents(array)["dependents"]}
    assert found.keys() == {child, pairs}
    assert found[child]["dependsOn"] == array + ":1"
    assert found[pairs]["dependsOn"] == array
    assert found[pairs]["type"] == "N_TO_N"
    assert [d["jobId"] for d in dependents(array + ":0")["dependents"]] == [pairs]
    w.batch.terminate_job(jobId=array, reason="enough")
    w.wait(array)
    w.wait(child)
    w.wait(pairs)


def test_only_what_a_key_may_see_is_named(shared_work, queue, held, dependents, new_key):
    """The job that is asked about, too."""
    w = shared_work
    other = w.queue(w.environments[0])
    definition = w.definition(["true"])
    own = w.submit(queue, definition, dependsOn=[{"jobId": held}])
    foreign = w.submit(other, definition, dependsOn=[{"jobId": held}])
    assert {d["jobId"] for d in dependents(held)["dependents"]} == {own, foreign}
    key = new_key("dependents", statement("openbatch:ListDependents", f"{ARN}job-queue/{queue}"))
    found = dependents(held, (key.id, key.secret))
    assert [d["jobId"] for d in found["dependents"]] == [own]
    code, _ = own_call(key.stack, (key.id, key.secret), "ListDependents", {"jobId": foreign})
    assert code == "AccessDeniedException"


def test_another_scheduler_answers_what_the_one_before_was_asked(
    stack, shared_work, queue, held, dependents
):
    w = shared_work
    job = w.submit(queue, w.definition(["true"]), dependsOn=[{"jobId": held}])
    w.wait(job, "PENDING")
    stack.kill("scheduler")

    def answered():
        root = (stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"])
        code, found = own_call(stack, root, "ListDependents", {"jobId": held})
        assert code in (None, "ServerException"), found
        return code is None and [d["jobId"] for d in found["dependents"]] == [job]

    wait_for("an answer", answered, timeout=60)
