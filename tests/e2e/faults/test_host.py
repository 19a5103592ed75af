"""Changes of the host: its clock is set, its disk is full, its settings change while clients call.
Longer tests are in tests/faults."""

import contextlib
import datetime
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import botocore.config
import botocore.exceptions
import pytest
from stack import HOLD, ROOT, assert_promised, freeze, wait_for


def healthz(stack):
    """(status, object) of GET /healthz."""
    code, text = stack.healthz()
    return code, json.loads(text)


# --- logs ---------------------------------------------------------------------------------------


def test_the_logger_reads_on_when_it_cannot_write(stack, tmp_path):
    """Nobody who logs waits for room on a disk; what was dropped is counted, once there is room."""
    current = tmp_path / "current"
    current.symlink_to("/dev/full")
    logger = subprocess.Popen(
        [stack.build / "tools/logger/openbatch-logger", tmp_path], stdin=subprocess.PIPE, text=True
    )
    writer = threading.Thread(target=lambda: logger.stdin.write("a line\n" * 300_000))
    writer.start()
    writer.join(60)
    assert not writer.is_alive(), "the logger does not read"
    logger.stdin.flush()
    time.sleep(0.2)  # what is in the pipe meets the full disk
    current.unlink()
    logger.stdin.write("there is room\n")
    logger.stdin.close()
    assert logger.wait(30) == 0
    first, *rest = current.read_text().splitlines()
    assert first.startswith("openbatch-logger: "), first
    assert first.endswith(" lines were dropped: No space left on device"), first
    dropped = int(first.split()[1])
    assert dropped + rest.count("a line") == 300_000
    assert rest[-1] == "there is room"


def test_the_logger_keeps_files_of_ten_megabytes(stack, tmp_path):
    line = "x" * 99 + "\n"
    subprocess.run(
        [stack.build / "tools/logger/openbatch-logger", tmp_path],
        input=line * 250_000,
        text=True,
        check=True,
        timeout=120,
    )
    old = sorted(tmp_path.glob("@*.s"))
    sizes = [path.stat().st_size for path in [*old, tmp_path / "current"]]
    assert len(old) == 2 and sum(sizes) == 25_000_000, sizes
    assert all(10_000_000 <= size < 10_600_000 for size in sizes[:2]), sizes


# --- the clock ----------------------------------------------------------------------------------

SUBMIT = """
import json, sys, boto3
batch = boto3.client("batch")
queue, definition = sys.argv[1:]
for n in range(3):
    print(batch.submit_job(jobName=f"clock-{n}", jobQueue=queue, jobDefinition=definition)["jobId"])
"""


