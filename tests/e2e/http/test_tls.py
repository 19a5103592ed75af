"""HTTPS in front of the api: `up --tls`."""

import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import botocore.exceptions
import pytest
from console_page import ConsolePage
from stack import ROOT, Stack, wait_for


def up(*options):
    done = subprocess.run(
        [ROOT / "openbatch", "up", *options], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tls(stack):
    """The same copy, as `./openbatch env` shows it when HTTPS is on."""
    up("--tls")
    yield Stack(os.environ["OPENBATCH_HOME"])
    up("--no-tls")


@pytest.fixture(scope="module")
def address(tls):
    host, port = tls.endpoint.removeprefix("https://").split(":")
    return host, int(port)


def trusting(tls):
    return ssl.create_default_context(cafile=tls.env["AWS_CA_BUNDLE"])


def test_clients_work_with_what_env_prints(tls, stack):
    """Signatures, which cover the Host header and the path, come through."""
    assert tls.endpoint == f"https://localhost:{int(stack.endpoint.rsplit(':', 1)[1]) + 3}"
    bundle = tls.env["AWS_CA_BUNDLE"]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda _: tls.client("batch", verify=bundle).describe_job_queues(), range(32)
        )
        assert all(a["jobQueues"] for a in answers)
    assert tls.client("logs", verify=bundle).describe_log_groups()["logGroups"]
    batch = tls.client("batch", verify=bundle)
    long_text = {"value": "x" * 25_000}  # sent with Expect: 100-continue, or in several packets
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        batch.submit_job(
            jobName="j", jobQueue="no-such", jobDefinition="none", parameters=long_text
        )
    assert caught.value.response["Error"]["Code"] == "ClientException"
    listed = subprocess.run(
        [ROOT / "openbatch", "key", "list"], capture_output=True, text=True, timeout=60
    )
    assert listed.returncode == 0 and "(root)" in listed.stdout, listed.stderr
    # The plain port stays.
    assert stack.client("batch").describe_job_queues()["jobQueues"]


def test_the_console_has_https_and_a_secure_cookie(tls):
    page = ConsolePage(tls, trusting(tls))
    cookie = page.sign_in()
    assert cookie.startswith("__Host-openbatch-console-") and cookie.endswith("; Secure")
    assert "jobQueues" in page.read("DescribeJobQueues")
    said = subprocess.run(
        [ROOT / "openbatch", "console"], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.startswith(f"https://{page.host}/#link=")


def test_the_certificate_is_for_this_host_and_checked(tls, address):
    with pytest.raises(botocore.exceptions.SSLError):
        tls.client("batch").describe_job_queues()
    names = ("localhost", "127.0.0.1", socket.gethostname())
    for name in names:
        with (
            socket.create_connection(("127.0.0.1", address[1]), 10) as raw,
            trusting(tls).wrap_socket(raw, server_hostname=name) as secure,
        ):
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
    with (
        socket.create_connection(("127.0.0.1", address[1]), 10) as raw,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        trusting(tls).wrap_socket(raw, server_hostname="elsewhere.example")
    old = trusting(tls)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", address[1]), 10) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(raw, server_hostname="localhost")
    for path in (tls.home / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_an_unsigned_or_too_long_request_is_refused_behind_it_too(tls):
    for body, status in ((b"{}", 403), (b"x" * 300_000, 413)):
        request = urllib.request.Request(
            tls.endpoint + "/v1/describejobqueues", data=body, method="POST"
        )
        with pytest.raises((urllib.error.HTTPError, urllib.error.URLError)) as caught:
            urllib.request.urlopen(request, timeout=15, context=trusting(tls))
        if isinstance(caught.value, urllib.error.HTTPError):
            assert caught.value.code == status


def test_long_bodies_that_come_slowly_keep_nobody_waiting(tls, address):
    """More of them than the proxy passes requests to the api at a time. They are not signed."""
    lines = "POST /v1/describejobqueues HTTP/1.1", "Host: localhost", "Content-Length: 200000"
    head = "\r\n".join([*lines, "", ""]).encode()
    context, batch = trusting(tls), tls.client("batch", verify=tls.env["AWS_CA_BUNDLE"])
    with ExitStack() as open_ones:
        for _ in range(400):
            raw = open_ones.enter_context(socket.create_connection(address, 10))
            secure = context.wrap_socket(raw, server_hostname="localhost")
            open_ones.enter_context(secure).sendall(head + b"x" * 70_000)
        began = time.monotonic()
        assert batch.describe_job_queues()["jobQueues"]
        assert time.monotonic() - began < 10  # more than 20 s, if they held all places


def test_the_proxy_comes_back_when_it_is_killed(tls, address):
    tls.kill("tls")

    def answers():
        try:
            with socket.create_connection(address, 2) as raw:
                trusting(tls).wrap_socket(raw, server_hostname="localhost").close()
                return True
        except OSError:
            return False

    wait_for("HTTPS again", answers, 20)
