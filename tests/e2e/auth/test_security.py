"""Without a key nothing is possible: the api checks signatures, the servers are protected by
sockets and passwords."""

import datetime
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
from sealed import Key, Sender
from stack import wait_for


def post(endpoint, headers=None, body=b"{}"):
    """(status, error code) of a raw request."""
    request = urllib.request.Request(
        endpoint + "/v1/describejobqueues", data=body, headers=headers or {}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, None
    except urllib.error.HTTPError as e:
        assert e.headers["x-amzn-RequestId"]
        return e.code, e.headers["x-amzn-ErrorType"]


def signed(stack, body=b"{}", when=None, monkeypatch=None):
    """The headers of a request as botocore signs it."""
    credentials = botocore.credentials.Credentials(
        stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]
    )
    request = botocore.awsrequest.AWSRequest(
        "POST",
        stack.endpoint + "/v1/describejobqueues",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    if when is not None:
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: when)
    botocore.auth.SigV4Auth(credentials, "batch", stack.env["AWS_REGION"]).add_auth(request)
    return dict(request.headers)


def test_only_signed_requests_are_answered(stack, monkeypatch):
    assert post(stack.endpoint) == (403, "MissingAuthenticationTokenException")
    assert post(stack.endpoint, signed(stack)) == (200, None)
    status, code = post(stack.endpoint, signed(stack), b'{"maxResults":1}')
    assert (status, code) == (403, "InvalidSignatureException")
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    for minutes in (-6, 6):
        when = now + datetime.timedelta(minutes=minutes)
        headers = signed(stack, when=when, monkeypatch=monkeypatch)
        assert post(stack.endpoint, headers) == (403, "InvalidSignatureException")


def test_wrong_keys_are_refused(stack):
    other = stack.client("batch", aws_secret_access_key="x" * 40)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        other.describe_job_queues()
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    other = stack.client("batch", aws_access_key_id="AKIA" + "A" * 16)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        other.describe_job_queues()
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"
    logs = stack.client("logs", aws_secret_access_key="x" * 40)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        logs.get_log_events(logGroupName="/aws/batch/job", logStreamName="x")
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_health_is_open_and_tells_what_it_depends_on(stack):
    with urllib.request.urlopen(stack.endpoint + "/healthz", timeout=10) as answer:
        health = json.load(answer)
    assert health["ok"] and health["depends"]["postgresql"]["ok"]
    for service in ("scheduler", "scaler"):
        health = stack.health(service)
        assert health["ok"] and health["leader"], health
        assert health["depends"]["postgresql"]["ok"] and health["depends"]["kafka"]["ok"]
    assert stack.health("scaler")["depends"]["redis"]["ok"]


def test_secrets_are_kept_from_others(stack):
    """Keys lie in files of mode 0600; the database has no secret in clear."""
    secrets = list((stack.home / "secrets").iterdir())
    assert secrets
    for path in secrets:
        assert path.stat().st_mode & 0o077 == 0, path
    rows = stack.sql("SELECT encode(secret, 'escape') FROM access_key")
    assert rows
    for row in rows:
        assert stack.env["AWS_SECRET_ACCESS_KEY"] not in row[0]


def test_a_job_on_the_hosts_network_gets_nowhere(stack, shared_work, queue):
    """A job tries the api without a key, every listening port of this copy, and finds no
    database."""
    w = shared_work
    port = int(stack.endpoint.rsplit(":", 1)[1])
    script = (
        f"wget -q -O- --post-data='{{}}' http://127.0.0.1:{port}/v1/describejobqueues; echo api $?;"
        "for p in 5432 6379; do nc -w 1 127.0.0.1 $p </dev/null && echo open $p; done;"
        "find / -xdev -name '.s.PGSQL*' -o -xdev -name 'redis.sock' -o -xdev -name docker.sock;"
        "echo end"
    )
    job = w.wait(w.submit(queue, w.definition(["sh", "-c", script])))
    lines = wait_for("all of the log", lambda: "end" in (t := w.log(job)) and t)
    assert "api 1" in lines
    assert [line for line in lines if line.startswith(("open", "/"))] == []


