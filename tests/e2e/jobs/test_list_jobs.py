"""DescribeJobs, ListJobs with each of its filters, and the requests to stop, as the API shows
them."""

import time

import pytest
from stack import wait_for

UNKNOWN = "00000000-0000-4000-8000-000000000000"
ALL_STATES = {
    "SUBMITTED",
    "PENDING",
    "RUNNABLE",
    "STARTING",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
}


@pytest.fixture(scope="module")
def definition(shared_work):
    return shared_work.definition(vcpus=2, memory=900000)


@pytest.fixture(scope="module")
def some(shared_work, queue, definition):
    """Jobs of several names and two revisions, by name; 'middle' is a time between them."""
    w = shared_work
    made = {}
    for name in ("Alpha-one", "alpha-two", "beta_one"):
        made[name] = w.submit(queue, definition, jobName=name)
    time.sleep(0.05)
    made["middle"] = int(time.time() * 1000)
    time.sleep(0.05)
    w.batch.register_job_definition(
        jobDefinitionName=definition,
        type="container",
        containerProperties={"image": w.image, "vcpus": 2, "memory": 900000},
    )
    for name in ("beta-two", "Alpha-one "):
        made[name] = w.submit(queue, definition, jobName=name.strip())
    wait_for(
        "all RUNNABLE",
        lambda: all(w.job(i)["status"] == "RUNNABLE" for n, i in made.items() if n != "middle"),
    )
    yield made
    w.batch.terminate_jobs(jobs=[i for n, i in made.items() if n != "middle"], reason="tested")


@pytest.fixture(scope="module")
def listed(batch, queue, some):
    """Names of the listed jobs, newest first, as 'some' has them."""
    names = {job_id: name for name, job_id in some.items()}

    def names_of(name=None, *values, **more):
        if name:
            more["filters"] = [{"name": name, "values": list(values)}]
        pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, **more)
        found = [j["jobId"] for page in pages for j in page["jobSummaryList"]]
        return [names[i] for i in found if i in names]

    return names_of


NEWEST_FIRST = ["Alpha-one ", "beta-two", "beta_one", "alpha-two", "Alpha-one"]


def test_job_name_is_case_insensitive_with_a_trailing_asterisk(listed):
    assert listed("JOB_NAME", "ALPHA-ONE") == ["Alpha-one ", "Alpha-one"]
    assert listed("JOB_NAME", "alpha*") == ["Alpha-one ", "alpha-two", "Alpha-one"]
    assert listed("JOB_NAME", "beta_*") == ["beta_one"]
    assert listed("JOB_NAME", "alpha") == []
    assert listed("JOB_NAME", "a*one") == []
    assert listed("JOB_NAME", "*") == NEWEST_FIRST


def test_job_definition_is_case_sensitive_name_prefix_or_arn(listed, definition, batch):
    assert listed("JOB_DEFINITION", definition) == NEWEST_FIRST
    assert listed("JOB_DEFINITION", definition[:-1] + "*") == NEWEST_FIRST
    assert listed("JOB_DEFINITION", definition.upper()) == []
    assert listed("JOB_DEFINITION", definition[:-1]) == []
    found = batch.describe_job_definitions(jobDefinitionName=definition)["jobDefinitions"]
    arns = {d["revision"]: d["jobDefinitionArn"] for d in found}
    assert listed("JOB_DEFINITION", arns[1]) == NEWEST_FIRST[2:]
    assert listed("JOB_DEFINITION", arns[2]) == NEWEST_FIRST[:2]
    assert listed("JOB_DEFINITION", arns[1][:-1] + "*") == []


def test_before_and_after_created_at(listed, some):
    assert listed("BEFORE_CREATED_AT", str(some["middle"])) == NEWEST_FIRST[2:]
    assert listed("AFTER_CREATED_AT", str(some["middle"])) == NEWEST_FIRST[:2]
    assert listed("AFTER_CREATED_AT", "0") == NEWEST_FIRST
    assert listed("BEFORE_CREATED_AT", "0") == []


