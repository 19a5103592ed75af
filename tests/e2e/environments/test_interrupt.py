"""Spot interruptions: notice, end, reasons, and what follows. Notices are short here."""

import collections
import datetime
import http.server
import json
import subprocess
import threading
import time

import pytest
from stack import HOLD, ROOT, wait_for

NOTICE_MS, TERM_MS = 4000, 2000
# What an instance's row says after a notice, and once its time is over.
NOTICED = ("Spot interruption notice", "the time for its running jobs is over")
HOST = "Host EC2 (instance {}) terminated."
MANY = 500
SECOND_ATTEMPT_SUCCEEDS = f'test "$AWS_BATCH_JOB_ATTEMPT" = 2 || {{ {HOLD[2]}; }}'


@pytest.fixture(scope="module")
def short_notices(stack):
    before = stack.change_settings(
        {"OPENBATCH_INTERRUPT_NOTICE_MS": NOTICE_MS, "OPENBATCH_INTERRUPT_TERM_MS": TERM_MS}
    )
    yield
    stack.change_settings(before)


@pytest.fixture
def spot(short_notices, work):
    return work.environment(max_vcpus=8, types=("m5.large",), kind="SPOT")


def interrupt(stack, instance):
    return subprocess.run(
        [ROOT / "openbatch", "interrupt", instance], capture_output=True, text=True, timeout=60
    )


def instance_of(job):
    return job["container"]["containerInstanceArn"].rsplit("/", 1)[1]


def row(stack, instance):
    return stack.sql(f"SELECT state, reason FROM instance WHERE id = '{instance}'")[0]


def test_an_interrupted_job_goes_by_its_retry_strategy(spot, work, stack):
    """One job is killed by the interruption and tried again elsewhere, one without a retry fails,
    one ends by itself before the instance does, all side by side on one instance; nothing is placed
    on it any more; a replacement comes."""
    queue = work.queue(spot)
    retried = work.submit(
        queue,
        work.definition(["sh", "-c", SECOND_ATTEMPT_SUCCEEDS], memory=32),
        retryStrategy={
            "attempts": 3,
            "evaluateOnExit": [
                {"onStatusReason": "Host EC2*", "action": "RETRY"},
                {"onReason": "*", "action": "EXIT"},
            ],
        },
    )
    job = work.wait(retried, "RUNNING")
    first = instance_of(job)
    # m5.large has two vCPUs: the other one is for the job that ends within the notice.
    quick = work.submit(queue, work.definition(["sleep", str(TERM_MS / 1000)], memory=32))
    assert instance_of(work.wait(quick, "RUNNING")) == first

    refused = interrupt(stack, "i-00000000000000000")
    assert refused.returncode != 0 and "does not exist" in refused.stderr
    given = interrupt(stack, first)
    assert given.returncode == 0, given.stderr
    at = time.monotonic()
    wait_for("DRAINING", lambda: row(stack, first) == ["2", "Spot interruption notice"], 10)
    later = work.submit(queue, work.definition(["true"], memory=32))

    job = work.wait(retried)
    assert job["status"] == "SUCCEEDED", job
    assert len(job["attempts"]) == 2
    end = job["attempts"][0]
    assert end["statusReason"] == HOST.format(first)
    assert end["container"].get("exitCode") in (None, 143)
    assert end["container"]["containerInstanceArn"].endswith(first)
    second = instance_of(job)
    assert second != first
    lasted = (end["stoppedAt"] - job["attempts"][0]["startedAt"]) / 1000
    assert lasted > (NOTICE_MS - TERM_MS) / 1000
    assert work.wait(quick)["status"] == "SUCCEEDED"
    assert len(work.job(quick)["attempts"]) == 1
    assert instance_of(work.wait(later)) != first
    wait_for("the instance's end", lambda: row(stack, first)[0] == "4", 15)
    assert time.monotonic() - at < NOTICE_MS / 1000 + 15


def test_a_job_without_retries_fails_with_the_reason(spot, work, stack):
    queue = work.queue(spot)
    # SIGTERM is ignored: it is killed when the instance ends.
    job = work.submit(queue, work.definition(["sh", "-c", "trap '' TERM; sleep 1000 & wait; wait"]))
    host = instance_of(work.wait(job, "RUNNING"))
    assert interrupt(stack, host).returncode == 0
    job = work.wait(job)
    assert job["status"] == "FAILED"
    assert job["statusReason"] == HOST.format(host)
    assert job["attempts"][0]["statusReason"] == HOST.format(host)