def test_every_listening_port_of_a_copy_asks_who_is_there(stack):
    """All listen on 127.0.0.1; Kafka's listeners, also the controller's, refuse who has no
    password."""
    port = int(stack.endpoint.rsplit(":", 1)[1])
    out = subprocess.run(
        ["ss", "-Hltn", f"sport >= :{port} and sport < :{port + 20}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    listening = [line.split()[3] for line in out.splitlines()]
    assert listening
    for address in listening:
        assert address.startswith(("127.0.0.1:", "[::ffff:127.0.0.1]:")), address
    from confluent_kafka.admin import AdminClient

    for address in listening:
        if address.endswith(f":{port}"):
            continue
        for settings in (
            {},
            stack.kafka("api") | {"sasl.password": "wrong"},
        ):
            admin = AdminClient(
                settings | {"bootstrap.servers": "127.0.0.1:" + address.rsplit(":", 1)[1]}
            )
            with pytest.raises(Exception, match="(?i)transport|timed out|metadata|auth"):
                admin.list_topics(timeout=3)


def test_an_executor_can_act_as_itself_only(stack):
    """The executors' Kafka user can neither read reports of others nor command anybody."""
    from confluent_kafka import Producer

    settings = stack.kafka("executor")
    for topic in ("batch.placements", "batch.instances", "batch.demand", "batch.job-state"):
        failed = []
        producer = Producer(settings)
        producer.produce(topic, b"{}", on_delivery=lambda e, m, f=failed: f.append(e))
        producer.flush(10)
        assert failed and failed[0] is not None, topic
    admin = stack.kafka("admin") | {"auto.offset.reset": "earliest"}
    for topic in ("batch.executions", "batch.logs", "batch.demand"):
        assert reads_something(admin, topic), topic
        assert not reads_something(settings, topic), topic


def test_an_executor_can_write_the_output_of_its_own_runs_only(stack, shared_work, queue, tmp_path):
    """With an instance's key: another instance's run, a stream of another name or account, and an
    offset so far ahead that the job's own lines would count as old."""
    w = shared_work
    tmp_path.chmod(0o777)
    definition = w.definition(
        ["sh", "-c", "echo one; until [ -e /signals/go ]; do usleep 50000; done; echo two"],
        volumes=[{"name": "s", "host": {"sourcePath": str(tmp_path)}}],
        mountPoints=[{"sourceVolume": "s", "containerPath": "/signals"}],
    )
    job = w.wait(w.submit(queue, definition), "RUNNING")
    stream = job["container"]["logStreamName"]
    assert w.log(job) == ["one"]
    ((instance,),) = stack.sql(f"SELECT instance_id FROM placement WHERE job_id = '{job['jobId']}'")
    own, stranger, sender = Key.of(stack, instance), Key.of(stack, instance), Sender(stack)
    stranger.key = bytes(32)

    def say(key, text, claim=None, **more):
        message = {
            "v": 1,
            "type": "log",
            "epoch": 0,
            "run": job["jobId"] + "/1",
            "offset": 4,
            "lines": [[1, text]],
            "end": False,
        } | more
        data = key.seal("batch.logs", message, instance=claim)
        assert sender.send("batch.logs", data, stream.encode()) is None

    say(own, "another instance's", claim="i-" + "0" * 17)
    say(stranger, "a wrong key's")
    say(own, "no run's", run="00000000-0000-7000-8000-000000000000/1")
    say(own, "another run's", run=job["jobId"] + "/2")
    for offset in (10**15, 2**63 - 1, -1):
        say(own, "too far", offset=offset)
    say(own, "its own", account="210987654321", group="/other", stream="forged")
    wait_for("its own", lambda: w.log(job) == ["one", "its own"])
    rows = stack.sql(
        "SELECT count(*) FROM log_stream WHERE account <> '123456789012' OR log_group = '/other'"
        " OR name = 'forged'"
    )
    assert rows == [["0"]]
    (tmp_path / "go").touch()
    w.wait(job["jobId"])
    # It forged that itself: of its own line only what lies behind is new.
    say(own, "after its end", offset=4 + len("its own") + 1)
    wait_for("the last line", lambda: w.log(job) == ["one", "its own", "after its end"])


def reads_something(settings, topic):
    """Does a consumer with these settings get a message of the topic's partition?"""
    from confluent_kafka import Consumer, TopicPartition

    reader = Consumer(settings | {"group.id": "openbatch-executor-x"})
    reader.assign([TopicPartition(topic, 0, 0)])
    messages = [reader.poll(1) for _ in range(4)]
    reader.close()
    return any(m is not None and m.error() is None for m in messages)


def test_who_takes_kafkas_port_is_told_nothing(stack, shared_work, queue):
    """As a job on the host's network could do it while Kafka restarts: no service says a word to a
    process that is not Kafka's, so none says its password."""
    definition = shared_work.definition()
    service = stack.home / "sv/kafka"
    port = int(stack.env["OPENBATCH_KAFKA"].rpartition(":")[2])
    heard, calls, taken = b"", 0, socket.socket()
    subprocess.run(["sv", "-w", "60", "down", service], check=True)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen(100)
        taken.settimeout(1)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                caller, _ = taken.accept()
            except TimeoutError:
                continue
            with caller:
                caller.settimeout(5)
                calls += 1
                heard += caller.recv(1000)
    finally:
        taken.close()
        subprocess.run(["sv", "up", service], check=True)
    assert calls >= 3
    assert heard == b""
    job = shared_work.submit(queue, definition)
    assert shared_work.wait(job, timeout=180)["status"] == "SUCCEEDED"
