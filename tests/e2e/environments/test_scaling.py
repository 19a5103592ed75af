"""Environments that grow by hundreds of vCPUs, are updated, and have no capacity. Instances are
executors of the null runtime, so their size does not load the host; the scaler is configured so for
this file."""

import os
import platform
import signal
import subprocess
import time

import pytest
from stack import assert_promised, frozen, wait_for

WIDE = {
    "OPENBATCH_RUNTIME": "null",
    "OPENBATCH_LOCAL_VCPUS": "256",
    "OPENBATCH_LOCAL_MEMORY_MIB": str(2 << 20),
    "OPENBATCH_SCALE_IN_IDLE_MS": "1000",
}
# Types of this host's architecture, and of the other one.
NATIVE, FOREIGN = ("m6g", "m5") if platform.machine() == "aarch64" else ("m5", "m6g")


class Settings:
    """The scaler's own settings, changed while it runs."""

    def __init__(self, stack):
        self.stack, self.file = stack, stack.home / "env"
        self.before = self.file.read_text()

    def set(self, settings):
        """Starts the scaler again with these."""
        lines = "".join(f"{name}='{value}'\n" for name, value in settings.items())
        self.file.write_text(self.before + lines)
        old = self.stack.kill("scaler", signal.SIGTERM)

        def leads_again():
            health = self.stack.health("scaler")
            return self.stack.pid("scaler") != old and health and health.get("leader")

        wait_for("the scaler leads again", leads_again, 30)


@pytest.fixture(scope="module")
def settings(stack):
    s = Settings(stack)
    s.set(WIDE)
    yield s
    s.set({})


@pytest.fixture
def wide(settings, work):
    return work


def vcpus(work, environment):
    return work.ce(environment)["computeResources"]["desiredvCpus"]


def ce_id(stack, environment):
    return stack.sql(f"SELECT id FROM compute_environment WHERE name = '{environment}'")[0][0]


def launched(stack, environment):
    """Types and purchase options of all instances that an environment ever had."""
    ce = ce_id(stack, environment)
    return stack.sql(f"SELECT type, spot FROM instance WHERE ce_id = {ce} ORDER BY launched_at")


def sleeps(work, seconds, **more):
    return work.definition(["sleep", str(seconds)], **more)


def executors(stack, instances):
    """Those of these instances whose executor, or its supervisor, still runs."""
    left = []
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                env = file.read().split(b"\0")
        except (OSError, ValueError):
            continue
        left += [i for i in instances if f"OPENBATCH_INSTANCE_ID={i}".encode() in env]
    return left


def test_the_queues_of_the_demo(wide, stack):
    """Spot with two families grows from 0 to 256 vCPUs and back; priorities 10 and 1 on on-demand
    and Spot."""
    spot = wide.environment(max_vcpus=256, types=("m5", "c5"), kind="SPOT")
    on_demand = wide.environment(max_vcpus=256, types=("m5", "c5"))
    high = wide.queue(on_demand, spot, priority=10)
    low = wide.queue(spot, on_demand, priority=1)
    assert vcpus(wide, spot) == 0
    job = wide.submit(low, sleeps(wide, 4), arrayProperties={"size": 256})
    most = 0

    def ended():
        nonlocal most
        most = max(most, vcpus(wide, spot))
        return wide.job(job)["status"] in ("SUCCEEDED", "FAILED")

    wait_for("the end of 256 children", ended, 90)
    assert wide.job(job)["status"] == "SUCCEEDED"
    assert most == 256
    wait_for("no vCPUs left", lambda: vcpus(wide, spot) == 0, 30)
    types = launched(stack, spot)
    assert {t.split(".")[0] for t, _ in types} <= {"m5", "c5"}
    assert {s for _, s in types} == {"t"}
    assert vcpus(wide, on_demand) == 0

    urgent = wide.wait(wide.submit(high, sleeps(wide, 0)))
    assert urgent["status"] == "SUCCEEDED"
    assert [s for _, s in launched(stack, on_demand)] == ["f"]


