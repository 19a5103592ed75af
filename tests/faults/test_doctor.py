"""`./openbatch doctor` names each fault while it is there, says what it means for jobs and what to
do, and finds all well afterwards. Each kind of fault is injected for a few seconds."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from harm import Harm, settle
from stack import HOLD, ROOT, freeze, wait_for
from work import Work


def doctor(stack):
    """(exit status, findings) of one call."""
    done = stack.openbatch("doctor", "--json", timeout=120)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    assert done.returncode == (0 if said["ok"] else 1), done
    return done.returncode, said["findings"]


def named(stack, part, text, level="problem"):
    """Until the doctor names it so; returns the finding."""

    def look():
        found = doctor(stack)[1]
        look.last = found
        return [
            f for f in found if f["part"] == part and text in f["wrong"] and f["level"] == level
        ]

    try:
        finding = wait_for(f"{part}: {text}", look, 60)[0]
    except AssertionError as err:
        raise AssertionError(f"{err}; it says {look.last}") from None
    assert finding["means"] and finding["do"]
    return finding


def problems(stack):
    return [f for f in doctor(stack)[1] if f["level"] == "problem"]


@pytest.fixture
def harm(stack):
    """Afterwards the doctor finds nothing wrong any more."""
    settle(stack)
    wait_for("all to be well at first", lambda: not problems(stack), 120)
    yield Harm(stack)
    settle(stack)
    wait_for("all to be well again", lambda: not problems(stack), 120)


@pytest.fixture
def work(stack):
    made = Work(stack.client("batch"), stack.client("logs"), "openbatch/busybox")
    yield made
    made.forget()


@contextlib.contextmanager
def down(stack, part):
    """A part that does not run, and that the supervisor does not start."""
    folder = stack.home / "sv" / part
    subprocess.run(["sv", "-w", "20", "force-stop", folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["sv", "up", folder], check=True, capture_output=True)


def test_all_is_well_and_is_said_in_words(stack, harm):
    done = stack.openbatch("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("all is well")


def test_each_finding_has_three_lines(stack, harm):
    with down(stack, "redis"):
        done = stack.openbatch("doctor")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = lines.index("✗ redis: redis does not run: it was stopped by hand")
    assert lines[at + 1].startswith("    means: nothing: its figures are rebuilt")
    assert lines[at + 2].startswith("    do:    sv up ")


def of_engine(part):
    return pytest.param(part, marks=pytest.mark.docker("there is no engine"))


@pytest.mark.parametrize(
    "part", ["postgres", "redis", "kafka", of_engine("dockerd"), "api", "scheduler", "scaler"]
)
def test_a_part_that_does_not_run_is_named(stack, harm, part):
    with down(stack, part):
        named(stack, part, f"{part} does not run")
        if part in ("postgres", "redis", "kafka"):
            named(stack, part, "does not answer")


@pytest.mark.parametrize(
    "part",
    [
        *("postgres", "redis", "kafka", "api", "scheduler", "scaler"),
        *(of_engine(part) for part in ("dockerd", "containerd")),
    ],
)
def test_a_part_that_stands_still_is_named(stack, harm, part):
    with harm.stopped(part) as pids:
        finding = named(stack, part, "stands still")
        assert finding["do"] == f"kill -CONT {pids[0]}"


def test_a_part_that_was_killed_is_noted(stack, harm):
    """The supervisor has it back in a second; the doctor says that it was started again."""
    wait_for(
        "a supervisor that is older",
        lambda: time.time() - os.stat(stack.home / "runsvdir.pid").st_mtime > 65,
        70,
        1,
    )
    harm.wait_back("scheduler", harm.kill("scheduler"))
    settle(stack)
    named(stack, "scheduler", "was started again", level="note")


@pytest.mark.docker("there is no engine")
def test_containerd_that_is_gone_is_named(stack, harm):
    """dockerd cannot start it again while it stands still itself."""
    with harm.stopped("dockerd"):
        harm.kill("containerd")
        named(stack, "containerd", "containerd is away")
        named(stack, "dockerd", "no answer to /_ping within 5 s: it hangs")


def test_an_executor_that_stands_still_or_is_gone_is_named(stack, harm, work):
    work.submit(work.queue(work.environment()), work.definition(HOLD))
    name = wait_for("an instance", lambda: stack.instances())[0]
    wait_for("its executor", lambda: stack.health(f"executor-{name}"), 60)
    with harm.stopped("executor"):
        named(stack, "executor", f"the executor of {name} (process")
    folder = stack.home / "instances" / name
    subprocess.run(["sv", "-w", "20", "force-stop", folder], check=True, capture_output=True)
    named(stack, "executor", f"the executor of {name} does not run")
    subprocess.run(["sv", "up", folder], check=True)


def test_a_logger_that_does_not_read_is_named(stack, harm):
    pid = stack.pid("kafka/log")
    freeze(pid)
    try:
        named(stack, "kafka", "nobody reads what kafka logs")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_port_that_somebody_has_is_named(stack, harm):
    port = int(stack.settings["OPENBATCH_PORT"])
    with down(stack, "api"), socket.create_server(("127.0.0.1", port)):
        named(stack, "api", f"port {port} is taken by")


def test_redis_without_memory_is_named(stack, harm):
    def redis(*words):
        subprocess.run(
            ["redis-cli", "-s", stack.run_dir / "redis.sock", *words],
            check=True,
            capture_output=True,
        )

    redis("config", "set", "maxmemory", "1")
    try:
        named(stack, "redis", "refuses writes (OOM)")
    finally:
        redis("config", "set", "maxmemory", "0")


def test_a_transaction_that_holds_others_up_is_named(stack, harm):
    """It keeps the api from storing output, too."""
    with stack.transaction("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE"):
        waiting = subprocess.Popen(
            stack.psql("-c", "SELECT count(*) FROM job_queue"), stdout=subprocess.DEVNULL
        )
        try:
            named(stack, "postgres", "holds up")
        finally:
            waiting.kill()
            waiting.wait()


def test_output_that_nobody_reads_is_named(stack, harm, work):
    queue, definition = work.queue(work.environment()), work.definition(["echo", "said"])
    # Nothing may hold the reader up that the doctor names instead, as the cause.
    stack.sql("ALTER TABLE log_stream RENAME TO log_stream_away")
    try:
        work.submit(queue, definition)
        named(stack, "api", "nobody reads batch.logs")
    finally:
        stack.sql("ALTER TABLE log_stream_away RENAME TO log_stream")


def test_access_rules_that_are_missing_are_named(stack, harm):
    admin = AdminClient(stack.kafka("admin"))
    one = AclBindingFilter(
        ResourceType.TOPIC,
        "batch.demand",
        ResourcePatternType.LITERAL,
        "User:scaler",
        None,
        AclOperation.READ,
        AclPermissionType.ANY,
    )
    removed = next(iter(admin.delete_acls([one]).values())).result(timeout=30)
    assert len(removed) == 1
    try:
        named(stack, "kafka", "access rules are missing")
    finally:
        for made in admin.create_acls(removed).values():
            made.result(timeout=30)


def test_a_schema_of_another_version_is_named(stack, harm):
    stack.sql("INSERT INTO schema_migration VALUES (99, 'of_a_newer_version', '')")
    try:
        named(stack, "schema", "the database has schema 99")
    finally:
        stack.sql("DELETE FROM schema_migration WHERE version = 99")


@pytest.mark.parametrize("fault", ["missing", "empty", "open"])
def test_a_secret_that_cannot_work_is_named(stack, harm, fault):
    file = stack.home / "secrets/root.key"
    text = file.read_text()
    try:
        if fault == "missing":
            file.unlink()
            named(stack, "secrets", "root.key cannot be read: No such file or directory")
        elif fault == "empty":
            file.write_text("")
            named(stack, "secrets", "root.key is empty")
        else:
            file.chmod(0o644)
            named(stack, "secrets", "may be read by other users (mode 644)")
    finally:
        file.write_text(text)
        file.chmod(0o600)


def test_a_setting_that_cannot_work_is_named(stack, harm):
    file = stack.home / "env"
    before = file.read_text()
    file.write_text(f"{before}OPENBATCH_API_THREADS=many\nOPENBATCH_LOST_AFTER_MS=1500\n")
    try:
        assert "OPENBATCH_API_THREADS" in named(stack, "settings", "OPENBATCH_API_THREADS")["wrong"]
        named(stack, "settings", "OPENBATCH_LOST_AFTER_MS=1500 is less than three times")
    finally:
        file.write_text(before)


def test_an_environment_that_is_invalid_is_named(stack, harm, work):
    name = work.environment(max_vcpus=1000, types=("m5.24xlarge",), status="INVALID")
    named(stack, "environment", f"compute environment {name} is INVALID")


def test_jobs_that_wait_are_named_with_their_reason(stack, harm, work):
    """One that no instance can ever run is a problem; one that waits for others is a note."""
    queue = work.queue(work.environment(max_vcpus=2))
    batch = stack.client("batch")
    for vcpus in (1, 1, 2):
        work.submit(queue, work.definition(HOLD, vcpus=vcpus))
    named(stack, "jobs", f"jobs of 2 vCPUs, 64 MiB, 0 GPUs in queue {queue} wait: ", level="note")
    work.submit(queue, work.definition(HOLD, vcpus=64))
    named(stack, "jobs", "wait: MISCONFIGURATION:")
    for job in batch.list_jobs(jobQueue=queue, jobStatus="RUNNABLE")["jobSummaryList"]:
        batch.terminate_job(jobId=job["jobId"], reason="the test is over")


def test_a_publisher_that_makes_no_progress_is_named(stack, harm, work):
    queue, definition = work.queue(work.environment()), work.definition()
    with stack.transaction("UPDATE publisher SET n = n"):
        work.submit(queue, definition)
        named(stack, "publisher", "events are not published: publishing has made no progress for")


def test_a_disk_that_is_full_is_named(stack, harm, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    before = stack.change_settings({"OPENBATCH_DISKS": f"PostgreSQL={folder}"})
    try:
        with contextlib.suppress(OSError):
            (folder / "filler").write_bytes(b"1" * (9 << 20))
        named(stack, "disk", f"the disk with {folder} (PostgreSQL) is full: 0 MiB free")
    finally:
        stack.change_settings(before)
        subprocess.run(["umount", folder], check=False)


def test_a_clock_that_was_set_is_named(stack, harm, tmp_path):
    """The api's clock is set ahead by ten minutes, and then back."""
    library, ahead = tmp_path / "clock_ahead.so", tmp_path / "ahead"
    source = ROOT / "tests/fakes/clock_ahead.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    ahead.write_text("0")
    before = stack.change_settings(
        {
            "LD_PRELOAD": library,
            "OB_TEST_CLOCK": ahead,
            "ASAN_OPTIONS": "verify_asan_link_order=0:abort_on_error=0",
        }
    )
    try:
        ahead.write_text("600")
        named(stack, "clock", "the clock was set by +600 s")
        named(stack, "clock", "the clock of api is 600 s ahead of this host's")
    finally:
        stack.change_settings(before)


def test_a_copy_that_is_down_is_said_to_be_down(stack):
    stack.openbatch("down")
    try:
        finding = named(stack, "supervisor", "does not run, nor does anything else")
        assert finding["do"] == "./openbatch up"
    finally:
        assert stack.openbatch("up").returncode == 0
