"""Recipes (crash_recipes.py) with hosts that join, and with instances of other providers."""

import contextlib
import os
import signal
import subprocess
import threading
import time
import types
from pathlib import Path

from cloud import USER_DATA, cloud_of
from stack import freeze, wait_for

# --- hosts that join ---


def join_script(case, environment, folder):
    done = case.stack.openbatch("join", environment, "--dir", str(folder))
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def joined(case, environment):
    """A host that joins; its executor is started again while it dies at a point."""
    script = join_script(case, environment, case.folder / "host")
    # Of this copy's settings it has what its own script says, and where to die.
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")}
    env |= {k: v for k, v in case.stack.settings.items() if k in ("DOCKER_HOST", "ASAN_OPTIONS")}
    env |= {
        "OPENBATCH_CRASH_FILE": str(case.file),
        "OPENBATCH_LEAVE_MS": "2000",
        "OPENBATCH_INTERRUPT_TERM_MS": "1000",
    }
    log = (case.folder / "host.log").open("a")
    processes, asked, ending = [], [], threading.Event()

    def run():
        while not ending.is_set():
            process = subprocess.Popen(["sh", "-c", script], env=env, stdout=log, stderr=log)
            processes.append(process)
            if process.wait() == 0:
                return
            time.sleep(0.2)

    def leave():
        """Asks each process once: asked twice, it ends without leaving."""
        for process in processes:
            if process.poll() is None and process not in asked:
                asked.append(process)
                process.terminate()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield types.SimpleNamespace(leave=leave, thread=thread)
    finally:
        ending.set()
        for process in processes:
            if process.poll() is None:
                process.kill()
        thread.join(30)
        log.close()


def leave_at_last(host):
    """Asks it to leave until it has: again if it died meanwhile."""
    for _ in range(12):
        host.leave()
        host.thread.join(5)
        if not host.thread.is_alive():
            return
    raise AssertionError("the host has not left")


def join_and_leave(case):
    """A host joins an unmanaged environment, runs a job, and leaves."""
    environment = case.work.unmanaged()
    case.queues.append(case.work.queue(environment))
    case.arm()
    with joined(case, environment) as host:
        case.one_job(queue=case.queues[-1])
        case.wait_all(120)
        leave_at_last(host)
        case.wait_died()


def leave_unseen(case):
    """A host leaves while the scheduler, which would let it go, stands still."""
    environment = case.work.unmanaged()
    case.queues.append(case.work.queue(environment))
    with joined(case, environment) as host:
        case.one_job(queue=case.queues[-1])
        case.wait_all(120)
        with case.harm.stopped("scheduler"):
            case.arm()
            host.leave()
            case.wait_died()
        leave_at_last(host)


def come_back_too_late(case):
    """A host whose instance was given up comes back: it is to leave."""
    environment = case.work.unmanaged()
    case.queues.append(case.work.queue(environment))
    with joined(case, environment) as host:
        case.one_job(queue=case.queues[-1])
        case.wait_all(120)
        [[instance]] = case.stack.sql(
            "SELECT i.id FROM instance i JOIN compute_environment c ON c.id = i.ce_id"
            f" WHERE c.name = '{environment}' AND i.state = 1"
        )
        pid = next(
            int(p.name)
            for p in os.scandir("/proc")
            if p.name.isdigit() and is_executor(p, case.folder / "host")
        )
        freeze(pid)
        wait_for(
            "its loss",
            lambda: case.stack.sql(f"SELECT 1 FROM instance WHERE id = '{instance}' AND state > 2"),
            60,
        )
        case.arm()
        os.kill(pid, signal.SIGCONT)
        case.wait_died()
        host.thread.join(30)


def is_executor(process, home):
    with contextlib.suppress(OSError):
        name = Path(process.path, "comm").read_text().strip()
        settings = Path(process.path, "environ").read_text().split("\0")
        return name == "openbatch-execu" and f"OPENBATCH_HOME={home}" in settings
    return False


# --- other providers ---


