"""CheckAccess says what requests of the key are told; DescribeSystem says how the copy is."""

import json

import pytest
from botocore.exceptions import ClientError
from keys import ARN, document, own_call, statement


def root(stack):
    return stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]


def check(stack, operation, credentials=None, request=None, **members):
    if request is not None:
        members["request"] = json.dumps(request)
    members["operation"] = operation
    return own_call(stack, credentials or root(stack), "CheckAccess", members)


def test_the_answer_is_what_the_request_is_told(stack, shared_work, queue, new_key):
    w = shared_work
    other = w.queue(w.environment(max_vcpus=4))
    definition = w.definition(["true"])
    key = new_key(
        "asked",
        statement("batch:SubmitJob", [f"{ARN}job-queue/{queue}", f"{ARN}job-definition/*"]),
        statement("batch:DescribeJobs", "*"),
        {"Effect": "Deny", "Action": "batch:SubmitJob", "Resource": f"{ARN}job-definition/no-*"},
    )
    batch = key.client("batch")
    for name, of in ((queue, definition), (other, definition), (queue, "no-such")):
        request = {"jobName": "j", "jobQueue": name, "jobDefinition": of}
        code, said = check(stack, "batch:SubmitJob", request=request, accessKeyId=key.id)
        assert code is None, said
        assert said["byEntry"] is False and said["operation"] == "SubmitJob"
        if name == queue and of == definition:
            assert said["allowed"] is True and "reason" not in said
            batch.submit_job(**request)
            continue
        assert said["allowed"] is False
        with pytest.raises(ClientError) as refused:
            batch.submit_job(**request)
        assert refused.value.response["Error"]["Message"] == said["reason"]

    code, said = check(stack, "DescribeJobs", accessKeyId=key.id)
    assert (said["allowed"], said["byEntry"]) == (True, True)
    code, said = check(stack, "ListKeys", accessKeyId=key.id)
    assert said["allowed"] is False
    code, said = check(stack, "ListKeys")
    assert said["allowed"] is True and said["accessKeyId"] == root(stack)[0]


def test_questions_need_a_right_and_sense(stack, new_key):
    key = new_key("asker", statement("openbatch:CheckAccess", "*"))
    own = (key.id, key.secret)
    code, said = check(stack, "SubmitJob", own)
    assert said["allowed"] is False and "user/asker" in said["reason"]
    assert check(stack, "SubmitJob", own, accessKeyId=root(stack)[0])[1]["allowed"] is True
    key.allow(statement("openbatch:CheckAccess", f"arn:aws:openbatch:*:*:key/{key.id}"))
    assert check(stack, "SubmitJob", own, accessKeyId=key.id)[0] is None
    assert check(stack, "SubmitJob", own, accessKeyId=root(stack)[0])[0] == "AccessDeniedException"
    for wrong in ("NoSuchThing", "logs:SubmitJob", "batch:", ":SubmitJob"):
        assert check(stack, wrong)[0] == "ClientException"
    assert check(stack, "SubmitJob", accessKeyId="AKIANOSUCHKEY")[0] == "NoSuchEntityException"
    for text in ("[]", "{", "7"):
        code, _ = own_call(
            stack, root(stack), "CheckAccess", {"operation": "SubmitJob", "request": text}
        )
        assert code == "ClientException"


def test_a_session_asks_about_itself_and_its_key(stack, new_key):
    key = new_key("narrow", statement(["batch:ListJobs", "openbatch:CheckAccess"], "*"))
    policy = document(statement("openbatch:CheckAccess", "*"))
    code, made = own_call(stack, (key.id, key.secret), "CreateSession", {"policy": policy})
    assert code is None, made
    session = (made["accessKeyId"], made["secretAccessKey"], made["sessionToken"])
    assert check(stack, "ListJobs", session)[1]["allowed"] is False
    assert check(stack, "ListJobs", session, accessKeyId=key.id)[1]["allowed"] is True
    code, said = check(stack, "ListJobs", session, accessKeyId=root(stack)[0])
    assert (code, said) == (
        "AccessDeniedException",
        "Cannot call CheckAccess about another key with session credentials",
    )
    # What is left out of an answer is not refused.
    code, said = check(stack, "logs:DescribeLogStreams", request={"logGroupName": "/aws/batch/job"})
    assert (said["allowed"], said["byEntry"]) == (True, True)


def test_the_copy_says_how_it_is(stack, new_key):
    code, said = own_call(stack, root(stack), "DescribeSystem", {})
    assert code is None, said
    assert {leader["role"] for leader in said["leaders"]} == {"scheduler", "scaler"}
    assert all(leader["epoch"] > 0 and leader["holder"] for leader in said["leaders"])
    assert said["database"]["bytes"] > 0 and said["database"]["schemaVersion"] >= 29
    services = {
        m["labels"]["service"] for m in said["metrics"] if m["name"] == "openbatch_build_info"
    }
    assert services == {"api", "scheduler", "scaler"}
    for metric in said["metrics"]:
        assert not {"queue", "compute_environment", "share"} & set(metric["labels"])
    key = new_key("nobody", statement("batch:*", "*"))
    assert own_call(stack, (key.id, key.secret), "DescribeSystem", {})[0] == (
        "AccessDeniedException"
    )
