"""Unmanaged environments: executors that are started by hand, in a network of their own, and those
that join automatically."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from registry import MuteRegistry
from stack import HOLD, ROOT, assignments, end_groups, wait_for

HELPERS = ROOT / "tests/e2e"


def instances(stack, environment):
    return stack.sql(
        "SELECT i.id, i.state, i.mcpu, i.mem_mib, i.type FROM instance i JOIN compute_environment c"
        f" ON c.id = i.ce_id WHERE c.name = '{environment}' ORDER BY i.launched_at"
    )


class Host:
    """Another host: a network namespace with nothing but a way to Kafka."""

    def __init__(self, stack, folder):
        self.stack, self.folder, self.processes, self.ways = stack, folder, [], ""
        self.kafka = stack.settings["OPENBATCH_KAFKA"]
        self.reach(self.kafka)

    def reach(self, address):
        """A way from there to an address of this host."""
        door, way = self.folder / f"{address}.sock", [sys.executable, HELPERS / "forward.py"]
        self.run(*way, f"unix:{door}", f"tcp:{address}")
        self.ways += shlex.join([str(w) for w in (*way, f"tcp:{address}", f"unix:{door}")]) + " &\n"

    def run(self, *command, **more):
        """Without settings of this host's copy: the other host has none of them."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")}
        self.processes.append(
            subprocess.Popen([str(c) for c in command], start_new_session=True, env=env, **more)
        )
        return self.processes[-1]

    def join(self, environment, more="", args="", token=None, password=None):
        """Runs what `./openbatch join` prints."""
        made = subprocess.run(
            [ROOT / "openbatch", "join", environment, "--dir", self.folder / "state"],
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        script = made.stdout
        for before, other in (("JOIN_TOKEN=", token), ("mkdir.* printf %s ", password)):
            if other:
                script, n = re.subn(rf"({before})\w+", rf"\g<1>{other}", script)
                assert n == 1
        script = f"""
            ip link set lo up && ip addr add 10.255.0.1/32 dev lo
            {self.ways}
            export {assignments(self.stack.runtime_settings())} {more}
            {script.rstrip()} {args}"""
        log = (self.folder / "executor.log").open("a")
        return self.run("unshare", "-n", "sh", "-c", script, stdout=log, stderr=log)

    def end(self):
        end_groups(self.processes)


@pytest.fixture
def host(stack, tmp_path):
    h = Host(stack, tmp_path)
    yield h
    h.end()


def test_an_executor_joins_from_another_network_and_leaves(work, stack, host):
    """It has the size that it says, runs a job, adopts its containers after a crash; on SIGTERM
    nothing new begins, what ends in time succeeds, what does not ends with its host."""
    environment = work.unmanaged()
    queue = work.queue(environment)
    waits = work.submit(queue, work.definition(["echo", "hello"]))
    wait_for(
        "a reason", lambda: "no instance has joined" in work.job(waits).get("statusReason", "")
    )

    foreign = re.search(r"JOIN_TOKEN=(\w+)", stack.openbatch("join", work.unmanaged()).stdout)[1]
    stranger = host.join(environment, more="OPENBATCH_RUNTIME=null", token=foreign)
    said = stack.home / "log/scaler/current"
    wait_for(
        "the refusal of another environment's token",
        lambda: any("join.refused" in li and environment in li for li in said.open()),
    )
    assert instances(stack, environment) == []
    stranger.kill()
    stranger.wait()
    stranger = host.join(environment, more="OPENBATCH_RUNTIME=null", password="wrong")
    said = host.folder / "executor.log"
    wait_for(
        "the refusal of a wrong password",
        lambda: any('"warn"' in li and "AUTHENTICATION" in li for li in said.open()),
    )
    stranger.kill()
    stranger.wait()

    short = "OPENBATCH_LEAVE_MS=5000 OPENBATCH_INTERRUPT_TERM_MS=2000"
    executor = host.join(environment, more=short, args="--vcpus 3 --memory 700")
    job = work.wait(waits)
    assert job["status"] == "SUCCEEDED"
    assert work.log(job) == ["hello"]
    [[instance, state, *size]] = instances(stack, environment)
    assert (state, size) == ("1", ["3000", "700", "unmanaged"])
    assert job["container"]["containerInstanceArn"].endswith(instance)
    too_large = work.submit(queue, work.definition(["true"], vcpus=4))
    wait_for("a reason", lambda: "large enough" in work.job(too_large).get("statusReason", ""))

    lasts = work.submit(queue, work.definition(HOLD))
    work.wait(lasts, "RUNNING")
    executor.kill()
    executor.wait()
    executor = host.join(environment, more=short, args="--vcpus 3 --memory 700")
    ends = work.submit(queue, work.definition(["sleep", "2"]))
    work.wait(ends, "RUNNING")
    assert [i[:2] for i in instances(stack, environment)] == [[instance, "1"]]
    assert work.job(lasts)["status"] == "RUNNING"

    executor.send_signal(signal.SIGTERM)
    wait_for("DRAINING", lambda: instances(stack, environment)[0][1] == "2", 5)
    later = work.submit(queue, work.definition(["true"]))
    assert executor.wait(timeout=20) == 0
    assert work.wait(ends)["status"] == "SUCCEEDED"
    lost = work.wait(lasts)
    assert lost["status"] == "FAILED"
    assert lost["statusReason"] == f"Host EC2 (instance {instance}) terminated."
    wait_for("its end", lambda: instances(stack, environment)[0][1] == "4", 10)
    assert work.job(later)["status"] == "RUNNABLE"
    for run in (waits, lasts, ends):
        assert stack.containers(run) == []

    # It comes again as another instance, and goes when its environment is deleted.
    executor = host.join(environment, more=short)
    assert work.wait(later)["status"] == "SUCCEEDED"
    assert len(instances(stack, environment)) == 2
    work.batch.terminate_job(jobId=too_large, reason="enough")
    work.forget()
    work.queues.clear()
    work.environments.clear()
    assert executor.wait(timeout=20) == 0


def test_a_pull_that_stalls_fails(work, host):
    """A registry that does not answer keeps no job in STARTING."""
    registry = MuteRegistry()
    try:
        environment = work.unmanaged()
        host.reach(f"127.0.0.1:{registry.port}")
        host.join(environment, more="OPENBATCH_PULL_STALL_MS=1500")
        image = f"127.0.0.1:{registry.port}/never:1"
        job = work.submit(work.queue(environment), work.definition(image=image))
        ended = work.wait(job)
        assert ended["status"] == "FAILED" and "startedAt" not in ended
        reason = ended["container"]["reason"]
        assert reason.startswith("CannotPullContainerError: ") and image in reason
        assert "inactivity time exceeded timeout while pulling image" in reason
        work.forget()
        work.queues.clear()
        work.environments.clear()
    finally:
        registry.close()


def test_an_executor_that_was_given_up_removes_what_it_has(work, stack, host):
    """Silent for too long, it is lost, and so are its runs; when it comes back it ends them."""
    before = stack.change_settings({"OPENBATCH_LOST_AFTER_MS": "3000"})
    try:
        environment = work.unmanaged()
        executor = host.join(environment)
        job = work.submit(work.queue(environment), work.definition(HOLD))
        work.wait(job, "RUNNING")
        [[instance, *_]] = instances(stack, environment)
        executor.kill()
        executor.wait()
        ended = work.wait(job)
        assert ended["statusReason"] == f"Host EC2 (instance {instance}) terminated."
        wait_for("its end", lambda: instances(stack, environment)[0][1] == "4", 10)
        assert len(stack.containers(job, running=True)) == 1
        assert host.join(environment).wait(timeout=20) == 0
        assert stack.containers(job) == []
    finally:
        stack.change_settings(before)


def test_an_executor_of_this_host_comes_by_itself(work, stack):
    before = stack.change_settings({"OPENBATCH_UNMANAGED_LOCAL": "1"})
    try:
        environment = work.unmanaged()
        job = work.wait(work.submit(work.queue(environment), work.definition(["echo", "here"])))
        assert job["status"] == "SUCCEEDED"
        [[instance, _, _, _, kind]] = instances(stack, environment)
        assert kind == "unmanaged.local"
        work.forget()
        work.queues.clear()
        work.environments.clear()
        wait_for(
            "no executor", lambda: not (stack.home / "instances" / instance / "supervise").exists()
        )
    finally:
        stack.change_settings(before)