@pytest.fixture
def clock(stack, tmp_path):
    """The api runs with a wall clock that clock(seconds) sets ahead; others have the true one."""
    library, ahead = tmp_path / "clock_ahead.so", tmp_path / "ahead"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", library, ROOT / "tests/fakes/clock_ahead.c"], check=True
    )
    ahead.write_text("0")
    preload = {"LD_PRELOAD": str(library), "OB_TEST_CLOCK": str(ahead)}
    before = stack.change_settings(
        preload | {"ASAN_OPTIONS": "verify_asan_link_order=0:abort_on_error=0"}
    )

    def run(*command):
        """Runs with the api's clock: a signature has to be of its time."""
        done = subprocess.run(
            command,
            env=os.environ | stack.env | preload,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout.split()

    def set_clock(seconds):
        ahead.write_text(str(seconds))

    set_clock.run = run
    try:
        yield set_clock
    finally:
        ahead.write_text("0")
        stack.change_settings(before)


def test_a_clock_set_ahead_and_back_leaves_nothing_behind(stack, batch, work, clock):
    """Ids rise, createdAt is what the clock said, filters by it find what it says, and health
    tells that the clock was set."""
    queue = work.queue(work.environment(max_vcpus=4))
    definition = work.definition(HOLD, vcpus=64)  # never runs: nothing has to be waited for
    ids, said = [], []
    for ahead in (0, 3600, 0):
        clock(ahead)
        ids.append(clock.run(sys.executable, "-c", SUBMIT, queue, definition))
        said.append(time.time() + ahead)
    assert sum(ids, []) == sorted(sum(ids, [])), "ids do not rise"
    at = {
        job["jobId"]: job["createdAt"] / 1000
        for job in batch.describe_jobs(jobs=sum(ids, []))["jobs"]
    }
    for group, now in zip(ids, said, strict=True):
        assert all(abs(at[job] - now) < 120 for job in group), (at, said)

    def listed(name, seconds):
        found = batch.list_jobs(
            jobQueue=queue, filters=[{"name": name, "values": [str(round(seconds * 1000))]}]
        )
        return {job["jobId"] for job in found["jobSummaryList"]}

    now = time.time()
    assert listed("BEFORE_CREATED_AT", now + 600) == {*ids[0], *ids[2]}
    assert listed("AFTER_CREATED_AT", now + 600) == {*ids[1]}
    assert listed("AFTER_CREATED_AT", now - 600) == {*sum(ids, [])}
    jump = healthz(stack)[1]["info"]["clockJump"]
    assert abs(jump["byMs"] + 3_600_000) < 5000, jump


# --- settings -----------------------------------------------------------------------------------


class Callers:
    """Threads that ask for /healthz again and again, each time on a new connection."""

    def __init__(self, endpoint, threads=4):
        url = urllib.parse.urlsplit(endpoint)
        self.host, self.port = url.hostname, url.port
        self.ending, self.failed, self.answers = threading.Event(), [], 0
        self.threads = [threading.Thread(target=self._call) for _ in range(threads)]

    def _call(self):
        while not self.ending.is_set():
            connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
            try:
                connection.request("GET", "/healthz", headers={"Connection": "close"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failed.append(answer.status)
                self.answers += 1
            except (OSError, http.client.HTTPException) as err:
                self.failed.append(repr(err))
            finally:
                connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join(90)


def test_the_api_begins_anew_without_refusing_anybody(stack):
    """After SIGHUP the same process runs the program again, with the settings of now; whoever calls
    meanwhile gets an answer."""
    pid, started = stack.pid("api"), stack.home / "sv/api/started"
    environ = stack.home / "env"
    before = environ.read_text()
    try:
        with Callers(stack.endpoint) as callers:
            wait_for("callers", lambda: callers.answers > 20, 30)
            for n in range(3):
                was = started.read_text()
                environ.write_text(f"{before}OPENBATCH_API_THREADS={100 + n}\n")
                os.kill(pid, signal.SIGHUP)
                wait_for("the run script", lambda was=was: started.read_text() != was, 60)
                told = callers.answers
                wait_for("answers again", lambda told=told: callers.answers > told + 20, 60)
        assert callers.failed == []
        assert stack.pid("api") == pid
        settings = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"OPENBATCH_API_THREADS=102" in settings.split(b"\0")
    finally:
        environ.write_text(before)
        os.kill(stack.pid("api"), signal.SIGHUP)
        wait_for("the api", lambda: stack.is_well("api"), 60)


def keeps_open(connection):
    """Does the api keep this connection open for another request? It is asked, and answers."""
    connection.request("HEAD", "/healthz")
    with connection.getresponse() as answer:
        return answer.getheader("Connection") == "keep-alive"


def test_a_connection_that_is_kept_open_is_answered_to_its_end(stack):
    """A request that is on its way when the api begins anew is answered; then the connection is
    closed in good order."""
    url = urllib.parse.urlsplit(stack.endpoint)
    pid = stack.pid("api")
    was = (stack.home / "sv/api/started").read_text()
    with contextlib.closing(socket.create_connection((url.hostname, url.port), 30)) as sock:
        head = b"POST /v1/listjobs HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
        sock.sendall(head + b"{")
        with contextlib.closing(http.client.HTTPConnection(url.hostname, url.port, 30)) as other:
            keeps_open(other)
            os.kill(pid, signal.SIGHUP)
            wait_for("the api to hear of it", lambda: not keeps_open(other), 60, every=0.01)
        sock.sendall(b"}")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 403"), answer
    assert b"Connection: close" in answer, answer
    wait_for("the run script", lambda: (stack.home / "sv/api/started").read_text() != was, 60)
    wait_for("the api", lambda: stack.is_well("api"), 60)


def test_sigterm_ends_an_api_that_is_to_begin_anew(stack):
    """While it still serves a request of before; its supervisor starts another."""
    url = urllib.parse.urlsplit(stack.endpoint)
    pid = stack.pid("api")
    with contextlib.closing(socket.create_connection((url.hostname, url.port), 30)) as sock:
        sock.sendall(b"POST /v1/listjobs HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        with contextlib.closing(http.client.HTTPConnection(url.hostname, url.port, 30)) as other:
            keeps_open(other)
            os.kill(pid, signal.SIGHUP)
            wait_for("the api to hear of it", lambda: not keeps_open(other), 60, every=0.01)
        os.kill(pid, signal.SIGTERM)
        wait_for("its end", lambda: stack.pid("api") != pid, 60)
    wait_for("the api", lambda: stack.is_well("api"), 60)


# --- a job's log stream -------------------------------------------------------------------------


def test_a_stream_is_there_once_describe_jobs_names_it(batch, logs, work):
    """Also when the job has written nothing."""
    queue = work.queue(work.environment())
    job_id = work.submit(queue, work.definition(HOLD))
    job = wait_for(
        "the name of its stream",
        lambda: (job := work.job(job_id)) and "logStreamName" in job["container"] and job,
        180,
        every=0.01,
    )
    name = job["container"]["logStreamName"]
    found = logs.describe_log_streams(logGroupName="/aws/batch/job", logStreamNamePrefix=name)
    assert [stream["logStreamName"] for stream in found["logStreams"]] == [name]
    events = logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=name)
    assert events["events"] == []
    made = datetime.datetime.fromtimestamp(found["logStreams"][0]["creationTime"] / 1000)
    assert abs((datetime.datetime.now() - made).total_seconds()) < 120
    batch.terminate_job(jobId=job_id, reason="the test is over")


# --- nobody reads, no room ----------------------------------------------------------------------


@contextlib.contextmanager
def stopped_logger(stack, service):
    """The logger of a service stands still, and its pipe is full."""
    pid = stack.pid(f"{service}/log")
    pipe = os.open(f"/proc/{stack.pid(service)}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    freeze(pid)
    try:
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, b"filled by a test\n" * 200)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, b"\n")
        yield
    finally:
        os.close(pipe)
        os.kill(pid, signal.SIGCONT)


def test_nobody_waits_for_a_logger_that_does_not_read(stack, batch):
    """The api answers on; lines are dropped and counted, and the log says so when it is read."""
    before = stack.change_settings({"OPENBATCH_LOG_LEVEL": "debug"})
    try:
        with stopped_logger(stack, "api"):
            for _ in range(50):
                batch.describe_job_queues()
            dropped = healthz(stack)[1]["info"]["logLinesDropped"]
            assert dropped >= 50
        log = stack.home / "log/api/current"

        def said():
            batch.describe_job_queues()
            return '"event":"log.dropped","lines":' in log.read_text()

        wait_for("the count in the log", said, 30)
    finally:
        stack.change_settings(before)


def test_a_full_disk_is_said_and_no_job_is_accepted(stack, batch, work, tmp_path):
    """healthz and `status` name it, SubmitJob answers 503 at once; with room again all is well."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]).returncode:
        pytest.skip("may not mount a small file system")
    queue, definition = work.queue(work.environment()), work.definition(["true"])
    impatient = stack.client(
        "batch", config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=30)
    )
    before = stack.change_settings({"OPENBATCH_DISKS": f"trial={folder}"})
    try:
        (folder / "filler").write_bytes(b"1" * (8 << 20))
        code, said = wait_for(
            "healthz to name the disk", lambda: (h := healthz(stack))[0] == 503 and h, 30
        )
        text = f"the disk with {folder} (trial) is full: 0 MiB free"
        assert said["depends"]["disk"]["text"] == text, (code, said)
        took = []
        for _ in range(5):
            begin = time.monotonic()
            with pytest.raises(botocore.exceptions.ClientError) as caught:
                impatient.submit_job(jobName="full", jobQueue=queue, jobDefinition=definition)
            took.append(time.monotonic() - begin)
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
            assert caught.value.response["Error"]["Code"] == "ServerException"
        assert_promised(took, 2)
        shown = subprocess.run(
            [ROOT / "openbatch", "status"], capture_output=True, text=True, timeout=120
        ).stdout
        assert f"disk: {text}" in shown, shown
        (folder / "filler").unlink()
        wait_for("the api to be well", lambda: healthz(stack)[0] == 200, 30)
        work.wait(work.submit(queue, definition), "SUCCEEDED")
    finally:
        stack.change_settings(before)
        subprocess.run(["umount", folder], check=False)