def test_created_at_is_the_time_by_which_jobs_are_found(shared_work, listed, some):
    created = shared_work.job(some["alpha-two"])["createdAt"]
    assert "alpha-two" not in listed("AFTER_CREATED_AT", str(created))
    assert "alpha-two" in listed("AFTER_CREATED_AT", str(created - 1))
    assert "alpha-two" not in listed("BEFORE_CREATED_AT", str(created))
    assert "alpha-two" in listed("BEFORE_CREATED_AT", str(created + 1))


def test_a_filter_goes_for_all_states_and_pages(listed):
    assert listed("JOB_NAME", "*", jobStatus="SUCCEEDED") == NEWEST_FIRST
    pages = {"PaginationConfig": {"PageSize": 2}}
    assert listed("JOB_NAME", "*", **pages) == NEWEST_FIRST
    assert listed("BEFORE_CREATED_AT", "99999999999999", **pages) == NEWEST_FIRST
    assert listed(jobStatus="RUNNABLE", **pages) == NEWEST_FIRST


def test_without_a_status_running_jobs_are_listed(listed):
    assert listed() == []


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({}, "Exactly one of jobQueue"),
        ({"jobQueue": "q", "arrayJobId": UNKNOWN}, "Exactly one of jobQueue"),
        ({"jobQueue": "none"}, "JobQueue none not found."),
        ({"arrayJobId": UNKNOWN}, "does not exist"),
        ({"multiNodeJobId": UNKNOWN}, "does not exist"),
        ({"jobQueue": "q", "jobStatus": "LOST"}, "jobStatus LOST is not valid"),
        (
            {"jobQueue": "q", "filters": [{"name": "JOB_NAME", "values": ["a"]}] * 2},
            "Only one filter key-value pair can be specified.",
        ),
        (
            {"jobQueue": "q", "filters": [{"name": "JOB_NAME", "values": ["a", "b"]}]},
            "Only one filter key-value pair can be specified.",
        ),
        ({"jobQueue": "q", "filters": [{"name": "NAME", "values": ["a"]}]}, "filters[0].name"),
        ({"jobQueue": "q", "filters": [{"name": "JOB_NAME", "values": []}]}, "needs a value"),
        (
            {"jobQueue": "q", "filters": [{"name": "AFTER_CREATED_AT", "values": ["now"]}]},
            "is not a time",
        ),
        ({"jobQueue": "q", "nextToken": "garbage"}, "Invalid nextToken"),
    ],
)
def test_wrong_listings_are_refused(batch, arguments, text):
    with pytest.raises(batch.exceptions.ClientException) as caught:
        batch.list_jobs(**arguments)
    assert text in caught.value.response["Error"]["Message"]


def test_jobs_are_described_as_often_as_they_are_named(batch, some):
    assert batch.describe_jobs(jobs=[])["jobs"] == []
    one, two = some["beta_one"], some["beta-two"]
    jobs = batch.describe_jobs(jobs=[one, two, one, UNKNOWN, UNKNOWN])["jobs"]
    assert [j["jobId"] for j in jobs] == [one, two, one]


def test_a_token_goes_with_its_question(batch, queue, some):
    """Another queue, state, filter or array has other positions."""
    page = batch.list_jobs(jobQueue=queue, jobStatus="RUNNABLE", maxResults=2)
    token = page["nextToken"]
    for other in (
        {"jobQueue": "default", "jobStatus": "RUNNABLE"},
        {"jobQueue": queue, "jobStatus": "PENDING"},
        {"jobQueue": queue, "filters": [{"name": "JOB_NAME", "values": ["*"]}]},
        {"arrayJobId": some["alpha-two"], "jobStatus": "RUNNABLE"},
    ):
        with pytest.raises(batch.exceptions.ClientException) as caught:
            batch.list_jobs(nextToken=token, **other)
        assert "Invalid nextToken" in caught.value.response["Error"]["Message"]
    more = batch.list_jobs(jobQueue=queue, jobStatus="RUNNABLE", maxResults=1000, nextToken=token)
    ids = [j["jobId"] for j in page["jobSummaryList"] + more["jobSummaryList"]]
    assert len(ids) == len(set(ids)) >= len(NEWEST_FIRST)


