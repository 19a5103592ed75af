"""The fixtures of fault tests, for tests/faults and for the short ones in tests/e2e."""

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import checker
import pytest
from crash_case import Case
from crash_recipes import OF_POINT
from harm import settle
from stack import ROOT, Stack, wait_for
from trial import Trial
from work import Work


@contextlib.contextmanager
def on(stack, folder, session):
    if not stack.pid("dockerd"):
        pytest.skip("faults are done to a copy with a container engine of its own only")
    settle(stack)
    one, failed = Trial(stack, folder), session.testsfailed
    try:
        yield one
    finally:
        one.forget()
    assert one.checked or session.testsfailed > failed, "the test did not prove the promise"


@pytest.fixture
def trial(stack, tmp_path, request):
    """A queue, what is recorded, the faults; check() proves the promise. A test that does not come
    to check() has failed."""
    with on(stack, tmp_path, request.session) as one:
        yield one


# Each crash has its own kind of work: what that has nothing for is not looked at.
ALWAYS = {
    "what_was_answered_is_durable",
    "every_job_has_ended",
    "every_job_has_one_end",
    "one_terminal_event_is_told",
    "at_most_one_run_has_succeeded",
}


@pytest.fixture(scope="session")
def crash_queue(stack):
    """A queue that all crashes share, so that each finds a warm instance."""
    if "OPENBATCH_CRASH_FILE" not in stack.settings or not stack.pid("dockerd"):
        pytest.skip("for a copy of the tests' own, whose services may die at crash points")
    work = Work(stack.client("batch"), stack.client("logs"), "openbatch/busybox")
    yield work.queue(work.environment(max_vcpus=4))
    work.forget()


@pytest.fixture
def crash(stack, tmp_path, crash_queue):
    """crash(point, side): some service dies there, work goes on, and the checker judges it."""
    settle(stack)
    cases = []

    def run(point, side):
        case = Case(stack, tmp_path, crash_queue, point, side)
        cases.append(case)
        OF_POINT[point](case)
        assert case.died, "no process came to the point"
        for service in ("api", "scheduler", "scaler"):
            wait_for(service, lambda s=service: stack.pid(s), 60)
        case.one_job()  # work goes on
        case.wait_all(180)
        case.check(may_be_empty=set(checker.PROPERTIES) - ALWAYS)

    yield run
    for case in cases:
        case.disarm()
        case.forget()


def mount(at, options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", at], check=True)


def own_env(home, port):
    """The environment in which ./openbatch works on another copy."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")} | {
        "OPENBATCH_HOME": str(home),
        "OPENBATCH_PORT": str(port),
    }
    if (Path(os.environ["OPENBATCH_HOME"]) / "build-asan").exists():
        env["OPENBATCH_SANITIZE"] = "1"
    return env


def share_installed(home):
    """What is installed and built for the main copy serves another one, too."""
    of_main = Path(os.environ["OPENBATCH_HOME"])
    (home / "kafka").mkdir()
    for name in ("venv", "node_modules", "build", "build-asan", "kafka/libs"):
        if (of_main / name).exists():
            (home / name).symlink_to((of_main / name).resolve())


def openbatch(env, *args):
    return subprocess.run(
        [ROOT / "openbatch", *args], env=env, capture_output=True, text=True, timeout=600
    )


@pytest.fixture(scope="session")
def small_copy():
    """Another copy, whose home and whose logs have small file systems of their own that can be
    full: its Stack."""
    home = Path(tempfile.mkdtemp(prefix="openbatch-small.", dir="/tmp"))
    mount(home, "size=1500m,mode=711")
    (home / "log").mkdir(mode=0o700)
    mount(home / "log", "size=24m,mode=700")
    env = own_env(home, free_ports())
    share_installed(home)
    # A container engine of its own, whichever else answers.
    (home / "config").write_text("made=for the fault tests\nengine=ours\n")
    try:
        subprocess.run([ROOT / "openbatch", "up"], check=True, env=env, timeout=600)
        yield Stack(home)
    finally:
        subprocess.run(["umount", "-l", home / "log"], check=False)
        subprocess.run([ROOT / "openbatch", "down", "--wipe", "--yes"], env=env, check=False)
        subprocess.run(["umount", "-l", home], check=False)
        with contextlib.suppress(OSError):
            home.rmdir()


@pytest.fixture
def small_trial(small_copy, tmp_path, request):
    """A trial on the small copy."""
    with on(small_copy, tmp_path, request.session) as one:
        yield one


def free_ports():
    """The first of twenty ports that nobody listens on."""
    for port in range(24000, 32000, 20):
        listening = subprocess.run(
            ["ss", "-Hltn", f"sport >= :{port} and sport < :{port + 20}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if not listening.strip():
            return port
    raise AssertionError("there are no twenty free ports in a row between 24000 and 32000")
