"""The log says who changed what, and who was refused (docs/operations.md, "Who did it")."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request

import botocore.exceptions
import pytest
from keys import ARN, document, own_call, statement
from stack import wait_for


def lines(stack, **members):
    """The lines of the api's log that have these members."""
    found = []
    for path in (stack.home / "log/api").iterdir():
        for text in path.read_text(errors="replace").split("\n"):
            if text.startswith('{"ts"') and text.endswith("}"):
                found.append(json.loads(text))
    return [one for one in found if all(one.get(k) == v for k, v in members.items())]


def line(stack, **members):
    """The one line with these members; the logger may be a moment behind. On a busy machine any
    request may be slow as well."""

    def found():
        every = lines(stack, **members)
        return [one for one in every if "event" in members or one["event"] != "request.slow"]

    [one] = wait_for(f"a line with {members}", found, 10)
    return one


def line_of_a_stranger(stack, ask):
    """Of a refusal without a right signature. The number of these lines is limited, and others may
    have used it up; so ask(), which gives the request id, is repeated until there is one."""
    asked = []

    def found():
        asked.append(ask())
        return [one for i in asked for one in lines(stack, requestId=i, event="access.refused")]

    return wait_for("the line of a stranger", found, 60)[0]


def request_id(answer):
    return answer["ResponseMetadata"]["RequestId"]