def test_summaries_tell_what_aws_tells(batch, shared_work, queue, some):
    page = batch.list_jobs(jobQueue=queue, jobStatus="RUNNABLE", maxResults=1000)
    one = next(j for j in page["jobSummaryList"] if j["jobId"] == some["beta-two"])
    detail = shared_work.job(some["beta-two"])
    for name in ("jobArn", "jobName", "jobDefinition", "createdAt", "status", "statusReason"):
        assert one[name] == detail[name]
    assert one["capacityUsage"] == [{"capacityUnit": "VCPU", "quantity": 2.0}]
    assert one["container"] == {}
    assert "isTerminated" not in one and "isCancelled" not in one


def test_children_are_listed_by_their_array(batch, shared_work, queue, definition):
    w = shared_work
    array = w.submit(queue, definition, arrayProperties={"size": 5})
    w.wait(array, "PENDING")
    w.batch.terminate_job(jobId=f"{array}:3", reason="one")
    w.wait(f"{array}:3")

    def children(status=None, **more):
        more |= {"jobStatus": status} if status else {}
        pages = batch.get_paginator("list_jobs").paginate(arrayJobId=array, **more)
        return [j["arrayProperties"]["index"] for page in pages for j in page["jobSummaryList"]]

    assert children("RUNNABLE") == [0, 1, 2, 4]
    assert children("RUNNABLE", PaginationConfig={"PageSize": 3}) == [0, 1, 2, 4]
    assert children("FAILED") == [3]
    assert children() == []
    filters = [{"name": "JOB_NAME", "values": ["no-such"]}]
    assert children("RUNNABLE", filters=filters) == [0, 1, 2, 4]
    parent = w.job(array)
    assert parent["container"]["image"] and parent["attempts"] == []
    summary = parent["arrayProperties"]["statusSummary"]
    assert set(summary) == ALL_STATES
    assert (summary["RUNNABLE"], summary["FAILED"]) == (4, 1)
    child = w.job(f"{array}:4")
    assert child["jobId"] == f"{array}:4" and child["jobArn"].endswith(f"/{array}:4")
    assert child["arrayProperties"] == {"index": 4}
    listing = batch.list_jobs(jobQueue=queue, jobStatus="PENDING")["jobSummaryList"]
    assert [j["jobId"] for j in listing if j["jobId"].startswith(array)] == [array]
    w.batch.terminate_job(jobId=array, reason="all")
    done = w.wait(array)
    assert done["isTerminated"]
    assert w.job(f"{array}:0")["isTerminated"]


# ---- DescribeJobs --------------------------------------------------------------------------------


def test_maximum_number_of_jobs_supported_is_100(batch):
    with pytest.raises(batch.exceptions.ClientException) as caught:
        batch.describe_jobs(jobs=[UNKNOWN] * 101)
    assert "Maximum number of jobs supported is  100 ." in str(caught.value)


def test_integers_are_integers_and_times_are_milliseconds(shared_work, queue):
    w = shared_work
    job = w.wait(w.submit(queue, w.definition(["true"])))
    for name in ("createdAt", "startedAt", "stoppedAt"):
        assert isinstance(job[name], int) and abs(job[name] / 1000 - time.time()) < 600
    assert job["container"]["exitCode"] == 0
    assert isinstance(job["container"]["exitCode"], int)
    last = job["attempts"][-1]
    assert last["container"]["networkInterfaces"] == []
    assert (last["startedAt"], last["stoppedAt"]) == (job["startedAt"], job["stoppedAt"])


def test_the_log_stream_has_the_prefix_of_its_options(shared_work, queue):
    """Options that have no effect are kept: each line is an event of its own."""
    w = shared_work
    options = {"awslogs-group": "/mine", "awslogs-stream-prefix": "tasks"} | {
        "awslogs-create-group": "false",
        "awslogs-datetime-format": "%Y",
        "awslogs-multiline-pattern": "^there",
        "mode": "non-blocking",
        "max-buffer-size": "1m",
    }
    log = {"logDriver": "awslogs", "options": options}
    command = ["printf", "there\\nand here\\n"]
    job = w.wait(w.submit(queue, w.definition(command, logConfiguration=log)))
    assert job["container"]["logConfiguration"]["options"] == options
    task = job["container"]["taskArn"].rsplit("/", 1)[1]
    assert job["container"]["logStreamName"] == f"tasks/default/{task}"
    stream = {"logGroupName": "/mine", "logStreamName": f"tasks/default/{task}"}

    def lines():
        try:
            return [e["message"] for e in w.logs.get_log_events(**stream)["events"]]
        except w.logs.exceptions.ResourceNotFoundException:
            return None

    wait_for("the lines", lambda: lines() == ["there", "and here"])