def test_demand_brings_an_instance_within_a_second(wide, stack):
    """From the acceptance of a job to the row of the instance that is launched for it, by the
    clock of this host."""
    environment = wide.environment(max_vcpus=20, types=("m5.large",))
    queue, definition = wide.queue(environment), sleeps(wide, 1000, vcpus=2)
    took, jobs = [], []
    for n in range(1, 8):
        jobs.append(wide.submit(queue, definition))
        wait_for("its instance", lambda n=n: len(launched(stack, environment)) == n)
        [[seconds]] = stack.sql(
            "SELECT extract(epoch FROM max(launched_at)) -"
            f" (SELECT created_at_ms FROM job WHERE id = '{jobs[-1]}') / 1000.0"
            f" FROM instance WHERE ce_id = {ce_id(stack, environment)}"
        )
        took.append(float(seconds))
    for job in jobs:
        wide.batch.terminate_job(jobId=job, reason="seen")
    wide.wait_all(jobs)
    assert_promised(took, 1)


def test_mixed_work_brings_types_of_its_proportions(wide, stack):
    environment = wide.environment(
        max_vcpus=128, types=("optimal",), allocationStrategy="BEST_FIT_PROGRESSIVE"
    )
    queue = wide.queue(environment)
    ids = [
        wide.submit(
            queue,
            sleeps(wide, 1, vcpus=4, memory=memory),
            arrayProperties={"size": 8},
        )
        for memory in (7200, 15000, 30000)
    ]
    assert {j["status"] for j in wide.wait_all(ids)} == {"SUCCEEDED"}
    assert {t[0] for t, _ in launched(stack, environment)} == {"c", "m", "r"}


def test_work_goes_to_the_next_environment_while_the_first_has_no_capacity(wide, stack):
    """The provider has room for one of the first environment's instances only."""
    first = wide.environment(max_vcpus=384, types=("m7i.48xlarge",))
    second = wide.environment(max_vcpus=64, types=("m5.16xlarge",))
    queue = wide.queue(first, second)
    definition = sleeps(wide, 8, vcpus=60)
    jobs = wide.wait_all([wide.submit(queue, definition) for _ in range(4)])
    assert {j["status"] for j in jobs} == {"SUCCEEDED"}
    assert [t for t, _ in launched(stack, second)] == ["m5.16xlarge"]
    ran = max(j["startedAt"] for j in jobs) - min(j["startedAt"] for j in jobs)
    assert ran < 8000  # side by side


def test_disabled_and_invalid_environments_are_passed_over(wide, stack):
    """Invalid, with a reason that says why, until an update repairs it."""

    def change_types(name, types, status):
        wide.batch.update_compute_environment(
            computeEnvironment=name, computeResources={"instanceTypes": [types]}
        )
        wait_for(status, lambda: wide.ce(name)["status"] == status)
        return wide.ce(name)["statusReason"]

    off, invalid, on = (wide.environment(types=(NATIVE,)) for _ in range(3))
    queue, broken = wide.queue(off, invalid, on), wide.queue(invalid)
    wide.batch.update_compute_environment(computeEnvironment=off, state="DISABLED")
    reason = change_types(invalid, FOREIGN, "INVALID")
    assert reason.startswith(f"CLIENT_ERROR - The instance types [{FOREIGN}] cannot be launched")
    wait_for("VALID", lambda: wide.ce(off)["status"] == "VALID")
    waiting = wide.submit(broken, sleeps(wide, 0))
    job = wide.wait(wide.submit(queue, sleeps(wide, 0)))
    assert job["status"] == "SUCCEEDED"
    assert [len(launched(stack, name)) for name in (off, invalid, on)] == [0, 0, 1]
    assert wide.job(waiting)["status"] == "RUNNABLE"
    assert change_types(invalid, NATIVE, "VALID") == "ComputeEnvironment Healthy"
    assert wide.wait(waiting)["status"] == "SUCCEEDED"


