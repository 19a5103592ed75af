"""The fixtures of fault tests, for tests/faults and for the short ones in tests/e2e."""

import contextlib
import os
import re
import socket
import subprocess
import tempfile
from pathlib import Path

import checker
import pytest
from crash_case import Case
from crash_recipes import OF_POINT
from harm import settle
from null_trial import NullTrial
from other_host import OtherHost
from stack import ROOT, Stack, wait_for
from trial import Trial
from work import Work


def has_own_containers(stack):
    """What runs its containers is the copy's own: a Docker engine, or the executors themselves."""
    return bool(stack.pid("dockerd")) or stack.runtime == "oci"


def leave_out(items):
    """Leaves out what is marked for the other runtime than that of the copy under test."""
    env = Path(os.environ.get("OPENBATCH_HOME", "/nonexistent")) / "env"
    if not env.exists():
        return
    is_oci = re.search(r"^OPENBATCH_RUNTIME='?oci'?$", env.read_text(), re.MULTILINE)
    for item in items:
        if marker := item.get_closest_marker("docker" if is_oci else "oci"):
            item.add_marker(pytest.mark.skip(reason=marker.args[0]))


def add_markers(config):
    config.addinivalue_line("markers", "docker(why): of what only a Docker engine has")
    config.addinivalue_line("markers", "oci(why): of what only executors without an engine have")


@contextlib.contextmanager
def on(stack, folder, session, kind=Trial):
    if not has_own_containers(stack):
        pytest.skip("faults are done to a copy with a container engine of its own, or without any")
    settle(stack)
    one, failed = kind(stack, folder), session.testsfailed
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


SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:")
SILENCE_MS = 15000  # after which an instance of the null copy is LOST

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
    if "OPENBATCH_CRASH_FILE" not in stack.settings or not has_own_containers(stack):
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
    (home / "kafka").mkdir(exist_ok=True)
    for name in ("venv", "node_modules", "build", "build-asan", "kafka/libs", "web"):
        if (of_main / name).exists():
            (home / name).symlink_to((of_main / name).resolve())


def openbatch(env, *args):
    return subprocess.run(
        [ROOT / "openbatch", *args], env=env, capture_output=True, text=True, timeout=600
    )


ENGINES = {
    "docker": "engine=ours\n",  # whichever else answers
    "oci": "engine=none\nruntime=oci\n",
}


@contextlib.contextmanager
def another_copy(mounts, config="", port=None, runtime="docker", **settings):
    """A copy in a folder of its own, with small file systems that can be full: {folder: options of
    its tmpfs}, the home's own first. Its Stack. {home} in 'config' and in settings is its home."""
    home = Path(tempfile.mkdtemp(prefix="openbatch-small.", dir="/tmp"))
    env = own_env(home, port or free_ports())
    env |= {name: value.format(home=home) for name, value in settings.items()}
    folders = [home / name for name in mounts]
    try:
        for folder, options in zip(folders, mounts.values(), strict=True):
            folder.mkdir(exist_ok=True)
            mount(folder, options)
        share_installed(home)
        lines = f"made=for the fault tests\n{ENGINES[runtime]}{config}"
        (home / "config").write_text(lines.format(home=home))
        subprocess.run([ROOT / "openbatch", "up"], check=True, env=env, timeout=600)
        yield Stack(home)
    finally:
        openbatch(env, "down")
        said = reports(home)
        for folder in folders[1:]:
            if folder.name not in ("docker", "oci"):  # containers are there, until they are wiped
                subprocess.run(["umount", "-l", folder], check=False)
        openbatch(env, "down", "--wipe", "--yes")
        subprocess.run(["umount", "-l", home], check=False)
        with contextlib.suppress(OSError):
            home.rmdir()
    assert not said, "sanitizers reported:\n" + "\n".join(said)


def reports(home):
    """What sanitizers have said in the logs of a copy's services."""
    found = []
    for path in (home / "log").glob("*/*"):
        lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
        for n, line in enumerate(lines):
            if SANITIZER.search(line):
                found += [str(path), *lines[n : n + 25]]
    return found