def test_a_job_of_another_log_driver_has_no_stream(shared_work, queue):
    w = shared_work
    log = {"logDriver": "json-file", "options": {"max-size": "1m"}}
    job = w.wait(w.submit(queue, w.definition(["true"], logConfiguration=log)))
    assert job["status"] == "SUCCEEDED"
    assert "logStreamName" not in job["container"]
    assert "logStreamName" not in job["attempts"][0]["container"]
    assert job["container"]["logConfiguration"]["options"] == {"max-size": "1m"}


def test_tags_of_a_job_can_be_changed_and_do_not_reach_children(
    batch, shared_work, queue, definition
):
    w = shared_work
    array = w.submit(queue, definition, tags={"a": "1"}, arrayProperties={"size": 2})
    child = w.job(f"{array}:1")
    assert child["tags"] == {}
    job = w.job(array)
    assert job["tags"] == {"a": "1"}
    batch.tag_resource(resourceArn=job["jobArn"], tags={"b": "2"})
    assert w.job(array)["tags"] == {"a": "1", "b": "2"}
    batch.untag_resource(resourceArn=job["jobArn"], tagKeys=["a"])
    changed = w.job(array)
    assert changed["tags"] == {"b": "2"}
    same = ("container", "jobName", "parameters", "createdAt", "jobArn", "jobId")
    assert all(changed[name] == job[name] for name in same)
    batch.terminate_job(jobId=array, reason="tested")


# ---- stopping ------------------------------------------------------------------------------------


def test_cancel_and_terminate_of_jobs_that_wait(shared_work, queue, definition):
    """FAILED with the caller's reason; the flag of the request that was made, at once."""
    w = shared_work
    for call, flag in (
        (w.batch.cancel_job, "isCancelled"),
        (w.batch.terminate_job, "isTerminated"),
    ):
        job_id = w.submit(queue, definition)
        call(jobId=job_id, reason="because ünicode")
        assert w.job(job_id)[flag]
        job = w.wait(job_id, timeout=10)
        assert (job["status"], job["statusReason"]) == ("FAILED", "because ünicode")
        assert {"isCancelled": job["isCancelled"], "isTerminated": job["isTerminated"]} == {
            "isCancelled": flag == "isCancelled",
            "isTerminated": flag == "isTerminated",
        }


def test_stopping_an_ended_job_has_no_effect(shared_work, queue):
    w = shared_work
    before = w.wait(w.submit(queue, w.definition(["true"])))
    w.batch.terminate_job(jobId=before["jobId"], reason="late")
    w.batch.cancel_job(jobId=before["jobId"], reason="late")
    assert w.job(before["jobId"]) == before


def test_a_reason_is_required_and_at_most_1024_characters(batch):
    for call in (batch.cancel_job, batch.terminate_job):
        for reason in ("", "x" * 1025):
            with pytest.raises(batch.exceptions.ClientException, match="reason"):
                call(jobId=UNKNOWN, reason=reason)


@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_stopping_in_bulk(batch, shared_work, queue, definition, verb):
    """A result for each; unknown ids count as successful, malformed ones do not."""
    w = shared_work
    call = getattr(batch, f"{verb}_jobs")
    ids = [w.submit(queue, definition) for _ in range(5)]
    done = call(jobs=[*ids, UNKNOWN, "nonsense"], reason="in bulk")
    assert done["successful"] == [*ids, UNKNOWN]
    assert [(e["job"], e["code"]) for e in done["errors"]] == [("nonsense", "ValidationException")]
    assert done["errors"][0]["message"]
    jobs = w.wait_all(ids, timeout=10)
    assert {(j["status"], j["statusReason"]) for j in jobs} == {("FAILED", "in bulk")}
    with pytest.raises(batch.exceptions.ClientException, match="at most 50"):
        call(jobs=[UNKNOWN] * 51, reason="x")
    none = call(jobs=[], reason="x")
    assert (none["successful"], none["errors"]) == ([], [])
