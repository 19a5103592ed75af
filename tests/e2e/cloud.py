"""moto's EC2, with a scaler of its own in place of the supervised one. moto's instances run
nothing, so what an instance would start is started here: the script it was given."""

import base64
import contextlib
import os
import signal
import subprocess
import sys

import boto3
from stack import wait_for

KEY = ("AKIAEC2EC2EC2EC2EC2", "secret")


class Cloud:
    """moto's EC2, and what its instances would run."""

    def __init__(self, stack, folder, user_data=None, boot=("/bin/sh", "-c")):
        """user_data: a script in place of the scaler's own; boot: runs it, as its last argument."""
        self.stack, self.folder, self.boot_command = stack, folder, boot
        (folder / "key").write_text("\n".join(KEY))
        self.own_script = {}
        if user_data:
            (folder / "user-data").write_text(user_data)
            self.own_script = {"OPENBATCH_EC2_USER_DATA": str(folder / "user-data")}
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
                    [*self.boot_command, base64.b64decode(script).decode()],
                    stdout=(self.folder / f"{ours}.log").open("w"), stderr=subprocess.STDOUT,
                    env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
                    | {k: v for k, v in self.stack.settings.items() if k == "DOCKER_HOST"},
                )  # fmt: skip

    def start_scaler(self, register_ms=15000):
        env = (
            self.stack.settings
            | {
                "PATH": os.environ["PATH"],
                "OPENBATCH_PROVIDER": "ec2",
                # moto's instances mostly say nothing: given up and replaced.
                "OPENBATCH_REGISTER_MS": str(register_ms),
                "OPENBATCH_EC2_REGION": "us-east-1",
                "OPENBATCH_EC2_ENDPOINT": self.endpoint,
                "OPENBATCH_EC2_KEY_FILE": str(self.folder / "key"),
                "OPENBATCH_KAFKA_USER": "scaler",
                "OPENBATCH_KAFKA_PASSWORD_FILE": f"{self.stack.home}/secrets/kafka-scaler.password",
            }
            | self.own_script
        )
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


@contextlib.contextmanager
def cloud_of(stack, folder, **how):
    """A Cloud whose scaler leads; afterwards the supervised one does again."""
    rows = "SELECT 1 FROM instance WHERE state < 4"
    wait_for("instances of earlier tests gone", lambda: stack.sql(rows) == [], 60)
    subprocess.run(["sv", "-w", "20", "down", stack.home / "sv/scaler"], check=True)
    cloud = Cloud(stack, folder, **how)
    cloud.start_scaler()
    try:
        yield cloud
    finally:
        cloud.close()
        subprocess.run(["sv", "up", stack.home / "sv/scaler"], check=True)
        wait_for("the scaler", lambda: (stack.health("scaler") or {}).get("leader"), 30)
