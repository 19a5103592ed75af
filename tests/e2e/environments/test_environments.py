"""Kinds and states of environments with real containers: Fargate, queues whose first environment
accepts nothing, what is left after a delete."""

import json
import os
import platform
import re

import pytest
from stack import HOLD, limits_of_groups, wait_for

FOREIGN, NATIVE = ("m5", "m6g") if platform.machine() == "aarch64" else ("m6g", "m5")


def instances(stack, environment):
    """Of an environment, also of one that is gone: (id, state) of all it ever had."""
    rows = stack.sql(
        "SELECT i.id, i.state FROM instance i JOIN compute_environment c ON c.id = i.ce_id"
        f" WHERE c.name = '{environment}'"
    )
    return [(row[0], int(row[1])) for row in rows]


def executors(ids):
    """Those of these instances of which a process runs."""
    left = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                text = file.read()
        except OSError:
            continue
        left |= {i for i in ids if f"OPENBATCH_INSTANCE_ID={i}\0".encode() in text}
    return left


def nothing_is_left(stack, ids):
    """No row alive, no executor, no container, nothing that starts one again."""
    assert ids
    names = ", ".join(f"'{i}'" for i in ids)
    alive = f"SELECT id FROM instance WHERE id IN ({names}) AND state < 4"
    wait_for("no row alive", lambda: stack.sql(alive) == [])
    wait_for("no executor", lambda: executors(ids) == set())
    for i in ids:
        folder = stack.home / "instances" / i
        for name in ("run", "env", "supervise"):  # logs stay for a while
            wait_for(f"{folder}/{name} gone", lambda f=folder / name: not f.exists())
        assert stack.containers(instance=i) == []


def ran_in(work, job, environment):
    assert job["status"] == "SUCCEEDED"
    assert f"AWS_BATCH_CE_NAME={environment}" in work.log(job)


QUOTA = ("cpu.cfs_quota_us", "cpu.cfs_period_us")  # one file, cpu.max, in control groups v2
MEMORY = ("memory.limit_in_bytes", "memory.max")


def size_of(stack, container):
    """(vCPUs, bytes) that the kernel lets it have, or that Docker was asked for."""
    if stack.runtime != "oci":
        [shown] = json.loads(stack.docker("inspect", container))
        return shown["HostConfig"]["NanoCpus"] / 1e9, shown["HostConfig"]["Memory"]
    found = limits_of_groups(container, (*QUOTA, "cpu.max", *MEMORY))
    quota, period = found["cpu.max"].split() if "cpu.max" in found else (found[q] for q in QUOTA)
    [memory] = (found[name] for name in MEMORY if name in found)
    return int(quota) / int(period), int(memory)


def test_fargate_runs_a_container_of_its_size(work, stack):
    environment = work.fargate(max_vcpus=1)
    queue = work.queue(environment)
    script = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; sleep 3"
    job = work.submit(queue, work.fargate_definition(["sh", "-c", script], "0.25", 512))
    work.wait(job, "RUNNING")
    [(instance, _)] = instances(stack, environment)
    [container] = stack.containers(instance=instance, running=True)
    assert size_of(stack, container) == (0.25, 512 << 20)
    ended = work.wait(job)
    assert ended["status"] == "SUCCEEDED"
    assert ended["platformCapabilities"] == ["FARGATE"]
    assert str(512 << 20) in work.log(ended)
    nothing_is_left(stack, [instance])


def change_types(work, name, types, status):
    work.batch.update_compute_environment(
        computeEnvironment=name, computeResources={"instanceTypes": [types]}
    )
    wait_for(status, lambda: work.ce(name)["status"] == status)


@pytest.mark.parametrize("refusal", ["full", "disabled", "invalid"])
def test_the_second_environment_takes_what_the_first_cannot(work, refusal):
    first = work.environment(max_vcpus=2, types=("m5.large",))
    second = work.environment(max_vcpus=2, types=("m5.large",))
    queue = work.queue(first, second)
    holder = None
    if refusal == "full":
        holder = work.submit(work.queue(first), work.definition(HOLD, vcpus=2))
        work.wait(holder, "RUNNING")
    elif refusal == "disabled":
        work.batch.update_compute_environment(computeEnvironment=first, state="DISABLED")
        wait_for("DISABLED", lambda: work.ce(first)["state"] == "DISABLED")
        wait_for("VALID", lambda: work.ce(first)["status"] == "VALID")
    else:
        change_types(work, first, FOREIGN, "INVALID")
        assert work.ce(first)["statusReason"].startswith("CLIENT_ERROR - ")
    ran_in(work, work.wait(work.submit(queue, work.definition(["env"]))), second)
    if refusal == "invalid":
        change_types(work, first, NATIVE, "VALID")  # as deleting it wants
    if holder:
        assert work.job(holder)["status"] == "RUNNING"
        work.batch.terminate_job(jobId=holder, reason="seen")


def test_nothing_is_left_of_a_deleted_environment(work, stack):
    """It is DISABLED and deleted as soon as its queue is gone, while its job has just ended."""
    environment = work.environment(max_vcpus=4, types=("m5.large",), minvCpus=2)
    queue = work.queue(environment)
    job = work.submit(queue, work.definition(HOLD, vcpus=2))
    work.wait(job, "RUNNING")
    ids = [i for i, _ in instances(stack, environment)]
    assert executors(ids) == {i for i, state in instances(stack, environment) if state < 4}
    work.forget()
    assert work.ce(environment) is None
    assert work.job(job)["statusReason"] == "JobQueue deleted"
    work.queues.clear()
    work.environments.clear()
    nothing_is_left(stack, ids)


def test_best_fit_never_exceeds_its_maximum(work, stack):
    """Where no type is small enough nothing comes, and the job says why; the other strategies pass
    the maximum by one instance, for what fits no smaller one."""
    strict = work.environment(max_vcpus=2, types=("m5.xlarge",), allocationStrategy="BEST_FIT")
    queue, loose = work.queue(strict), work.environment(max_vcpus=2, types=("m5",))
    waits = work.submit(queue, work.definition())
    large = work.submit(work.queue(loose), work.definition(memory=9000))
    assert work.wait(large)["status"] == "SUCCEEDED"
    kinds = stack.sql(
        "SELECT DISTINCT i.type FROM instance i JOIN compute_environment c ON c.id = i.ce_id"
        f" WHERE c.name = '{loose}'"
    )
    assert kinds == [["m5.xlarge"]]
    text = work.reason(waits, "Waiting for 1 vCPU and 64 MiB: ")
    assert re.search(f'"{strict}" has no instance type that can be launched$', text)
    assert instances(stack, strict) == []
    work.batch.update_compute_environment(
        computeEnvironment=strict, computeResources={"maxvCpus": 4}
    )
    assert work.wait(waits)["status"] == "SUCCEEDED"


def test_a_bid_below_the_price_is_told(work):
    environment = work.environment(types=("m5.large",), kind="SPOT", bidPercentage=1)
    job = work.submit(work.queue(environment), work.definition())
    work.reason(job, f'"{environment}": SpotMaxPriceTooLow: ')
