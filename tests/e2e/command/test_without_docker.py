"""`up` where no Docker engine answers: executors run containers themselves, and all verbs work."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from fixtures import free_ports, openbatch, own_env, reports, share_installed
from stack import ROOT, Stack, control_groups, wait_for
from work import Work

NOWHERE = "unix:///nowhere/docker.sock"
WHY = "(no Docker engine answered at the first 'up')"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="such executors run as root")


class Copy:
    """A copy of its own, made where no engine answers."""

    def __init__(self, base):
        self.home = base / "home"
        self.home.mkdir()
        self.env = own_env(self.home, free_ports()) | {"DOCKER_HOST": NOWHERE}
        share_installed(self.home)
        self.said = self.run("up")
        self.stack = Stack(self.home)
        self.work = Work(self.stack.client("batch"), self.stack.client("logs"), "openbatch/busybox")

    def run(self, *args, code=0):
        done = openbatch(self.env, *args)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def left(self):
        """What only this copy can have left on the host."""
        home = str(self.home)
        found = [path for path in (self.home, self.stack.run_dir) if path.exists()]
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
                mounts = (path / "mountinfo").read_text()
            except OSError:
                continue
            if home.encode() in words and int(path.name) != os.getpid():
                found.append(words.split(b"\0")[:3])
            found += [line for line in mounts.splitlines() if home in line]
        return found

    def groups(self, instances):
        return [group for instance in instances for group in control_groups(instance)]


@pytest.fixture(scope="module")
def copy():
    base = Path(tempfile.mkdtemp(prefix="openbatch-alone.", dir="/tmp"))
    base.chmod(0o711)
    try:
        yield Copy(base)
    finally:
        env = own_env(base / "home", free_ports())
        openbatch(env, "down", "--wipe", "--yes")
        shutil.rmtree(base, ignore_errors=True)


@as_root
def test_up_says_what_runs_containers(copy):
    line = f"none: executors run containers themselves, with crun {WHY}"
    assert line in copy.said
    status = copy.run("status")
    assert line in status
    assert "dockerd" not in status
    assert not copy.stack.pid("dockerd")
    assert not (copy.home / "docker").exists()
    assert "DOCKER_HOST" not in copy.stack.settings
    assert copy.stack.settings["OPENBATCH_RUNTIME"] == "oci"


@as_root
def test_the_first_job_needs_no_registry(copy):
    """The image that `up` makes is in the store; `run` gives the exit code, `logs` the output."""
    names = [line.split()[0] for line in copy.run("image", "list").splitlines()]
    assert "docker.io/openbatch/busybox:latest" in names
    script = ["sh", "-c", "echo out; exit 7"]
    assert copy.run("run", "--memory", "32", "openbatch/busybox", *script, code=7) == "out\n"
    [job] = [row[0] for row in copy.stack.sql("SELECT id FROM job")]
    assert copy.run("logs", "--job", job) == "out\n"


@as_root
def test_all_is_well(copy):
    said = copy.run("doctor")
    assert "all is well" in said
    assert "OPENBATCH_RUNTIME" not in copy.run("env")
    environment = copy.work.unmanaged()
    assert "export OPENBATCH_RUNTIME=oci\n" in copy.run("join", environment)
    assert "OPENBATCH_RUNTIME" not in copy.run("join", environment, "--runtime", "docker")


@as_root
def test_a_container_outlives_down(copy):
    """It runs on while nothing else does; the next `up` finds it, with all of its output."""
    queue = copy.work.queue(copy.work.environment(max_vcpus=1))
    file = copy.home.parent / "go"
    file.mkdir()
    script = (
        "echo begin; i=0; until [ -e /go/on ]; do i=$((i+1)); sleep 0.1; done; echo end; exit 3"
    )
    job = copy.work.submit(
        queue,
        copy.work.definition(
            ["sh", "-c", script],
            volumes=[{"name": "go", "host": {"sourcePath": str(file)}}],
            mountPoints=[{"sourceVolume": "go", "containerPath": "/go"}],
        ),
    )
    copy.work.wait(job, "RUNNING")
    copy.run("down")
    assert not copy.stack.pid("scheduler")
    copy.run("up")
    copy.work = Work(copy.stack.client("batch"), copy.stack.client("logs"), "openbatch/busybox")
    assert copy.work.job(job)["status"] == "RUNNING"
    (file / "on").touch()
    ended = copy.work.wait(job)
    assert ended["container"]["exitCode"] == 3, ended
    assert len(ended["attempts"]) == 1
    assert copy.work.log(ended) == ["begin", "end"]


@as_root
def test_wipe_leaves_nothing(copy):
    """Not even of a job that runs."""
    running = copy.work.submit("default", copy.work.definition(["sleep", "1000"]))
    copy.work.wait(running, "RUNNING")
    instances = {path.name for path in (copy.home / "instances").glob("i-*")}
    assert copy.groups(instances)
    said = reports(copy.home)
    copy.run("down", "--wipe", "--yes")
    wait_for("nothing to be left", lambda: not copy.left() and not copy.groups(instances), 30)
    assert not said, "sanitizers reported:\n" + "\n".join(said)


# --- the choice -----------------------------------------------------------------------------------

CHOOSE = """set -euo pipefail
. "$OB_ROOT/tools/lib.sh"
. "$OB_ROOT/tools/install.sh"
. "$OB_ROOT/tools/stack.sh"
have() { [[ $1 == curl || $1 == docker ]]; }
is_installed() { return 1; }
engine_answers() { [[ $1 == "$ANSWERS" ]]; }
[[ -z ${KERNEL:-} ]] || uname() { say "$KERNEL"; }
engine_choose
packages=$(missing_packages $(engine_kinds) | grep -xE 'docker.io|crun|skopeo|umoci' || :)
say "$OB_RUNTIME $OB_ENGINE" $packages
"""
OF_OCI = "crun skopeo umoci"
DOCKER = "unix:///var/run/docker.sock"


def choice(home, config="", user=None, **env):
    (home / "config").write_text(config)
    known = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBATCH_", "DOCKER_"))}
    known |= {"OB_ROOT": str(ROOT), "OPENBATCH_HOME": str(home), "ANSWERS": ""} | env
    done = subprocess.run(
        ["bash", "-c", CHOOSE], env=known, capture_output=True, text=True, user=user, timeout=60
    )
    return (done.stdout or done.stderr).strip()


@as_root
def test_docker_stays_the_default_where_it_answers(tmp_path):
    """Nothing of either kind is installed then; without it, what is installed is not Docker."""
    assert choice(tmp_path, ANSWERS=DOCKER) == f"docker {DOCKER}"
    assert choice(tmp_path) == f"oci none {OF_OCI}"
    assert choice(tmp_path, KERNEL="5.4.0-200") == "docker ours docker.io"


@as_root
def test_a_person_can_choose(tmp_path):
    assert choice(tmp_path, OPENBATCH_RUNTIME="docker") == "docker ours docker.io"
    chosen = {"OPENBATCH_RUNTIME": "oci"}
    assert choice(tmp_path, ANSWERS=DOCKER, **chosen) == f"oci {DOCKER} {OF_OCI}"
    assert "is not a runtime" in choice(tmp_path, OPENBATCH_RUNTIME="podman")
    known = "engine=none\nruntime=oci\n"
    assert choice(tmp_path, known, ANSWERS=DOCKER) == f"oci none {OF_OCI}"
    assert choice(tmp_path, known, OPENBATCH_RUNTIME="docker") == "docker ours docker.io"


@as_root
def test_a_copy_of_before_goes_on_as_it_was(tmp_path):
    """It has no word of its runtime."""
    assert choice(tmp_path, "engine=ours\n") == "docker ours docker.io"
    assert choice(tmp_path, f"engine={DOCKER}\n", ANSWERS=DOCKER) == f"docker {DOCKER}"
    assert "does not answer" in choice(tmp_path, f"engine={DOCKER}\n")


@as_root
def test_others_than_root_need_docker():
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        home = Path(base)
        home.chmod(0o711)
        (home / "tools").mkdir()
        for name in ("lib.sh", "install.sh", "kafka.sh", "secrets.sh", "stack.sh", "packages.txt"):
            shutil.copy(ROOT / "tools" / name, home / "tools")
        who = {"user": "nobody", "OB_ROOT": base}
        assert "start Docker" in choice(home, **who)
        assert "needs root" in choice(home, OPENBATCH_RUNTIME="oci", **who)
        assert choice(home, ANSWERS=DOCKER, **who) == f"docker {DOCKER}"