def test_an_infrastructure_update_replaces_instances(wide, stack):
    """What runs may finish, or ends with its instance when the policy says so and is tried again;
    UPDATING until the last old instance is gone, whoever leads. A wish for the latest image is one,
    too."""
    gentle = wide.environment(types=("m5.large",))
    firm = wide.environment(types=("m5.large",))
    jobs = {
        gentle: wide.submit(wide.queue(gentle), sleeps(wide, 5)),
        firm: wide.submit(wide.queue(firm), sleeps(wide, 5), retryStrategy={"attempts": 2}),
    }
    for job in jobs.values():
        wide.wait(job, "RUNNING")
    for name, kill, change in (
        (gentle, False, {"instanceTypes": ["c5.large"]}),
        (firm, True, {"updateToLatestImageVersion": True}),
    ):
        wide.batch.update_compute_environment(
            computeEnvironment=name,
            computeResources=change,
            updatePolicy={"terminateJobsOnUpdate": kill, "jobExecutionTimeoutMinutes": 1},
        )
        assert wide.ce(name)["status"] == "UPDATING"
    stack.kill("scaler")  # what is to be done stands in PostgreSQL
    for name, job in jobs.items():
        ended = wide.wait(job)
        assert ended["status"] == "SUCCEEDED"
        attempts = ended["attempts"]
        assert len(attempts) == (1 if name == gentle else 2)
        if name == firm:
            assert attempts[0]["statusReason"].startswith("Host EC2 (instance i-")
            assert attempts[0]["statusReason"].endswith(") terminated.")
            assert [t for t, _ in launched(stack, firm)] == ["m5.large", "m5.large"]
        wait_for("VALID", lambda n=name: wide.ce(n)["status"] == "VALID")


def test_a_desired_size_is_reached_once(wide):
    """Then demand rules: without work the instances go again."""
    environment = wide.environment(types=("m5.large",), desiredvCpus=4)
    wait_for("what is desired", lambda: vcpus(wide, environment) == 4)
    wait_for("nothing", lambda: vcpus(wide, environment) == 0)


def test_a_deleted_environment_leaves_nothing(wide, stack):
    """Its minimum is kept while it is DISABLED; a job that still runs ends with it."""
    environment = wide.environment(types=("m5.large",), minvCpus=4)
    wait_for("the minimum", lambda: vcpus(wide, environment) == 4)
    other = wide.environment(types=("m5.large",))
    queue = wide.queue(environment)
    job = wide.submit(queue, sleeps(wide, 1000))
    wide.wait(job, "RUNNING")
    wide.batch.update_job_queue(
        jobQueue=queue, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": other}]
    )
    wide.batch.update_compute_environment(computeEnvironment=environment, state="DISABLED")
    wait_for("VALID", lambda: wide.ce(environment)["status"] == "VALID")
    time.sleep(1.5)  # longer than idle instances stay
    assert vcpus(wide, environment) == 4
    ce = ce_id(stack, environment)
    ids = [row[0] for row in stack.sql(f"SELECT id FROM instance WHERE ce_id = {ce}")]
    assert len(ids) == 2
    wait_for("VALID", lambda: wide.jq(queue)["status"] == "VALID")
    wide.batch.delete_compute_environment(computeEnvironment=environment)
    wait_for("gone", lambda: wide.ce(environment) is None)
    wide.environments.remove(environment)
    assert wide.wait(job)["statusReason"].startswith("Host EC2 (instance i-")
    wait_for("no executor left", lambda: executors(stack, ids) == [])
    for one in ids:
        wait_for(f"{one} gone", lambda i=one: not (stack.home / "instances" / i / "env").exists())


def test_fargate_gives_each_job_its_size(wide, stack):
    environment = wide.fargate(max_vcpus=2)
    queue = wide.queue(environment)
    definitions = [
        wide.fargate_definition(["sleep", "2"], vcpus, memory)
        for vcpus, memory in (("0.25", 512), ("1", 2048))
    ]
    ids = [wide.submit(queue, d) for d in definitions for _ in range(2)]
    jobs = wide.wait_all(ids)
    assert {j["status"] for j in jobs} == {"SUCCEEDED"}
    ce = ce_id(stack, environment)
    sizes = stack.sql(f"SELECT type, mcpu, mem_mib FROM instance WHERE ce_id = {ce}")
    assert {tuple(s) for s in sizes} == {
        ("fargate", "250", "512"),
        ("fargate", "1000", "2048"),
    }
    alive = f"SELECT count(*) FROM instance WHERE ce_id = {ce} AND state < 4"
    wait_for("nothing left", lambda: stack.sql(alive) == [["0"]], 10)


