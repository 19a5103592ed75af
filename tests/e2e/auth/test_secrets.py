"""Secrets of the copy and of jobs are in no log, in no list of processes and in no core file."""

import base64
import contextlib
import os
import resource
import signal
import subprocess
import uuid
from pathlib import Path

import pytest
from stack import wait_for

CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
LEAST = 12  # bytes; shorter ones would be found by chance


@pytest.fixture(scope="module")
def secrets(stack):
    """What nobody may read: name -> its bytes."""
    files = [*(stack.home / "secrets").rglob("*"), *(stack.home / "instances").glob("*/token")]
    found = {str(path): path.read_bytes().strip() for path in files if path.is_file()}
    found["the secret of the root key"] = stack.env["AWS_SECRET_ACCESS_KEY"].encode()
    return {name: value for name, value in found.items() if len(value) >= LEAST}


def forms(value):
    return {value, value.hex().encode(), base64.b64encode(value).rstrip(b"=")}


def leaks(data, secrets):
    return [name for name, value in secrets.items() if any(form in data for form in forms(value))]


def test_no_log_has_a_secret(stack, shared_work, queue, secrets):
    word = f"secret-{uuid.uuid4()}"
    hidden = shared_work.definition(
        ["sh", "-c", "test -n $WORD"], environment=[{"name": "WORD", "value": word}]
    )
    fails = shared_work.definition(
        ["no-such-program"], environment=[{"name": "WORD", "value": word}]
    )
    shared_work.wait_all([shared_work.submit(queue, d) for d in (hidden, fails)])
    searched = secrets | {"a job's environment": word.encode()}
    assert len(searched) > 4
    logs = [path for path in (stack.home / "log").rglob("*") if path.is_file()]
    assert any("scheduler" in str(path) for path in logs)
    for path in logs:
        assert leaks(path.read_bytes(), searched) == [], path


def test_no_list_of_processes_has_a_secret(stack, secrets):
    lines = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines[process.name] = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
    assert str(stack.pid("api")) in lines
    for pid, line in lines.items():
        assert leaks(line, secrets) == [], (pid, line)


def core_of(pid, folder, end):
    """The core file of a process that SIGABRT ends, or b"" when there is none."""
    limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    with contextlib.suppress(PermissionError):  # another user's: it keeps the limit that it has
        resource.prlimit(pid, resource.RLIMIT_CORE, limit)
    os.kill(pid, signal.SIGABRT)
    end(pid)
    path = folder / f"core.{pid}"
    data = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)
    return data


@pytest.fixture
def cores(tmp_path):
    """A folder that gets all core files of this host."""
    if not os.access(CORE_PATTERN, os.W_OK):
        pytest.skip("this user cannot say where core files go")
    before = CORE_PATTERN.read_text()
    tmp_path.chmod(0o777)
    CORE_PATTERN.write_text(f"{tmp_path}/core.%p\n")
    yield tmp_path
    CORE_PATTERN.write_text(before)


def test_no_core_file_has_a_secret(stack, shared_work, queue, secrets, cores):
    """A process that does not hide its memory shows that the test would see it."""
    word = f"secret-{uuid.uuid4()}"
    careless = subprocess.Popen(["sh", "-c", f"WORD={word}; sleep 600; echo $WORD"])
    assert word.encode() in core_of(careless.pid, cores, lambda pid: careless.wait(60))

    job = shared_work.submit(queue, shared_work.definition(["sleep", "5"]))
    wait_for("the job to run", lambda: shared_work.job(job)["status"] == "RUNNING")
    executor = shared_work.job(job)["container"]["containerInstanceArn"].split("/")[-1]
    # The executor first: it goes when its job has ended.
    for service in (executor, "api", "scheduler", "scaler", "postgres", "kafka", "redis"):
        data = core_of(
            stack.pid(service),
            cores,
            lambda pid: wait_for("its end", lambda: not Path(f"/proc/{pid}").exists(), 60),
        )
        assert leaks(data, secrets) == [], service
        wait_for(f"{service} to be back", lambda s=service: stack.pid(s) not in (None, 0), 60)
    assert shared_work.wait(job, timeout=120)["status"] == "SUCCEEDED"
