"""Fixtures. `./openbatch test e2e` starts a copy of its own and runs this against it; with
OPENBATCH_HOME of a running copy it
can be run by hand: OPENBATCH_HOME=... $OPENBATCH_HOME/venv/bin/python -m pytest tests/e2e"""

import http.client
import os
import sys
import urllib.parse
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from keys import Key, key_command
from kube_work import start_cluster, stop_cluster
from reruns import (  # noqa: F401  (hooks)
    pytest_exception_interact,
    pytest_runtest_logreport,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)
from resources import Made
from stack import Stack
from submitting import RUNNABLE_FOR_EVER
from work import Work

sys.path.append(str(Path(__file__).resolve().parents[1] / "faults"))

from fixtures import (  # noqa: E402, F401
    add_markers,
    crash,
    crash_queue,
    leave_out,
    small_copy,
    small_trial,
    trial,
)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long and rarely fails: ./openbatch test long")
    add_markers(config)


@pytest.fixture(scope="session")
def stack():
    return Stack(os.environ["OPENBATCH_HOME"])


def pytest_collection_modifyitems(items):
    leave_out(items)


@pytest.fixture(scope="session")
def eks_clusters(stack):
    """Kubernetes clusters without nodes, for tests that need environments of them but no pods."""
    clusters = [start_cluster(stack, name, nodes=0) for name in ("none", "conformance")]
    yield
    for cluster in clusters:
        stop_cluster(stack, cluster)


@pytest.fixture(scope="session")
def batch(stack):
    return stack.client("batch")


@pytest.fixture(scope="session")
def logs(stack):
    return stack.client("logs")


@pytest.fixture(scope="session")
def endpoint(stack):
    return stack.endpoint


@pytest.fixture(scope="session")
def raw(stack):
    """Sends a signed request as it is: raw(path, body) gives (status, headers, text)."""

    def send(path, body=b"{}", method="POST", service="batch", headers=None, region=None):
        credentials = botocore.credentials.Credentials(
            stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]
        )
        request = botocore.awsrequest.AWSRequest(
            method, stack.endpoint + path, data=body, headers=headers or {}
        )
        botocore.auth.SigV4Auth(credentials, service, region or stack.env["AWS_REGION"]).add_auth(
            request
        )
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(stack.endpoint).netloc)
        connection.request(method, path, body, dict(request.headers))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    return send


@pytest.fixture
def new_key(stack):
    """new_key(name, *statements): a Key that is revoked after the test."""
    keys = []

    def make(name, *statements):
        keys.append(Key(stack, name, *statements))
        return keys[-1]

    yield make
    for key in keys:
        key_command(stack, "revoke", key.id)


@pytest.fixture(scope="session")
def image(stack):
    """Debian's static busybox, as `up` makes it."""
    assert stack.has_image("openbatch/busybox")
    return "openbatch/busybox"


@pytest.fixture
def work(batch, logs, image):
    """For one test; what it made is deleted afterwards, so that nothing holds the host's
    capacity."""
    w = Work(batch, logs, image)
    yield w
    w.forget()


@pytest.fixture(scope="module")
def shared_work(batch, logs, image):
    """For the tests of a file that only need some queue."""
    w = Work(batch, logs, image)
    yield w
    w.forget()


@pytest.fixture(scope="module")
def queue(shared_work):
    return shared_work.queue(shared_work.environment(max_vcpus=4))


@pytest.fixture
def made(batch):
    """For tests of the operations on environments and queues."""
    made = Made(batch)
    yield made
    made.forget()


@pytest.fixture(scope="module")
def definition(shared_work):
    """Of jobs that stay RUNNABLE."""
    return shared_work.definition(["sleep", "1"], **RUNNABLE_FOR_EVER)


@pytest.fixture(scope="module")
def submit(shared_work, queue, definition):
    """Submits such a job with changes; what was submitted is terminated in the end."""
    made = []

    def one(**changes):
        made.append(
            shared_work.batch.submit_job(
                **({"jobName": "j", "jobQueue": queue, "jobDefinition": definition} | changes)
            )["jobId"]
        )
        return made[-1]

    yield one
    for at in range(0, len(made), 50):
        shared_work.batch.terminate_jobs(jobs=made[at : at + 50], reason="tested")


@pytest.fixture(scope="module")
def refused(batch, submit):
    """The text with which a submission with these changes is refused."""

    def text(**changes):
        with pytest.raises(batch.exceptions.ClientException) as caught:
            submit(**changes)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return caught.value.response["Error"]["Message"]

    return text