def test_only_spot_instances_are_interrupted(short_notices, work, stack):
    queue = work.queue(work.environment(max_vcpus=2, types=("m5.large",)))
    job = work.submit(queue, work.definition(HOLD))
    said = interrupt(stack, instance_of(work.wait(job, "RUNNING")))
    assert said.returncode != 0 and "not a Spot instance" in said.stderr
    work.batch.terminate_job(jobId=job, reason="enough")
    work.wait(job)


@pytest.mark.long
def test_many_jobs_on_spot_with_an_interruption_every_few_seconds(work, stack):
    """500 short jobs, instances that are interrupted by lot: all succeed, none is lost, attempts
    and reasons are AWS's."""
    before = stack.change_settings(
        {
            "OPENBATCH_RUNTIME": "null",
            "OPENBATCH_LOCAL_VCPUS": "64",
            "OPENBATCH_LOCAL_MEMORY_MIB": str(1 << 20),
            "OPENBATCH_INTERRUPT_NOTICE_MS": "1500",
            "OPENBATCH_INTERRUPT_TERM_MS": "500",
            "OPENBATCH_SPOT_INTERRUPT_MEAN_S": "8",
        }
    )
    try:
        spot = work.environment(max_vcpus=40, types=("m5.xlarge",), kind="SPOT")
        queue = work.queue(spot)
        array = work.submit(
            queue,
            work.definition(["sleep", "1.5"]),
            arrayProperties={"size": MANY},
            retryStrategy={"attempts": 10},
        )
        for _ in range(2):  # nor does it matter who dies meanwhile
            time.sleep(4)
            stack.kill("scaler")
        parent = work.wait(array, timeout=180)
        assert parent["status"] == "SUCCEEDED", parent["arrayProperties"]
        jobs = work.jobs([f"{array}:{n}" for n in range(MANY)])
    finally:
        stack.change_settings(before)
    assert len(jobs) == MANY
    reasons = collections.Counter()
    for job in jobs:
        assert job["status"] == "SUCCEEDED", job
        *lost, last = job["attempts"]
        assert last["container"]["exitCode"] == 0
        assert last["statusReason"] == "Essential container in task exited"
        for attempt in lost:
            host = attempt["container"]["containerInstanceArn"].rsplit("/", 1)[1]
            assert attempt["statusReason"] == HOST.format(host)
            assert attempt["container"].get("exitCode") in (None, 143)
        reasons["lost"] += len(lost)
    interrupted = stack.sql(
        "SELECT count(*) FROM instance i JOIN compute_environment c ON c.id = i.ce_id"
        f" WHERE c.name = '{spot}' AND i.reason IN {NOTICED}"
    )
    assert int(interrupted[0][0]) >= 5
    assert reasons["lost"] > 0
    assert stack.sql("SELECT count(*) FROM inbox WHERE instance_id IS NOT NULL") == [["0"]]


class Metadata(http.server.BaseHTTPRequestHandler):
    """IMDSv2 of an instance: answers behind a token only; the first token expires at once."""

    tokens, ends_at = 0, None

    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):
        asked = int(self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "0"))
        good = self.path == "/latest/api/token" and 1 <= asked <= 21600
        type(self).tokens += good
        self.answer(200 if good else 400, f"token-{self.tokens}==")

    def do_GET(self):
        if (
            self.tokens < 2
            or self.headers.get("X-aws-ec2-metadata-token") != f"token-{self.tokens}=="
        ):
            self.answer(401)
        elif self.path != "/latest/meta-data/spot/instance-action" or not self.ends_at:
            self.answer(404)
        else:
            self.answer(200, json.dumps({"action": "terminate", "time": self.ends_at}))

    def log_message(self, *args):
        pass


def test_the_metadata_service_of_a_host_tells_of_its_interruption(short_notices, work, stack):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    before = stack.change_settings({"OPENBATCH_IMDS": url})
    try:
        queue = work.queue(work.environment(max_vcpus=2, types=("m5.large",), kind="SPOT"))
        job = work.submit(queue, work.definition(HOLD))
        host = instance_of(work.wait(job, "RUNNING"))
        wait_for("a second token", lambda: Metadata.tokens == 2)
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
        Metadata.ends_at = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        job = work.wait(job)
        assert (job["status"], job["statusReason"]) == ("FAILED", HOST.format(host))
        assert row(stack, host)[1] in NOTICED
    finally:
        stack.change_settings(before)
        server.shutdown()
        server.server_close()
