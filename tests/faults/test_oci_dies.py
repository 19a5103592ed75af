"""Executors that run containers themselves, and what they do it with, are killed: the executor, the
keeper of a container, the program that makes it (crun or runc), the container's processes; by a
signal, or by the kernel for lack of memory. No run starts twice, no exit code is made up, and
nothing is left: no folder, control group, mount or process."""

import contextlib
import os
import random
import signal
import time
from collections import Counter

import pytest
from fixtures import on
from oci_harm import Keepers, Program, lives, no_memory, starve
from scenarios import ONE_TRY
from stack import wait_for
from trial import Trial
from word import lasting, script, until

pytestmark = pytest.mark.oci("Docker's engine has neither keepers nor a program of its own")

PLENTY = {"retryStrategy": {"attempts": 8}}
# Jobs with several tries, of which none depends on another or is stopped.
TRIES = {"a_dependent_starts_after_what_it_waits_for", "what_was_stopped_ends"}
AT_ONCE, SHORT = 500, 300
HOST = {"OPENBATCH_LOCAL_VCPUS": "600", "OPENBATCH_LOCAL_MEMORY_MIB": str(4 << 20)}


@contextlib.contextmanager
def settings(stack, **changes):
    """Of instances that are launched meanwhile."""
    before = stack.change_settings(changes)
    try:
        yield
    finally:
        stack.change_settings(before)


@pytest.fixture
def wide_host(stack, tmp_path, request):
    """A trial on a host that takes more than 500 containers at once."""

    def wide(copy, folder):
        return Trial(copy, folder, max_vcpus=600)

    with settings(stack, **HOST), on(stack, tmp_path, request.session, wide) as one:
        yield one


def own_queue(trial):
    """A queue whose instances are launched with the present settings, and stay."""
    trial.queues.append(trial.work.queue(trial.work.environment(max_vcpus=8, minvCpus=8)))
    return trial.queues[-1]


def reasons(trial):
    """How often each reason of a container is recorded."""
    return Counter(row["container_reason"] or "" for row in trial.recorded("container_reason"))


# --- the executor ---------------------------------------------------------------------------------


ALIVE = "SELECT 1 FROM instance WHERE state < 3"  # not yet LOST or TERMINATED


def kill_executors(trial, lines):
    """All of them, each time that the containers have written so many lines; others come, unless
    their instances have nothing to do any more."""
    for n in lines:
        trial.wait_word(n)
        time.sleep(random.uniform(0, 0.5))
        old = trial.harm.kill("executor")

        def are_back(old=old):
            new = set(trial.harm.pids("executor")) - set(old)
            return len(new) >= min(len(old), len(trial.stack.sql(ALIVE)))

        wait_for("as many executors", are_back, 300)


