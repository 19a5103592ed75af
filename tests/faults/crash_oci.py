"""Recipes (crash_recipes.py) with executors whose runtime is `oci`."""

import contextlib
import os
import signal

from crash_case import LIGHT
from stack import wait_for
from word import lasting


@contextlib.contextmanager
def without_engine(case):
    """A queue whose instances run containers themselves."""
    before = case.stack.change_settings({"OPENBATCH_RUNTIME": "oci"})
    try:
        yield case.own_queue()
        case.wait_all(120)
    finally:
        case.stack.change_settings(before)


def keepers(case, job):
    """The processes that keep the job's containers, as their folders name them."""
    for state in (case.stack.home / "oci").glob(f"*/ob-{job}-*/state"):
        with contextlib.suppress(OSError):
            for line in state.read_text().splitlines():
                if line.startswith("keeper "):
                    yield int(line.split()[1])


def oci_job(case):
    """A container begins, ends and goes."""
    with without_engine(case) as queue:
        case.one_job(queue=queue)
        case.wait_all(120)
        case.arm()
        case.one_job(queue=queue)
        case.wait_died()


def oci_begins(case):
    """An executor begins: it tries what containers need."""
    with without_engine(case) as queue:
        case.arm()
        case.one_job(queue=queue)
        case.wait_died()


def oci_stop(case):
    """A container is stopped while it runs."""
    with without_engine(case) as queue:
        job = case.submit(case.definition(lasting(600)), queue=queue)
        case.wait_word(1, 120)
        case.arm()
        case.terminate(job)
        case.wait_died()


def oci_keeper_killed(case):
    """The keeper of a container is killed; the container is cleaned up, and the job tried again."""
    with without_engine(case) as queue:
        again = case.definition(lasting("$((AWS_BATCH_JOB_ATTEMPT < 2 ? 600 : 0))"))
        job = case.submit(again, queue=queue, **LIGHT)
        case.wait_word(1, 120)
        case.arm()
        for pid in wait_for("its keeper", lambda: list(keepers(case, job)), 30):
            os.kill(pid, signal.SIGKILL)
        case.wait_died()
