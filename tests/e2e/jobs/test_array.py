"""Array jobs: one submission, many children."""

import pytest
from stack import HOLD, wait_for

STATES = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"]


def children(batch, parent, status):
    pages = batch.get_paginator("list_jobs").paginate(arrayJobId=parent, jobStatus=status)
    return [j for page in pages for j in page["jobSummaryList"]]


def test_each_child_runs_once_with_its_index(shared_work, queue, tmp_path):
    """Children share all but AWS_BATCH_JOB_ARRAY_INDEX; the parent is PENDING until all have
    ended."""
    w = shared_work
    command = ["sh", "-c", "echo $AWS_BATCH_JOB_ID >> /out/$AWS_BATCH_JOB_ARRAY_INDEX"]
    definition = w.definition(
        command,
        volumes=[{"name": "out", "host": {"sourcePath": str(tmp_path)}}],
        mountPoints=[{"sourceVolume": "out", "containerPath": "/out"}],
    )
    parent = w.submit(queue, definition, arrayProperties={"size": 25})
    first = w.job(parent)
    assert first["status"] in ("SUBMITTED", "PENDING")
    assert first["arrayProperties"]["size"] == 25
    assert sorted(first["arrayProperties"]["statusSummary"]) == sorted(STATES)
    assert sum(first["arrayProperties"]["statusSummary"].values()) == 25
    job = w.wait(parent, timeout=90)
    assert job["status"] == "SUCCEEDED"
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 25
    assert job["attempts"] == [] and "exitCode" not in job["container"]
    for index in range(25):
        assert (tmp_path / str(index)).read_text() == f"{parent}:{index}\n"
    child = w.job(f"{parent}:7")
    assert child["jobId"] == f"{parent}:7"
    assert child["jobArn"].endswith(f"job/{parent}:7")
    assert child["arrayProperties"]["index"] == 7
    assert child["container"]["exitCode"] == 0
    done = children(w.batch, parent, "SUCCEEDED")
    assert sorted(j["arrayProperties"]["index"] for j in done) == list(range(25))


def test_children_that_fail_fail_the_parent(shared_work, queue):
    """A failed child does not stop its siblings; the parent ends FAILED when all have ended."""
    w = shared_work
    command = ["sh", "-c", "test $AWS_BATCH_JOB_ARRAY_INDEX -ne 3"]
    parent = w.submit(queue, w.definition(command), arrayProperties={"size": 6})
    job = w.wait(parent)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Array Child Job failed")
    summary = job["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"]) == (5, 1)
    assert w.job(f"{parent}:3")["container"]["exitCode"] == 1


def test_a_waiting_array_of_10000_pages_and_stops(work):
    """10,000 waiting children are listed page by page; one is cancelled, then the rest is
    terminated."""
    queue = work.queue(work.environment(max_vcpus=2, types=("m5.large",)))
    holder = work.submit(queue, work.definition(HOLD, vcpus=2))
    work.wait(holder, "RUNNING")
    parent = work.submit(queue, work.definition(), arrayProperties={"size": 10000})
    wait_for(
        "all RUNNABLE",
        lambda: work.job(parent)["arrayProperties"]["statusSummary"]["RUNNABLE"] == 10000,
    )
    indexes = [j["arrayProperties"]["index"] for j in children(work.batch, parent, "RUNNABLE")]
    assert indexes == list(range(10000))
    assert work.job(f"{parent}:9999")["status"] == "RUNNABLE"
    assert work.batch.describe_jobs(jobs=[f"{parent}:10000"])["jobs"] == []

    work.batch.cancel_job(jobId=f"{parent}:5000", reason="not this one")
    job = work.wait(f"{parent}:5000", timeout=10)
    assert (job["status"], job["statusReason"]) == ("FAILED", "not this one")
    assert work.job(parent)["status"] == "PENDING"
    indexes = [j["arrayProperties"]["index"] for j in children(work.batch, parent, "RUNNABLE")]
    assert len(indexes) == 9999 and 5000 not in indexes

    work.batch.terminate_job(jobId=parent, reason="none of them")
    job = work.wait(parent, timeout=10)
    assert job["status"] == "FAILED" and job["isTerminated"]
    assert job["arrayProperties"]["statusSummary"]["FAILED"] == 10000
    assert work.job(f"{parent}:42")["statusReason"] == "none of them"
    assert work.job(f"{parent}:5000")["statusReason"] == "not this one"
    work.batch.terminate_job(jobId=holder, reason="done with")


def test_pages_of_a_queue(work):
    """ListJobs of a queue: newest first, each job once, by status."""
    queue = work.queue(work.environment(max_vcpus=1, types=("m5.large",)))
    definition = work.definition(vcpus=4)
    ids = [work.submit(queue, definition, jobName=f"n{n}") for n in range(25)]
    wait_for(
        "all RUNNABLE", lambda: all(j["status"] == "RUNNABLE" for j in work.jobs(ids)), timeout=10
    )
    pages = work.batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, jobStatus="RUNNABLE", PaginationConfig={"PageSize": 10}
    )
    seen = [[j["jobId"] for j in page["jobSummaryList"]] for page in pages]
    assert [len(page) for page in seen] == [10, 10, 5]
    assert [job for page in seen for job in page] == ids[::-1]
    assert work.batch.list_jobs(jobQueue=queue)["jobSummaryList"] == []
    with pytest.raises(work.batch.exceptions.ClientException):
        work.batch.list_jobs(jobQueue=queue, nextToken="garbage")