@contextlib.contextmanager
def scaler_of(case, settings):
    """A scaler of the test's own instead of the supervised one; started again when it dies."""
    stack = case.stack
    rows = "SELECT 1 FROM instance WHERE state < 4"
    wait_for("instances of earlier cases gone", lambda: stack.sql(rows) == [], 90)
    subprocess.run(["sv", "-w", "20", "down", stack.home / "sv/scaler"], check=True)
    env = stack.settings | {"PATH": os.environ["PATH"], "OPENBATCH_KAFKA_USER": "scaler"}
    env["OPENBATCH_KAFKA_PASSWORD_FILE"] = f"{stack.home}/secrets/kafka-scaler.password"
    log = (case.folder / "scaler.log").open("a")
    ending, now = threading.Event(), []

    def run():
        while not ending.is_set():
            now[:] = [
                subprocess.Popen(
                    [stack.build / "services/scaler/openbatch-scaler"],
                    env=env | settings,
                    stdout=log,
                    stderr=log,
                )
            ]
            now[0].wait()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        wait_for("the scaler", lambda: (stack.health("scaler") or {}).get("leader"), 60)
        yield lambda: now[0].terminate()
    finally:
        ending.set()
        now[0].terminate()
        thread.join(60)
        log.close()
        subprocess.run(["sv", "up", stack.home / "sv/scaler"], check=True)
        wait_for("the scaler", lambda: (stack.health("scaler") or {}).get("leader"), 60)


def set_event():
    event = threading.Event()
    event.set()
    return event


@contextlib.contextmanager
def machines(case, may_boot=None):
    """A cloud whose scaler is started again when it dies, and whose instances start what they are
    told to, once may_boot is set. At the end all jobs are done, and all instances gone."""
    executor = case.stack.build / "services/executor/openbatch-executor"
    # The home of an executor is closed to containers, and the case's folder has their word.
    script = USER_DATA.format(dir=case.folder / "machines", executor=executor)
    with cloud_of(case.stack, case.folder, user_data=script) as cloud:
        ending = threading.Event()
        may_boot = may_boot or set_event()

        def again():
            while not ending.is_set():
                if cloud.scaler.poll() is not None:
                    cloud.start_scaler()
                with contextlib.suppress(Exception):
                    if may_boot.is_set():
                        cloud.boot()
                time.sleep(0.3)

        thread = threading.Thread(target=again, daemon=True)
        thread.start()
        try:
            yield cloud
            case.wait_all(180)
            wait_for("EC2 to have terminated all", lambda: cloud.alive() == {}, 120)
        finally:
            ending.set()
            thread.join(30)


def job_of(case, cloud):
    resources = {"subnets": [cloud.subnet], "imageId": "ami-12345678", "securityGroupIds": []}
    return case.one_job(queue=case.own_queue(types=("m5.large",), **resources))


def machines_come_and_go(case):
    """An instance of EC2 (moto) runs a job and goes when idle."""
    with machines(case) as cloud:
        case.arm()
        job_of(case, cloud)
        case.wait_died(90)


def launched_twice(case):
    """There is another instance of EC2's with the tags of the one that was launched."""
    with machines(case) as cloud:
        case.arm()
        job_of(case, cloud)
        [[one]] = wait_for("a launch", lambda: list(cloud.alive().values()), 60)
        tags = [{"Key": k, "Value": v} for k, v in one["Tags"].items()]
        cloud.ec2.run_instances(
            ImageId="ami-12345678", MinCount=1, MaxCount=1, InstanceType="m5.large",
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )  # fmt: skip
        case.wait_died(90)


def none_for_a_while(case):
    """EC2 has none of the only type, and then has one again. What it runs begins later: an executor
    that registers before EC2's answer is read would say the same."""
    may_boot = threading.Event()
    with machines(case, may_boot) as cloud:
        cloud.gate.none_of.add("m5.large")
        case.work.reason(job_of(case, cloud), "There is no m5.large left", timeout=60)
        case.arm()
        cloud.gate.none_of.clear()
        case.wait_died(90)
        may_boot.set()
