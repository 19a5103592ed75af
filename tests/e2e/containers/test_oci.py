"""The runtime `oci`: containers without a container engine. The executors of this module's
environment run jobs with crun; images come from the copy's engine, or any other place."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from stack import wait_for
from work import Work

TRAP = "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.05; done"


def sh(script, **more):
    return {"command": ["sh", "-c", script]} | more


class Oci:
    """A queue whose instances have the runtime `oci`."""

    def __init__(self, stack, batch, logs, image):
        self.stack, self.batch = stack, batch
        self.work = Work(batch, logs, image)
        self.environment = self.work.environment(max_vcpus=8)
        self.queue = self.work.queue(self.environment)

    def start(self, properties, **more):
        definition = self.work.definition(**({"memory": 32} | properties))
        return self.work.submit(self.queue, definition, **more)

    def run(self, properties, **more):
        return self.work.wait(self.start(properties, **more), timeout=120)

    def folders(self):
        """Of containers, with what they say of themselves."""
        return {
            path.parent: path.read_text() for path in (self.stack.home / "oci").glob("*/ob-*/state")
        }

    def folder_of(self, job):
        return next(path for path in self.folders() if job in path.name)

    def keeper_of(self, job):
        text = (self.folder_of(job) / "state").read_text()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("keeper")))

    def executor_of(self, job):
        instance = self.folder_of(job).parent.name
        stat = (self.stack.home / "instances" / instance / "supervise/pid").read_text()
        return int(stat)

    def is_running(self, job, line):
        described = self.work.wait(job, "RUNNING", timeout=120)
        wait_for("its first line", lambda: line in self.work.log(described))
        return described


@pytest.fixture(scope="module")
def oci(stack, batch, logs, image):
    before = stack.change_settings({"OPENBATCH_RUNTIME": "oci"})
    made = Oci(stack, batch, logs, image)
    yield made
    made.work.forget()
    stack.change_settings(before)


def test_a_job_runs_without_the_engine(oci, stack):
    job = oci.start(sh("echo one; echo two >&2; sleep 2; exit 0"))
    oci.is_running(job, "one")
    assert job not in stack.docker("ps", "--format", "{{.Names}}", check=False)
    ended = oci.work.wait(job, timeout=60)
    assert ended["status"] == "SUCCEEDED", ended
    assert sorted(oci.work.log(ended)) == ["one", "two"]


def test_an_exit_code_is_the_command_s(oci):
    ended = oci.run(sh("exit 3"))
    assert ended["status"] == "FAILED"
    assert ended["container"]["exitCode"] == 3


def test_a_lack_of_memory_is_told_apart(oci):
    ended = oci.run(sh("x=a; while :; do x=$x$x$x; done"))
    assert ended["container"]["exitCode"] == 137
    assert ended["container"]["reason"].startswith("OutOfMemoryError: ")


def test_environment_user_and_volume(oci):
    ended = oci.run(
        sh(
            "id -u; id -g; echo $A; echo $AWS_BATCH_JOB_ATTEMPT; echo kept >/v/f; cat /v/f",
            user="12:34",
            environment=[{"name": "A", "value": "b c"}],
            volumes=[{"name": "v"}],
            mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}],
            memory=64,
        )
    )
    # A new volume belongs to root, as with Docker.
    assert oci.work.log(ended)[:4] == ["12", "34", "b c", "1"]


def test_the_root_may_be_read_only(oci):
    ended = oci.run(sh("touch /tmp/x 2>&1 || true", user="12", readonlyRootFilesystem=True))
    assert "Read-only" in oci.work.log(ended)[0]


def test_long_lines_are_whole(oci):
    ended = oci.run(sh("head -c 65536 /dev/zero | tr '\\0' x; echo; echo end"))
    lines = oci.work.log(ended)
    assert [len(line) for line in lines] == [65536, 3]


def test_a_stop_has_its_grace(oci):
    job = oci.start(sh(TRAP))
    oci.is_running(job, "ready")
    oci.batch.terminate_job(jobId=job, reason="enough")
    ended = oci.work.wait(job, timeout=60)
    wait_for("its last line", lambda: oci.work.log(ended)[-1] == "told")
    assert ended["container"]["exitCode"] == 7
    assert ended["statusReason"] == "enough"


def test_a_time_limit_ends_it(oci):
    ended = oci.run(sh(TRAP), timeout={"attemptDurationSeconds": 60})
    assert ended["status"] == "FAILED"
    assert "timeout" in ended["statusReason"]


def test_what_cannot_start_says_why(oci):
    ended = oci.run({"command": ["/no/such/program"]})
    assert ended["container"]["exitCode"] == 127
    assert ended["container"]["reason"].startswith("CannotStartContainerError: ")
    assert ended["statusReason"] == "Task failed to start"


def test_containers_outlive_the_executor(oci):
    """kill -9 of the executor while jobs run: the next one adopts them; no output and no exit code
    is lost, and nothing runs twice."""
    jobs = [oci.start(sh(f"echo begin; sleep 4; echo end; exit {n}")) for n in (0, 5)]
    for job in jobs:
        oci.is_running(job, "begin")
    keepers = {job: oci.keeper_of(job) for job in jobs}
    for pid in {oci.executor_of(job) for job in jobs}:
        os.kill(pid, signal.SIGKILL)
    assert all(Path(f"/proc/{pid}").exists() for pid in keepers.values())
    ended = [oci.work.wait(job, timeout=120) for job in jobs]
    assert [job["container"].get("exitCode") for job in ended] == [0, 5]
    for job in ended:
        wait_for("all output", lambda job=job: oci.work.log(job) == ["begin", "end"])
        assert len(job["attempts"]) == 1


def test_without_its_keeper_a_container_has_no_exit_code(oci):
    job = oci.start(sh("echo begin; sleep 60"))
    oci.is_running(job, "begin")
    os.kill(oci.keeper_of(job), signal.SIGKILL)
    ended = oci.work.wait(job, timeout=60)
    assert ended["status"] == "FAILED"
    assert "exitCode" not in ended["container"]
    assert ended["container"]["reason"].startswith("CannotInspectContainerError: ")


def test_nothing_is_left(oci):
    jobs = [oci.start({"command": ["true"]}) for _ in range(20)]
    for job in jobs:
        assert oci.work.wait(job, timeout=120)["status"] == "SUCCEEDED"

    def left():
        return [path for path in oci.folders() if any(job in path.name for job in jobs)]

    wait_for("the folders to go", lambda: not left(), timeout=60)
    groups = subprocess.run(
        ["find", "/sys/fs/cgroup", "-path", "*/openbatch/*", "-name", "ob-*", "-type", "d"],
        capture_output=True,
        text=True,
    ).stdout
    assert not [job for job in jobs if job in groups]
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(oci.stack.home / "oci") not in mounts