def test_executors_killed_in_the_midst_of_500_containers(wide_host):
    """While 500 begin, while they run and 300 short ones come and go beside them, and while they
    all end. Each has one attempt, with the code that it ended with."""
    trial, code = wide_host, "$((AWS_BATCH_JOB_ARRAY_INDEX % 3 * 7))"
    held = trial.submit(
        trial.definition(until("go", code, every=4)), arrayProperties={"size": AT_ONCE}
    )
    kill_executors(trial, [AT_ONCE // 10, AT_ONCE // 3, AT_ONCE * 2 // 3])
    trial.wait_word(AT_ONCE)
    short = trial.submit(trial.definition(lasting(0.3, code)), arrayProperties={"size": SHORT})
    kill_executors(trial, [AT_ONCE + SHORT // 10])
    running = len(trial.stack.containers(running=True))
    print(f"{running} containers at once")
    kill_executors(trial, [AT_ONCE + SHORT, AT_ONCE + SHORT * 3 // 2])
    trial.wait_word(AT_ONCE + 2 * SHORT)
    trial.release("go")
    ends = 2 * (AT_ONCE + SHORT)
    kill_executors(trial, [ends - AT_ONCE * 4 // 5, ends - AT_ONCE // 2, ends - AT_ONCE // 10])
    trial.wait_all()
    codes = Counter(
        (row["job_id"], row["idx"] % 3 * 7, row["exit_code"])
        for row in trial.recorded("job_id, idx, exit_code")
    )
    assert running >= AT_ONCE
    assert all(said == recorded for _, said, recorded in codes), codes
    assert codes.total() == AT_ONCE + SHORT
    assert {job for job, _, _ in codes} == {held, short}
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)


# --- keepers --------------------------------------------------------------------------------------


def test_a_keeper_killed_at_each_step(trial):
    """While it makes the container, while that runs or is stopped, and after its end was said. An
    attempt that may have run has no exit code, and is followed by another; one that has not begun
    costs none."""
    keepers = Keepers(trial.stack, trial.harm.note)
    short = trial.definition(lasting(0.3))
    for word in ("keeper", "running", "end"):
        with keepers.hunted(word, 4) as killed:
            for n in range(12):
                trial.submit(short, **PLENTY)
                time.sleep(0.1 if n % 4 == 3 else 0)
            trial.wait_all()
        print(f"{len(killed)} killed at {word}")
        assert killed, f"no keeper has said {word} last"
    deaf = trial.definition(script("trap '' TERM; while :; do sleep 0.2; done"))
    stopped = [trial.submit(deaf) for _ in range(3)]
    for job in stopped:
        trial.work.wait(job, "RUNNING", timeout=300)
    for job in stopped:
        trial.terminate(job)
    with keepers.hunted("running", len(stopped)):
        jobs = {job["jobId"]: job for job in trial.wait_all()}
    print(reasons(trial))
    assert all(jobs[job]["statusReason"] == "stopped by the test" for job in stopped)
    assert all(job["status"] == "SUCCEEDED" for job in jobs.values() if job["jobId"] not in stopped)
    trial.check(may_be_empty=TRIES)


# --- the program that makes containers ------------------------------------------------------------

STEPS = {
    "crun": [("create", how) for how in ("before", "amid", "after", "starved")]
    + [("create", f"keeper_{when}") for when in ("before", "amid", "late", "after")],
    "runc": [("create", "amid"), ("start", "before"), ("start", "amid"), ("start", "after")]
    + [("start", f"keeper_{when}") for when in ("before", "late", "after")],
}


@pytest.mark.parametrize("name", STEPS)
def test_the_program_killed_at_each_step(trial, name):
    """It dies before, amid and after its work, and so does the keeper that waits for it. Only these
    calls are ever made: to stop and to remove a container no program is needed, and crun starts
    none. The attempt says why, or no attempt is used; the next one runs."""
    short = trial.definition(lasting(0.2))
    with no_memory() as group:
        program = Program(trial.folder, name, group)
        with settings(trial.stack, OPENBATCH_OCI_RUNTIME=str(program.path)):
            queue = own_queue(trial)
            for verb, how in STEPS[name]:
                program.plan(verb, how, 3)
                for _ in range(8):
                    trial.submit(short, queue=queue, **PLENTY)
                jobs = trial.wait_all()
                trial.harm.note("program.kill", program=name, verb=verb, how=how)
                assert not program.left(), (verb, how)
    assert all(job["status"] == "SUCCEEDED" for job in jobs), jobs
    said = reasons(trial)
    print(said)
    known = ("CannotStartContainerError: ", "CannotInspectContainerError: the container's keeper")
    assert all(reason.startswith(known) for reason in said if reason), said
    assert [reason for reason in said if f"/{name} was killed by signal 9" in reason], said
    trial.check(may_be_empty=TRIES)


# --- memory ---------------------------------------------------------------------------------------

EAT = "x=a; while :; do x=$x$x$x; done"


def test_a_host_without_memory(trial):
    """The kernel kills a container's first process, its child, a keeper, and an executor; what a
    container has used up itself is told apart from what was killed by others."""
    stack, note = trial.stack, trial.harm.note
    keepers = Keepers(stack, note)
    first = trial.submit(trial.definition(script(EAT), memory=32))
    child = trial.submit(trial.definition(script(f"sh -c '{EAT}'; code=$(($? == 137 ? 5 : 6))")))
    writes = trial.definition(
        script("i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; sleep 0.05; done")
    )
    waits = trial.definition(until("go"))
    written = [trial.submit(writes) for _ in range(3)]
    waiting = [trial.submit(waits) for _ in range(3)]
    for job in (*written, *waiting):
        trial.work.wait(job, "RUNNING", timeout=300)
    with no_memory() as group:
        starve(group, trial.harm.pids("executor"), note)
        starve(group, [keepers.of(job, "keeper") for job in written[:2]], note)
        victim = keepers.of(waiting[0], "running")
        os.kill(victim, signal.SIGKILL)
        wait_for("its end", lambda: not lives(victim), 60)
        note("kill", part="a container's first process", pids=[victim])
    trial.terminate(written[2])
    trial.release("go")
    jobs = {job["jobId"]: job["container"] for job in trial.wait_all()}
    assert jobs[first]["exitCode"] == 137
    assert jobs[first]["reason"].startswith("OutOfMemoryError: ")
    assert jobs[child]["exitCode"] == 5
    assert jobs[child]["reason"].startswith("OutOfMemoryError: ")
    for job in written[:2]:
        assert "exitCode" not in jobs[job]
        assert jobs[job]["reason"].startswith("CannotInspectContainerError: the container's keeper")
    assert jobs[waiting[0]]["exitCode"] == 137 and "reason" not in jobs[waiting[0]]
    assert [jobs[job]["exitCode"] for job in waiting[1:]] == [0, 0]
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)
