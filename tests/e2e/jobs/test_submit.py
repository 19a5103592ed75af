"""SubmitJob caches the meaning of names and serves many clients: what this must not change."""

import http.client
import time
import urllib.parse

import botocore.exceptions
import pytest
from stack import wait_for

CONTAINER = {"image": "openbatch/busybox", "command": ["true"], "vcpus": 1, "memory": 64}


@pytest.fixture
def queue(work):
    return work.queue()


def register(batch, name):
    return batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )["jobDefinitionArn"]


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == "ClientException"
    return caught.value.response["Error"]["Message"]


def test_a_submission_uses_what_was_registered_before_it(batch, work, queue):
    """Without a revision it is the latest active one, whatever the api saw a moment ago."""
    name = f"{queue}-d"
    arns = []
    for _ in range(3):
        arns.append(register(batch, name))
        for _ in range(3):
            job = work.job(work.submit(queue, name))
            assert job["jobDefinition"] == arns[-1]
    assert work.job(work.submit(queue, f"{name}:1"))["jobDefinition"] == arns[0]
    batch.deregister_job_definition(jobDefinition=f"{name}:3")
    assert work.job(work.submit(queue, name))["jobDefinition"] == arns[1]
    batch.deregister_job_definition(jobDefinition=f"{name}:1")
    assert "not found" in refused(
        batch.submit_job, jobName="j", jobQueue=queue, jobDefinition=arns[0]
    )
    assert "does not exist or is not in ACTIVE status" in refused(
        batch.submit_job, jobName="j", jobQueue=queue, jobDefinition=f"{name}:1"
    )
    assert work.job(work.submit(queue, name))["jobDefinition"] == arns[1]


def test_a_disabled_queue_refuses_at_once_and_takes_jobs_again(batch, work, queue):
    definition = work.definition()

    def settled():
        wait_for("the queue is VALID", lambda: work.jq(queue)["status"] == "VALID")

    for _ in range(3):
        work.submit(queue, definition)
        batch.update_job_queue(jobQueue=queue, state="DISABLED")
        assert "disabled" in refused(
            batch.submit_job, jobName="j", jobQueue=queue, jobDefinition=definition
        )
        settled()
        batch.update_job_queue(jobQueue=queue, state="ENABLED")
        work.submit(queue, definition)
        settled()


def test_idle_connections_keep_nobody_waiting(batch, work, queue, endpoint):
    """Three times as many as the api has database connections, all kept open."""
    definition = work.definition()
    address = urllib.parse.urlsplit(endpoint).netloc
    held = [http.client.HTTPConnection(address, timeout=20) for _ in range(48)]
    for connection in held:
        connection.request("GET", "/healthz")
    for connection in held:
        assert connection.getresponse().read()
    took = []
    for _ in range(10):
        begin = time.monotonic()
        work.submit(queue, definition)
        took.append(time.monotonic() - begin)
    for connection in held:
        connection.close()
    assert sorted(took)[5] < 0.5, took


def test_connections_that_are_gone_are_not_counted(endpoint):
    """A client may keep its connection, however many others came and went before."""
    address = urllib.parse.urlsplit(endpoint).netloc
    for _ in range(300):
        once = http.client.HTTPConnection(address, timeout=20)
        once.request("GET", "/healthz", headers={"Connection": "close"})
        assert once.getresponse().read()
        once.close()
    kept = http.client.HTTPConnection(address, timeout=20)
    for _ in range(3):
        kept.request("GET", "/healthz")
        answer = kept.getresponse()
        assert answer.read() and answer.headers["Connection"] == "keep-alive"
        time.sleep(0.6)
    kept.close()
