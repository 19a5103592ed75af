"""Recipes (crash_recipes.py) with the docker provider: instances are containers of the copy's own
engine, made by a scaler of the test's own."""

import contextlib
import subprocess

from crash_case import LIGHT
from crash_hosts import scaler_of
from crash_instances import interrupt
from stack import freeze, wait_for
from trial import until_answered
from word import lasting, until

IMAGE = "openbatch/crash-executor"
# Of the host's paths that it is told, it has only that of the instances.
START = """#!/bin/sh
unset OPENBATCH_KAFKA_PID_FILE
mkdir -p "$OPENBATCH_RUN_DIR"
DOCKER_HOST=unix:///var/run/docker.sock exec /opt/openbatch-executor
"""


def make_image(case):
    """busybox, and this build's executor with the libraries that it needs; once a copy."""
    docker = case.stack.docker
    if docker("images", "-q", IMAGE):
        return
    executor = case.stack.build / "services/executor/openbatch-executor"
    linked = subprocess.run(["ldd", executor], check=True, capture_output=True, text=True).stdout
    libraries = [word for word in linked.split() if word.startswith("/")]
    root = case.folder / "image"
    for file, mode in (("usr/bin/openbatch-executor", 0o755), ("opt/openbatch-executor", 0o755)):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch(mode)
    (root / "usr/bin/openbatch-executor").write_text(START)
    (root / "opt/openbatch-executor").write_bytes(executor.read_bytes())
    subprocess.run(["cp", "-L", "--parents", *libraries, root], check=True)
    made = docker("create", "openbatch/busybox", "true").strip()
    docker("cp", f"{root}/.", f"{made}:/")
    docker("commit", made, IMAGE)
    docker("rm", made)


def executors_of(case):
    return case.stack.docker("ps", "-aq", "--filter", "label=openbatch.executor").split()


@contextlib.contextmanager
def docker_scaler(case, **settings):
    """A scaler whose instances are containers; nothing is left of them at the end."""
    make_image(case)
    settings |= {"OPENBATCH_PROVIDER": "docker", "OPENBATCH_DOCKER_IMAGE": IMAGE}
    with scaler_of(case, settings) as stop:
        try:
            yield stop
            case.wait_all(120)
            case.forget_queues()
            wait_for("no executor's container is left", lambda: executors_of(case) == [], 90)
        finally:
            for left in executors_of(case):
                case.stack.docker("rm", "-f", left, check=False)


def come_and_go(case):
    """An instance runs a job, and goes with its environment."""
    case.arm()  # the scaler's own first file comes when it starts
    with docker_scaler(case):
        case.one_job(queue=case.own_queue())
        case.wait_all(120)
        case.forget_queues()
        case.wait_died()


def first_lasting(case, queue):
    """A job whose first attempt does not end by itself: the instance that runs it."""
    attempts = lasting("$((AWS_BATCH_JOB_ATTEMPT < 2 ? 600 : 0))")
    job = case.submit(case.definition(attempts), queue=queue, **LIGHT)
    case.wait_word(1, 120)
    [[instance]] = case.stack.sql(f"SELECT instance_id FROM placement WHERE job_id = '{job}'")
    return instance


def interrupted(case):
    """A Spot instance is interrupted while a job runs that is tried again."""
    times = {"OPENBATCH_INTERRUPT_NOTICE_MS": "3000", "OPENBATCH_INTERRUPT_TERM_MS": "1500"}
    with docker_scaler(case, **times):
        instance = first_lasting(case, case.own_queue(kind="SPOT"))
        case.arm()
        until_answered(lambda: interrupt(case, instance))
        case.keep_on(lambda: interrupt(case, instance), every=2)


def silent(case):
    """An executor stands still for so long that its instance is lost: it is killed, and the job
    that it ran, which is tried again."""
    with docker_scaler(case):
        instance = first_lasting(case, case.own_queue())
        [container] = case.stack.docker(
            "ps", "-q", "--filter", f"label=openbatch.executor={instance}"
        ).split()
        pid = int(case.stack.docker("inspect", "-f", "{{.State.Pid}}", container))
        freeze(pid)
        case.harm.note("stop", pids=[pid])
        case.arm()
        case.wait_died(90)


def scaler_stops(case):
    """The scaler ends while an instance runs a job; the next one makes the executor's container
    again, and the job goes on."""
    with docker_scaler(case) as stop:
        case.submit(case.definition(until("over")), queue=case.own_queue(), **LIGHT)
        case.wait_word(1, 120)
        case.arm()
        case.keep_on(stop, every=3)
        case.release("over")
