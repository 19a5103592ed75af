"""Session keys: temporary credentials that may do at most what their key may do, until their end.
Nothing of them is stored."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import subprocess
import time

import botocore.config
import botocore.exceptions
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from keys import ARN, document, own_call, statement
from stack import wait_for

STS = "https://sts.amazonaws.com/doc/2011-06-15/"


def refusal(call, **members):
    """(status, code, message) of a call that must fail."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    answer = caught.value.response
    error = answer["Error"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


class Session:
    """The credentials of a session."""

    def __init__(self, stack, key_id, secret, token):
        self.stack, self.id, self.secret, self.token = stack, key_id, secret, token

    @classmethod
    def of_sts(cls, stack, client, **members):
        made = client.get_session_token(**members)["Credentials"]
        return cls(stack, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    @classmethod
    def of_ours(cls, stack, key, **members):
        code, made = own_call(stack, (key.id, key.secret), "CreateSession", members)
        assert code is None, made
        return cls(stack, made["accessKeyId"], made["secretAccessKey"], made["sessionToken"])

    def client(self, service, **changes):
        return self.stack.client(
            service,
            **{
                "aws_access_key_id": self.id,
                "aws_secret_access_key": self.secret,
                "aws_session_token": self.token,
            }
            | changes,
        )

    def own(self, operation, **members):
        return own_call(self.stack, (self.id, self.secret, self.token), operation, members)


@pytest.fixture(scope="module")
def sts(stack):
    """Of the root key."""
    return stack.client("sts")


def test_every_sdk_asks_who_it_is(stack, sts, new_key):
    """The first call of many tools; a session is its key."""
    root = stack.env["AWS_ACCESS_KEY_ID"]
    answer = sts.get_caller_identity()
    assert answer["Account"] == answer["UserId"] == "123456789012"
    assert answer["Arn"] == "arn:aws:iam::123456789012:root"
    assert answer["ResponseMetadata"]["RequestId"]
    key = new_key("who", statement("sts:GetCallerIdentity", "*", "Deny"))
    expected = ("123456789012", key.id, "arn:aws:iam::123456789012:user/who")
    for client in (key.client("sts"), Session.of_ours(stack, key).client("sts")):
        answer = client.get_caller_identity()
        assert (answer["Account"], answer["UserId"], answer["Arn"]) == expected
    command = [stack.home / "venv/bin/aws", "sts", "get-caller-identity", "--output", "json"]
    shell = os.environ | {k: v for k, v in stack.env.items() if k.startswith("AWS_")}
    shell.pop("AWS_SESSION_TOKEN", None)
    done = subprocess.run(command, env=shell, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Account"] == "123456789012"
    assert root not in done.stdout


def test_a_session_of_sts_does_what_its_key_does(stack, sts, queue, submit):
    before = datetime.datetime.now(datetime.UTC)
    made = sts.get_session_token(DurationSeconds=900)["Credentials"]
    ends = made["Expiration"] - before
    assert 895 <= ends.total_seconds() <= 960
    assert made["AccessKeyId"].startswith("ASIA") and len(made["AccessKeyId"]) == 20
    assert len(made["SecretAccessKey"]) == 40
    assert len(made["SessionToken"]) < 4096
    session = Session.of_sts(stack, sts)
    job = submit()
    found = session.client("batch").describe_jobs(jobs=[job])["jobs"]
    assert [one["jobId"] for one in found] == [job]
    assert session.client("logs").describe_log_groups()["logGroups"] is not None


def test_sessions_of_the_root_key_last_an_hour(sts):
    """As AWS's of account owners."""
    for members in ({}, {"DurationSeconds": 129600}):
        before = datetime.datetime.now(datetime.UTC)
        ends = sts.get_session_token(**members)["Credentials"]["Expiration"] - before
        assert 3590 <= ends.total_seconds() <= 3660


def test_sessions_of_keys_last_as_long_as_on_aws(new_key):
    key = new_key("long", statement("batch:*", "*"))
    sts = key.client("sts")
    for members, seconds in (({}, 43200), ({"DurationSeconds": 129600}, 129600)):
        before = datetime.datetime.now(datetime.UTC)
        ends = sts.get_session_token(**members)["Credentials"]["Expiration"] - before
        assert seconds - 10 <= ends.total_seconds() <= seconds + 60
    sts = key.client("sts", config=botocore.config.Config(parameter_validation=False))
    for seconds, text in ((899, "greater than or equal to 900"), (129601, "less than or equal to")):
        status, code, message = refusal(sts.get_session_token, DurationSeconds=seconds)
        assert (status, code) == (400, "ValidationError")
        assert f"Value '{seconds}' at 'durationSeconds' failed to satisfy constraint" in message
        assert text in message


def test_a_policy_narrows_a_session(stack, queue, batch, submit, new_key):
    """It can only take away: what the key may not do, the session may not do either."""
    job = submit()
    key = new_key("wide", statement("batch:*", "*"), statement("batch:TerminateJob", "*", "Deny"))
    policy = document(statement(["batch:DescribeJobs", "batch:T*", "logs:*"], "*"))
    session = Session.of_ours(stack, key, policy=policy, durationSeconds=900)
    client = session.client("batch")
    assert client.describe_jobs(jobs=[job])["jobs"]
    who = "User: arn:aws:iam::123456789012:user/wide is not authorized to perform: "
    assert refusal(client.list_jobs, jobQueue=queue) == (
        403,
        "AccessDeniedException",
        f"{who}batch:ListJobs on resource: * because no session policy allows the "
        "batch:ListJobs action",
    )
    message = refusal(client.terminate_job, jobId=job, reason="r")[2]
    assert message.endswith("with an explicit deny in an identity-based policy")
    message = refusal(session.client("logs").describe_log_groups)[2]
    assert "no identity-based policy allows the logs:DescribeLogGroups action" in message
    # By resource, also in lists; the root key has a policy only through its session.
    root = type("Root", (), {})()
    root.id, root.secret = stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]
    by_queue = document(statement("batch:*", f"{ARN}job-queue/{queue}"))
    limited = Session.of_ours(stack, root, policy=by_queue).client("batch")
    seen = [q["jobQueueName"] for q in limited.describe_job_queues()["jobQueues"]]
    assert seen == [queue]
    assert limited.list_jobs(jobQueue=queue)["ResponseMetadata"]["HTTPStatusCode"] == 200
    message = refusal(limited.list_jobs, jobQueue="another")[2]
    assert message.startswith("User: arn:aws:iam::123456789012:root is not authorized")
    assert "no session policy allows" in message


def test_a_session_follows_its_key(stack, new_key):
    """What the key may do now, not when the session was made; a key that is gone ends it."""
    key = new_key("changing", statement("batch:*", "*"))
    ours, of_sts = Session.of_ours(stack, key), Session.of_sts(stack, key.client("sts"))
    clients = [session.client("batch") for session in (ours, of_sts)]
    for client in clients:
        client.describe_job_queues()
    key.allow(statement("logs:*", "*"))
    for client in clients:
        wait_for("the new policy", lambda c=client: is_refused(c, "AccessDeniedException"), 5)
    key.allow(statement("batch:*", "*"))
    for client in clients:
        wait_for("the old policy", lambda c=client: is_refused(c, None), 5)
    key.revoke()
    for client in clients:
        wait_for("the end", lambda c=client: is_refused(c, "UnrecognizedClientException"), 5)
    status, code, _ = refusal(of_sts.client("sts").get_caller_identity)
    assert (status, code) == (403, "InvalidClientTokenId")


def is_refused(client, code):
    try:
        client.describe_job_queues()
    except botocore.exceptions.ClientError as e:
        return e.response["Error"]["Code"] == code
    return code is None


def test_a_session_makes_no_sessions(stack, sts, new_key):
    """So none lasts longer than another, or has more rights."""
    key = new_key("parent", statement("*", "*"))
    for session in (Session.of_ours(stack, key), Session.of_sts(stack, sts)):
        assert refusal(session.client("sts").get_session_token) == (
            403,
            "AccessDenied",
            "Cannot call GetSessionToken with session credentials",
        )
        assert session.own("CreateSession") == (
            "AccessDeniedException",
            "Cannot call CreateSession with session credentials",
        )


def test_a_session_manages_no_keys_unless_it_was_made_to(stack, sts, new_key):
    """AWS: those of STS call no operation of IAM."""
    key = new_key("admin", statement("openbatch:*", "*"))
    operations = (
        ("CreateKey", {}),
        ("ListKeys", {}),
        ("RevokeKey", {"accessKeyId": "AKIA"}),
        ("PutKeyPolicy", {"accessKeyId": "AKIA", "policy": document(statement("*", "*"))}),
    )
    for session in (Session.of_sts(stack, sts), Session.of_ours(stack, key)):
        for operation, members in operations:
            code, message = session.own(operation, **members)
            assert code == "AccessDeniedException"
            assert message == f"Cannot call {operation} with session credentials"
    manager = Session.of_ours(stack, key, manageKeys=True)
    assert manager.own("ListKeys", accessKeyId=key.id)[0] is None
    narrow = Session.of_ours(
        stack, key, manageKeys=True, policy=document(statement("batch:*", "*"))
    )
    assert narrow.own("ListKeys")[0] == "AccessDeniedException"


def test_a_token_is_needed_and_only_its_own_counts(stack, sts):
    one, two = Session.of_sts(stack, sts), Session.of_sts(stack, sts)
    unknown = (403, "UnrecognizedClientException")
    own_key = {
        "aws_access_key_id": stack.env["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": stack.env["AWS_SECRET_ACCESS_KEY"],
    }
    changed = one.token[:40] + ("A" if one.token[40] != "A" else "B") + one.token[41:]
    for changes in (
        {"aws_session_token": None},
        {"aws_session_token": two.token},
        {"aws_session_token": changed},
        {"aws_session_token": one.token[:-4]},
        {"aws_session_token": "x"},
        {"aws_session_token": "A" * 8000},
        own_key,
    ):
        status, code, _ = refusal(one.client("batch", **changes).describe_job_queues)
        assert (status, code) == unknown, changes
        status, code, _ = refusal(one.client("logs", **changes).describe_log_groups)
        assert (status, code) == (400, unknown[1]), changes
        status, code, _ = refusal(one.client("sts", **changes).get_caller_identity)
        assert (status, code) == (403, "InvalidClientTokenId"), changes
    wrong = one.client("batch", aws_secret_access_key=two.secret)
    assert refusal(wrong.describe_job_queues)[:2] == (403, "InvalidSignatureException")
    wrong = one.client("sts", aws_secret_access_key=two.secret)
    assert refusal(wrong.get_caller_identity)[:2] == (403, "SignatureDoesNotMatch")


def token_of(stack, key_id, ends_s, policy=b"", master=None):
    """A session as the api makes it (services/api/auth/session_token.c), with any end."""

    def derive(secret, *parts):
        return hmac.new(secret, "\n".join(parts).encode(), hashlib.sha256).digest()

    master = master or bytes.fromhex((stack.home / "secrets/master.key").read_text().strip())
    parent = stack.env["AWS_ACCESS_KEY_ID"]
    sealing = derive(master, "session token")
    proof = derive(sealing, "parent", key_id, stack.env["AWS_SECRET_ACCESS_KEY"])[:16]
    plain = ends_s.to_bytes(8, "big") + b"\0" + proof + bytes([len(parent)]) + parent.encode()
    nonce = os.urandom(12)
    sealed = AESGCM(derive(sealing, "token", key_id, "")).encrypt(
        nonce, plain + policy, b"\x01" + key_id.encode()
    )
    token = b"\x01" + nonce + sealed[-16:] + sealed[:-16]
    secret = base64.b64encode(derive(sealing, "secret", key_id, "")[:30]).decode()
    return Session(stack, key_id, secret, base64.b64encode(token).decode())


def test_a_session_ends(stack):
    """AWS's code and words, by protocol; a token of another copy's master key is unknown."""
    now = int(time.time())
    good = token_of(stack, "ASIA" + "B" * 16, now + 60)
    good.client("batch").describe_job_queues()
    over = token_of(stack, "ASIA" + "C" * 16, now - 1)
    text = "The security token included in the request is expired"
    expired = "ExpiredTokenException"
    assert refusal(over.client("batch").describe_job_queues) == (403, expired, text)
    assert refusal(over.client("logs").describe_log_groups) == (400, expired, text)
    assert refusal(over.client("sts").get_caller_identity) == (403, "ExpiredToken", text)
    assert over.own("ListKeys") == (expired, text)
    short = token_of(stack, "ASIA" + "D" * 16, int(time.time()) + 3)
    short.client("batch").describe_job_queues()
    wait_for("its end", lambda: is_refused(short.client("batch"), expired), 10)
    foreign = token_of(stack, "ASIA" + "E" * 16, now + 60, master=bytes(32))
    code = refusal(foreign.client("batch").describe_job_queues)[1]
    assert code == "UnrecognizedClientException"


def test_sts_answers_as_aws(stack, sts, raw):
    other = stack.client("sts", aws_access_key_id="AKIA" + "A" * 16)
    assert refusal(other.get_caller_identity) == (
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    )
    members = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "name"}
    assert refusal(sts.assume_role, **members) == (
        400,
        "InvalidAction",
        "Could not find operation AssumeRole for version 2011-06-15",
    )
    status, code, message = refusal(
        sts.get_session_token, SerialNumber="GAHT12345678", TokenCode="123456"
    )
    assert (status, code) == (400, "ValidationError")
    assert "SerialNumber" in message or "TokenCode" in message
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    status, headers, text = raw("/", body, service="sts", headers=form)
    assert status == 200
    assert headers["Content-Type"] == "text/xml"
    assert headers["x-amzn-RequestId"] in text
    assert text.startswith(f'<GetCallerIdentityResponse xmlns="{STS}"><GetCallerIdentityResult>')
    status, headers, text = raw("/", b"Version=2011-06-15", service="sts", headers=form)
    assert (status, headers["x-amzn-ErrorType"]) == (400, None)
    assert "<Type>Sender</Type><Code>MissingAction</Code>" in text
    status, _, text = raw("/", body, service="logs", headers=form)
    assert status == 403 and "<Code>SignatureDoesNotMatch</Code>" in text
    for bad in (b"Action=GetCallerIdentity&Action=x&Version=2011-06-15", b"Action=%ff", b"\xff=1"):
        status, _, text = raw("/", bad, service="sts", headers=form)
        assert status == 400 and "<Code>MalformedInput</Code>" in text


def test_sessions_outlive_the_process_that_made_them(stack, new_key):
    """Every api process of a copy knows every session, because none is stored."""
    key = new_key("lasting", statement("batch:*", "*"))
    session = Session.of_ours(stack, key)
    tables = "SELECT count(*) FROM information_schema.columns WHERE column_name LIKE '%session%'"
    assert stack.sql(f"{tables} AND table_schema = 'public'") == [["0"]]
    stack.restart("api")
    session.client("batch").describe_job_queues()


def test_sessions_are_made_of_what_is_in_order(stack, new_key):
    key = new_key("maker", statement("batch:*", "*"))
    for members, code, text in (
        ({"durationSeconds": 899}, "ClientException", "durationSeconds"),
        ({"durationSeconds": 129601}, "ClientException", "durationSeconds"),
        ({"durationSeconds": "900"}, "ClientException", "durationSeconds"),
        ({"policy": "{}"}, "MalformedPolicyDocumentException", "Version"),
        ({"policy": "x" * 2049}, "ClientException", "policy"),
    ):
        assert_fails(own_call(stack, (key.id, key.secret), "CreateSession", members), code, text)
    denied = new_key(
        "no-maker",
        statement("*", "*"),
        statement(["openbatch:CreateSession", "sts:GetSessionToken"], "*", "Deny"),
    )
    answer = own_call(stack, (denied.id, denied.secret), "CreateSession", {})
    assert_fails(answer, "AccessDeniedException", "openbatch:CreateSession on resource: *")
    status, code, message = refusal(denied.client("sts").get_session_token)
    assert (status, code) == (403, "AccessDenied")
    assert "sts:GetSessionToken on resource: * with an explicit deny" in message
    denied.client("sts").get_caller_identity()


def assert_fails(answer, code, text):
    assert answer[0] == code, answer
    assert text in answer[1]