# What runs containers has file systems of its own, too.
SMALL = {
    "docker": {"docker": "size=1000m,mode=711"},
    "oci": {
        "oci": "size=300m,mode=711",
        "images": "size=300m,mode=700",
        "instances": "size=64m,mode=755",
    },
}


@pytest.fixture(scope="session")
def small_copy(stack):
    """Another copy with the same runtime, whose home, whose logs and whose containers have small
    file systems of their own that can be full: its Stack."""
    mounts = {"": "size=1500m,mode=711", "log": "size=24m,mode=700"} | SMALL[stack.runtime]
    with another_copy(mounts, runtime=stack.runtime) as small:
        yield small


@pytest.fixture(scope="session")
def cable():
    """A cable from this host to another one, for the null copy."""
    port = free_ports()
    host = OtherHost(port)
    yield host
    host.end()


def copy_without_containers(**settings):
    """Another copy, whose jobs run without containers, hundreds at a time; PostgreSQL and Kafka
    have file systems of their own."""
    mounts = {
        "": "size=2g,mode=711",
        "database": "size=8g,mode=711",
        "kafka": "size=3g,mode=700",
    }
    return another_copy(
        mounts,
        config="pgdata={home}/database/data\n",
        OPENBATCH_RUNTIME="null",
        OPENBATCH_NULL_WORD="{home}/word",
        OPENBATCH_LOCAL_VCPUS="512",
        OPENBATCH_LOCAL_MEMORY_MIB=str(4 << 20),
        **settings,
    )


@pytest.fixture(scope="session")
def null_copy(cable):
    """A copy without containers; other hosts reach Kafka over the cable, and a silence of 15 s is
    noticed: its Stack."""
    with copy_without_containers(
        port=cable.port - 4,
        OPENBATCH_LOST_AFTER_MS=str(SILENCE_MS),
        OPENBATCH_KAFKA_LISTEN=cable.here,
        # So that the services' memory can be judged: the sanitizer keeps some memory of every size
        # for each thread, 300 MiB for the 512 that the api has by default. What those take without
        # a sanitizer is judged on the plain copy. Less of what was freed is kept, too.
        OPENBATCH_API_THREADS="128",
        ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "abort_on_error=0")
        + ":quarantine_size_mb=16:thread_local_quarantine_size_kb=16",
    ) as stack:
        (stack.home / "word").touch()
        yield stack


@pytest.fixture(scope="session")
def plain_copy():
    """A copy without containers, built as users build it, without sanitizers: its Stack."""
    with copy_without_containers(OPENBATCH_SANITIZE="") as stack:
        (stack.home / "word").touch()
        yield stack


@pytest.fixture
def null_trial(null_copy, tmp_path, request):
    """A trial on the null copy."""
    with on(null_copy, tmp_path, request.session, NullTrial) as one:
        yield one


@pytest.fixture
def wide_trial(null_copy, tmp_path, request):
    """A trial on the null copy, in which hundreds of jobs run at once."""
    with on(null_copy, tmp_path, request.session, wide) as one:
        yield one


@pytest.fixture
def plain_trial(plain_copy, tmp_path, request):
    """A trial on the plain copy, in which hundreds of jobs run at once."""
    with on(plain_copy, tmp_path, request.session, wide) as one:
        yield one


def wide(stack, folder):
    return NullTrial(stack, folder, max_vcpus=512)


@pytest.fixture
def small_trial(small_copy, tmp_path, request):
    """A trial on the small copy."""
    with on(small_copy, tmp_path, request.session) as one:
        yield one


given = []  # a socket on the last of each twenty, so that no other session takes them


def free_ports():
    """The first of twenty ports that nobody listens on and that were not given before."""
    for port in range(24000, 32000, 20):
        listening = subprocess.run(
            ["ss", "-Hltn", f"sport >= :{port} and sport < :{port + 20}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if listening.strip():
            continue
        with contextlib.suppress(OSError):
            given.append(socket.create_server(("127.0.0.1", port + 19)))
            return port
    raise AssertionError("there are no twenty free ports in a row between 24000 and 32000")
