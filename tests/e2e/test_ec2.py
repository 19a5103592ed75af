"""The ec2 provider against moto's EC2: a scaler of its own takes the supervised one's place. moto's
instances run nothing, so the test starts what an instance would start: the script it was given."""

import base64
import os
import random
import signal
import subprocess
import sys
import time

import boto3
import pytest
from stack import wait_for

KEY = ("AKIAEC2EC2EC2EC2EC2", "secret")
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


class Cloud:
    """moto's EC2, and what its instances would run."""

    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.port = int(stack.settings["OPENBATCH_PORT"]) + 17
        self.log = (folder / "moto.log").open("w")
        self.server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(self.port)],
            stdout=self.log, stderr=self.log,
        )  # fmt: skip
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.ec2, iam = (
            boto3.client(
                name, endpoint_url=self.endpoint, region_name="us-east-1",
                aws_access_key_id=KEY[0], aws_secret_access_key=KEY[1],
            )
            for name in ("ec2", "iam")
        )  # fmt: skip
        self.scaler = None
        self.booted = {}

        def answers():
            try:
                return self.ec2.describe_subnets()["Subnets"]
            except OSError:
                return None
            except Exception as err:
                if "connect" not in str(err).lower():
                    raise
                return None

        self.subnet = wait_for("moto", answers, 60)[0]["SubnetId"]
        iam.create_instance_profile(InstanceProfileName="ecsInstanceRole")

    def alive(self):
        """Of this copy, by our ids: what is pending or running."""
        found = {}
        for page in self.ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        ):
            for one in (i for r in page["Reservations"] for i in r["Instances"]):
                tags = {t["Key"]: t["Value"] for t in one["Tags"]}
                found.setdefault(tags["openbatch:instance"], []).append(one | {"Tags": tags})
        return found

    def boot(self):
        """Runs the script of each instance that has not been started yet."""
        for ours, [one] in self.alive().items():
            if ours not in self.booted:
                script = self.ec2.describe_instance_attribute(
                    InstanceId=one["InstanceId"], Attribute="userData"
                )["UserData"]["Value"]
                self.booted[ours] = subprocess.Popen(
                    ["/bin/sh", "-c", base64.b64decode(script).decode()],
                    stdout=(self.folder / f"{ours}.log").open("w"), stderr=subprocess.STDOUT,
                    env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
                    | {k: v for k, v in self.stack.settings.items() if k == "DOCKER_HOST"},
                )  # fmt: skip

    def start_scaler(self, register_ms=15000):
        env = self.stack.settings | {
            "PATH": os.environ["PATH"],
            "OPENBATCH_PROVIDER": "ec2",
            # moto's instances mostly say nothing: given up and replaced.
            "OPENBATCH_REGISTER_MS": str(register_ms),
            "OPENBATCH_EC2_REGION": "us-east-1",
            "OPENBATCH_EC2_ENDPOINT": self.endpoint,
            "OPENBATCH_EC2_KEY_FILE": str(self.folder / "key"),
            "OPENBATCH_EC2_USER_DATA": str(self.folder / "user-data"),
            "OPENBATCH_KAFKA_USER": "scaler",
            "OPENBATCH_KAFKA_PASSWORD_FILE": f"{self.stack.home}/secrets/kafka-scaler.password",
        }
        self.scaler = subprocess.Popen(
            [self.stack.build / "services/scaler/openbatch-scaler"], env=env,
            stdout=(self.folder / "scaler.log").open("a"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    def kill_scaler(self):
        self.scaler.send_signal(signal.SIGKILL)
        self.scaler.wait()

    def close(self):
        for process in [self.scaler, self.server, *self.booted.values()]:
            if process and process.poll() is None:
                process.terminate()
        for process in [self.scaler, self.server, *self.booted.values()]:
            if process:
                process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def cloud(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ec2")
    executor = stack.build / "services/executor/openbatch-executor"
    (folder / "key").write_text("\n".join(KEY))
    (folder / "user-data").write_text(USER_DATA.format(dir=folder, executor=executor))
    rows = "SELECT 1 FROM instance WHERE state < 4"
    wait_for("instances of earlier tests gone", lambda: stack.sql(rows) == [], 60)
    subprocess.run(["sv", "-w", "20", "down", stack.home / "sv/scaler"], check=True)
    cloud = Cloud(stack, folder)
    cloud.start_scaler()
    yield cloud
    cloud.close()
    subprocess.run(["sv", "up", stack.home / "sv/scaler"], check=True)
    wait_for("the scaler", lambda: (stack.health("scaler") or {}).get("leader"), 30)


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