class Redis:
    def __init__(self, stack):
        self.stack, self.service = stack, stack.home / "sv/redis"
        self.dump = stack.run_dir / "dump.rdb"

    def ask(self, *args):
        return subprocess.run(
            ["redis-cli", "-s", self.stack.run_dir / "redis.sock", *args],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def turn(self, what):
        subprocess.run(["sv", "-w", "20", what, self.service], check=True)

    def counts(self, environment):
        """Provisioned, allocated mcpu, attempts."""
        key = f"openbatch:ce:{ce_id(self.stack, environment)}"
        return self.ask("HMGET", key, "provisionedMcpu", "allocatedMcpu", "attempts").split("\n")


def counted(stack, environment):
    """The same by PostgreSQL."""
    [row] = stack.sql(
        "SELECT (SELECT coalesce(sum(vcpus), 0) * 1000 FROM instance i WHERE i.ce_id = c.id"
        " AND i.state < 4), coalesce(sum(j.mcpu), 0), count(j.id) FROM compute_environment c"
        " LEFT JOIN instance i ON i.ce_id = c.id LEFT JOIN placement p ON p.instance_id = i.id"
        f" LEFT JOIN job j ON j.id = p.job_id WHERE c.name = '{environment}' GROUP BY c.id"
    )
    return row


OVERSUBSCRIBED = """SELECT i.id FROM instance i JOIN placement p ON p.instance_id = i.id
    JOIN job j ON j.id = p.job_id GROUP BY i.id
    HAVING sum(j.mcpu) > i.mcpu OR sum(j.mem_mib) > i.mem_mib"""


@pytest.mark.long
def test_redis_away_old_empty_or_silent_changes_nothing(settings, wide, stack):
    """Away for longer than the silence that makes an instance lost: none is, none takes more than
    it holds, and work goes on, also on new instances. Back with a copy of old, or emptied, its
    counters are PostgreSQL's again."""
    settings.set(WIDE | {"OPENBATCH_LOST_AFTER_MS": "5000"})
    redis = Redis(stack)
    environment, other = (wide.environment(8, ("m5.large",)) for _ in range(2))
    queue, definition = wide.queue(environment), sleeps(wide, 4)
    both = (environment, other)

    def equal():
        return all(redis.counts(e) == counted(stack, e) for e in both)

    try:
        wait_for("counters", equal)
        redis.ask("--rdb", redis.dump)
        jobs = [wide.submit(queue, definition) for _ in range(20)]
        wide.wait(jobs[0], "RUNNING")
        wait_for("8 jobs counted", lambda: redis.counts(environment)[2] == "8")
        redis.turn("down")
        back = time.monotonic() + 6.5
        later = wide.submit(wide.queue(other), sleeps(wide, 25))
        wide.wait(later, "RUNNING")
        while time.monotonic() < back:
            assert stack.sql(OVERSUBSCRIBED) == []
            time.sleep(0.2)
        redis.turn("up")
        wait_for("counters after a copy of old", equal)
        assert redis.counts(other)[2] == "1"
        redis.ask("FLUSHALL")
        wait_for("counters after none", equal)
    finally:
        redis.turn("up")
        redis.dump.unlink(missing_ok=True)
    with frozen(stack.pid("redis")):
        done = wide.wait_all([*jobs, later], timeout=120)
    assert {j["status"] for j in done} == {"SUCCEEDED"}
    assert {len(j["attempts"]) for j in done} == {1}
    lost = "SELECT 1 FROM instance WHERE ce_id = {} AND (state = 3 OR reason LIKE 'silent%')"
    assert [stack.sql(lost.format(ce_id(stack, e))) for e in both] == [[], []]
    wait_for("nothing counted", lambda: redis.counts(environment)[2] == "0" and equal())
    settings.set(WIDE)


def test_instances_that_never_register_are_replaced(settings, work, stack):
    """An executor that says nothing is given up; another instance is launched in its place."""
    script = stack.home / "mute-executor"
    script.write_text("#!/bin/sh\nexec sleep 1000\n")
    script.chmod(0o755)
    settings.set(WIDE | {"OPENBATCH_EXECUTOR": str(script), "OPENBATCH_REGISTER_MS": "1000"})
    environment = work.environment(types=("m5.large",))
    job = work.submit(work.queue(environment), sleeps(work, 0))
    wait_for("a second instance", lambda: len(launched(stack, environment)) > 1)
    settings.set(WIDE | {"OPENBATCH_REGISTER_MS": "8000"})
    assert work.wait(job)["status"] == "SUCCEEDED"
    ce = ce_id(stack, environment)
    reasons = {r[0] for r in stack.sql(f"SELECT reason FROM instance WHERE ce_id = {ce}")}
    assert "its executor did not register in time" in reasons
    settings.set(WIDE)
