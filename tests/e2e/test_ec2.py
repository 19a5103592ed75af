"""The ec2 provider against moto's EC2."""

import random
import time

import pytest
from cloud import cloud_of
from stack import wait_for

USER_DATA = """#!/bin/sh
umask 077
mkdir -p '{dir}/@INSTANCE@' && cd '{dir}/@INSTANCE@'
printf %s '@TOKEN@' >token
printf %s '@KAFKA_PASSWORD@' >password
set -a
OPENBATCH_HOME='{dir}'
OPENBATCH_RUN_DIR='{dir}/@INSTANCE@'
OPENBATCH_INSTANCE_ID=@INSTANCE@
OPENBATCH_INSTANCE_DIR='{dir}/@INSTANCE@'
OPENBATCH_INSTANCE_TYPE=@TYPE@
OPENBATCH_CE_NAME=@ENVIRONMENT@
OPENBATCH_KAFKA=@KAFKA@
OPENBATCH_KAFKA_USER=executor
OPENBATCH_KAFKA_PASSWORD_FILE='{dir}/@INSTANCE@/password'
exec {executor}
"""


@pytest.fixture(scope="module")
def cloud(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ec2")
    executor = stack.build / "services/executor/openbatch-executor"
    with cloud_of(
        stack, folder, user_data=USER_DATA.format(dir=folder, executor=executor)
    ) as cloud:
        yield cloud


@pytest.fixture
def resources(cloud):
    return {"subnets": [cloud.subnet], "imageId": "ami-12345678", "securityGroupIds": []}


def test_an_instance_of_ec2_runs_a_job_and_goes(cloud, work, resources):
    """Launched with what its environment says, found by its tags, ended when idle."""
    environment = work.environment(
        8, ("m5.large",), "SPOT", **resources, tags={"team": "a"}, spotIamFleetRole="role"
    )
    job = work.submit(work.queue(environment), work.definition(["echo", "from EC2"]))
    ours, [one] = wait_for("a launch", lambda: list(cloud.alive().items()), 30)[0]
    assert one["InstanceType"] == "m5.large"
    assert one["SubnetId"] == cloud.subnet
    assert one["InstanceLifecycle"] == "spot"
    assert one["ClientToken"] == ours
    assert one["Tags"] == {
        "openbatch:instance": ours,
        "openbatch:copy": "openbatch",
        "AWSBatchServiceTag": "batch",
        "team": "a",
    }
    cloud.boot()
    ended = work.wait(job, timeout=60)
    assert (ended["status"], ended["container"]["containerInstanceArn"].split("/")[-1]) == (
        "SUCCEEDED",
        ours,
    )
    assert work.log(ended) == ["from EC2"]
    wait_for("EC2 has ended it", lambda: cloud.alive() == {}, 60)


def test_what_ec2_ends_or_says_nothing_is_replaced(cloud, stack, work, resources):
    """Also by another scaler than the one that launched it."""
    environment = work.environment(2, ("m5.large",), **resources, minvCpus=2)
    before = wait_for("a launch", cloud.alive, 30)
    [[one]] = before.values()
    cloud.ec2.terminate_instances(InstanceIds=[one["InstanceId"]])
    after = wait_for("another", lambda: {k: v for k, v in cloud.alive().items() if k not in before})
    [mute] = after
    cloud.kill_scaler()
    cloud.start_scaler(register_ms=2000)
    try:
        seen = before.keys() | {mute}
        wait_for("one in its place", lambda: cloud.alive().keys() - seen, 20)
        assert stack.sql(f"SELECT state, reason FROM instance WHERE id = '{mute}'") == [
            ["4", "its executor did not register in time"]
        ]
        wait_for("its end", lambda: mute not in cloud.alive(), 10)
    finally:
        cloud.kill_scaler()
        cloud.start_scaler()
    assert work.ce(environment)["status"] == "VALID"


def test_a_refused_launch_is_told_in_ec2s_words(cloud, stack, work, resources):
    """No loop, no instance that stays, and a row that says why."""
    environment = work.environment(4, ("m5.large",), **resources, instanceRole="nobody", minvCpus=2)
    rows = (
        "SELECT reason FROM instance JOIN compute_environment c ON c.id = ce_id"
        f" WHERE c.name = '{environment}' AND state = 4"
    )
    [reason], *_ = wait_for("a refusal", lambda: stack.sql(rows), 30)
    assert reason == "NoSuchEntity: Instance profile nobody not found"
    time.sleep(1)
    assert len(stack.sql(rows)) < 5
    # moto has made the instance before it looked at the profile: nobody knows it, so it ends.
    wait_for("nothing left", lambda: cloud.alive() == {}, 30)


@pytest.mark.timeout(400)
def test_100_crashes_leave_nothing_behind(cloud, stack, work, resources):
    """kill -9 of the scaler at random points while capacity grows, shrinks and is replaced: each
    instance that EC2 has is known, once; at the end there is none."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    environment = work.environment(64, ("m5.large", "m5.xlarge"), **resources)

    def ask(vcpus):
        work.batch.update_compute_environment(
            computeEnvironment=environment, computeResources={"minvCpus": vcpus}
        )

    launched = set()
    for n in range(100):
        # Grows by one m5.large a crash; every 33rd time all of them go, once demand is known.
        wanted = 2 * (n % 33)
        if work.ce(environment)["status"] == "VALID":
            ask(wanted)
        # From its start on: while it connects, is elected, reads, launches, looks.
        time.sleep(chance.uniform(0.2, 1.0) if wanted else chance.uniform(5, 6))
        cloud.kill_scaler()
        if n % 4 == 3:
            now = cloud.alive()
            launched |= set(now)
            assert all(len(same) == 1 for same in now.values()), "launched twice"
        cloud.start_scaler()
    wait_for("VALID", lambda: work.ce(environment)["status"] == "VALID")
    ask(8)
    known = "SELECT id FROM instance WHERE state < 4 AND ce_id ="
    known += f" (SELECT id FROM compute_environment WHERE name = '{environment}')"

    def settled():
        now = cloud.alive()
        vcpus = sum({"m5.large": 2, "m5.xlarge": 4}[i["InstanceType"]] for [i] in now.values())
        return vcpus == 8 and set(now) == {row[0] for row in stack.sql(known)}

    wait_for("8 vCPUs, all of them known", settled, 90)
    print(f"{len(launched)} instances were seen over 100 crashes")
    assert launched
    ask(0)
    wait_for("none left", lambda: cloud.alive() == {}, 90)