def refused(call, **members):
    """The request id of a call that must fail, and its code."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    return request_id(caught.value.response), caught.value.response["Error"]["Code"]


def test_a_change_says_who_did_what_to_what(stack, queue, submit, new_key):
    key = new_key("changer", statement("batch:*", "*"))
    job = submit()
    client = key.client("batch")
    one = line(stack, requestId=request_id(client.terminate_job(jobId=job, reason="hush-reason")))
    assert one["event"] == "change.answered" and one["level"] == "info"
    assert one["operation"] == "TerminateJob" and one["result"] == "done"
    assert (one["keyId"], one["keyName"]) == (key.id, "changer")
    assert one["resources"] == [f"{ARN}job/{job}"]
    assert one["region"] == "us-east-1"
    assert one["remote"] == "127.0.0.1"
    assert one["us"] > 0
    assert "session" not in one
    made = client.register_job_definition(
        jobDefinitionName="audited",
        type="container",
        containerProperties={
            "image": "openbatch/busybox",
            "vcpus": 1,
            "memory": 64,
            "environment": [{"name": "SECRET", "value": "hush-environment"}],
        },
    )
    one = line(stack, requestId=request_id(made))
    assert one["made"] == made["jobDefinitionArn"]
    assert one["resources"] == [f"{ARN}job-definition/audited"]
    failed, code = refused(client.update_job_queue, jobQueue="no-such", priority=1)
    assert line(stack, requestId=failed)["result"] == code == "ClientException"
    client.deregister_job_definition(jobDefinition=made["jobDefinitionArn"])
    assert [one for one in lines(stack) if "hush" in json.dumps(one)] == []


def test_a_call_for_many_jobs_names_each(stack, queue, submit, new_key):
    mine, other = submit(), submit()
    key = new_key("stopper", statement("batch:TerminateJob", f"{ARN}job/{mine}"))
    client = key.client("batch")
    answer = client.terminate_jobs(jobs=[mine, other], reason="r")
    one = line(stack, requestId=request_id(answer))
    assert one["resources"] == [f"{ARN}job/{mine}", f"{ARN}job/{other}"]
    assert one["refusedJobs"] == [other]
    # Nothing hides a job that is stopped.
    answer = client.terminate_jobs(jobs=["x" * 9000, mine.upper(), other.upper()], reason="r")
    assert answer["successful"] == [mine.upper()]
    one = line(stack, requestId=request_id(answer))
    assert one["resources"][1:] == [f"{ARN}job/{mine}", f"{ARN}job/{other}"]
    assert one["refusedJobs"] == [other]
    answer = client.terminate_job(jobId=mine.upper(), reason="r")
    assert line(stack, requestId=request_id(answer))["resources"] == [f"{ARN}job/{mine}"]


def test_a_session_is_named_beside_its_key(stack, submit, new_key):
    key = new_key("with-session", statement("batch:*", "*"))
    made = key.client("sts").get_session_token(DurationSeconds=900)
    credentials = made["Credentials"]
    one = line(stack, requestId=request_id(made))
    assert one["operation"] == "GetSessionToken"
    assert one["made"] == credentials["AccessKeyId"]
    client = stack.client(
        "batch",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    one = line(stack, requestId=request_id(client.cancel_job(jobId=submit(), reason="r")))
    assert (one["keyId"], one["session"]) == (key.id, credentials["AccessKeyId"])
    text = "".join(json.dumps(one) for one in lines(stack))
    assert credentials["SecretAccessKey"] not in text
    assert credentials["SessionToken"][:40] not in text


def test_reads_and_submissions_have_no_line_of_their_own(stack, batch, queue, submit, new_key):
    key = new_key("submitter", statement("batch:*", "*"))
    client = key.client("batch")
    definition = batch.describe_jobs(jobs=[submit()])["jobs"][0]["jobDefinition"]
    asked = [request_id(client.describe_job_queues())]
    jobs = []
    for _ in range(3):
        answer = client.submit_job(jobName="j", jobQueue=queue, jobDefinition=definition)
        jobs.append(answer["jobId"])
        asked.append(request_id(answer))
    refused(client.submit_job, jobName="j", jobQueue="no-such", jobDefinition=definition)

    def counted():
        counts = lines(stack, event="jobs.submitted", keyId=key.id)
        return (sum(one["accepted"] for one in counts), sum(one["failed"] for one in counts))

    wait_for("the count", lambda: counted() == (3, 1), 30)
    assert lines(stack, event="jobs.submitted", keyId=key.id)[0]["keyName"] == "submitter"
    slow = [one for i in asked for one in lines(stack, requestId=i)]
    assert [one for one in slow if one["event"] != "request.slow"] == []
    batch.terminate_jobs(jobs=jobs, reason="tested")


def test_refusals_are_lines(stack, queue, new_key):
    key = new_key("refused", statement("batch:ListJobs", f"{ARN}job-queue/other"))
    asked, _ = refused(key.client("batch").list_jobs, jobQueue=queue)
    one = line(stack, requestId=asked)
    assert one["event"] == "access.refused" and one["level"] == "warn"
    assert (one["operation"], one["code"]) == ("ListJobs", "AccessDeniedException")
    assert one["authenticated"] is True
    assert (one["keyId"], one["keyName"]) == (key.id, "refused")
    assert one["resources"] == [f"{ARN}job-queue/{queue}"]
    assert f"batch:ListJobs on resource: {ARN}job-queue/{queue}" in one["reason"]
    wrong = key.client("batch", aws_secret_access_key="x" * 40)
    one = line_of_a_stranger(stack, lambda: refused(wrong.terminate_job, jobId="x", reason="r")[0])
    assert (one["event"], one["operation"]) == ("access.refused", "TerminateJob")
    assert one["code"] == "InvalidSignatureException"
    assert one["authenticated"] is False
    assert one["keyId"] == key.id and "keyName" not in one and "reason" not in one
    wrong = key.client("sts", aws_secret_access_key="x" * 40)
    one = line_of_a_stranger(stack, lambda: refused(wrong.get_caller_identity)[0])
    assert one["authenticated"] is False and one["keyId"] == key.id


def test_a_proxys_word_is_told_apart_from_the_connection(stack):
    said = "203.0.113.7, 198.51.100.9"

    def ask():
        request = urllib.request.Request(
            stack.endpoint + "/v1/listjobs", data=b"{}", headers={"X-Forwarded-For": said}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        return caught.value.headers["x-amzn-RequestId"]

    one = line_of_a_stranger(stack, ask)
    assert one["remote"] == "127.0.0.1"
    assert one["forwardedFor"] == said
    said = "1" * 1000 + ", 198.51.100.9"
    one = line_of_a_stranger(stack, ask)
    assert one["forwardedFor"].endswith("1, 198.51.100.9") and len(one["forwardedFor"]) == 100


def test_what_callers_write_is_escaped(stack, new_key):
    key = new_key("nasty", statement("batch:ListJobs", f"{ARN}job-queue/other"))
    name = "q\x1b[2J\n\x9b\u202e\u2028é"
    asked, _ = refused(key.client("batch").list_jobs, jobQueue=name)
    one = line(stack, requestId=asked)
    shown = r"q\u001b[2J\u000a\u009b\u202e\u2028é"
    assert shown in one["reason"]
    assert any(resource.endswith(shown) for resource in one["resources"])
    raw = (stack.home / "log/api/current").read_bytes()
    assert b"\x1b" not in raw and b"\xc2\x9b" not in raw and "\u202e".encode() not in raw


def test_keys_are_named_and_their_secrets_are_not(stack, new_key):
    root = (stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"])
    code, made = own_call(stack, root, "CreateKey", {"name": "audited"})
    assert code is None
    try:
        one = line(stack, operation="CreateKey", made=made["accessKeyId"])
        assert one["keyId"] == root[0]
        policy = document(statement("batch:*", "*"))
        changed = {"accessKeyId": made["accessKeyId"], "policy": policy}
        assert own_call(stack, root, "PutKeyPolicy", changed)[0] is None
        [one] = wait_for(
            "PutKeyPolicy",
            lambda: [
                one
                for one in lines(stack, operation="PutKeyPolicy")
                if one.get("resources") == [made["accessKeyId"]]
            ],
            10,
        )
        text = "".join(json.dumps(one) for one in lines(stack))
        assert made["secretAccessKey"] not in text and root[1] not in text
    finally:
        own_call(stack, root, "RevokeKey", {"accessKeyId": made["accessKeyId"]})


def test_slow_requests_are_lines(stack, queue):
    """One that waits for a row that somebody holds."""
    client, answers = stack.client("batch"), []

    def update():
        answers.append(client.update_job_queue(jobQueue=queue, priority=2))

    thread = threading.Thread(target=update)
    with stack.transaction(f"UPDATE job_queue SET priority = priority WHERE name = '{queue}'"):
        thread.start()
        wait_for("it to wait", lambda: stack.waits_for_a_lock("openbatch-api"))
        time.sleep(1.1)
    thread.join(30)
    one = line(stack, event="request.slow", requestId=request_id(answers[0]))
    assert one["level"] == "warn"
    assert one["operation"] == "UpdateJobQueue" and one["us"] > 1_000_000


def test_a_flood_without_a_key_is_counted(stack):
    """The log grows by a few lines a second, and says how many were left out."""
    before = len(lines(stack, event="access.refused"))
    omitted = sum(one["unauthenticated"] for one in lines(stack, event="lines.omitted"))
    began, sent = time.monotonic(), 0
    host, port = stack.endpoint.removeprefix("http://").rsplit(":", 1)
    request = (
        f"POST /v1/listjobs HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}"
    ).encode()
    while time.monotonic() - began < 3 or sent < 1000:
        with socket.create_connection((host, int(port)), 10) as s:
            s.settimeout(10)
            for _ in range(20):
                s.sendall(request)
                if not s.recv(65536):
                    break
                sent += 1
    took = time.monotonic() - began

    def all_told():
        written = len(lines(stack, event="access.refused")) - before
        counts = lines(stack, event="lines.omitted")
        left = sum(one["unauthenticated"] for one in counts) - omitted
        return written + left >= sent and written

    written = wait_for("the count of what was left out", all_told, 30)
    assert written < 150 + took, (written, sent, took)
