"""moto's EC2, with a scaler of its own instead of the supervised one. moto's instances run nothing,
so this file starts what an instance would start: the script that it was given."""

import base64
import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
from stack import wait_for

KEY = ("AKIAEC2EC2EC2EC2EC2", "secret")


# What an instance of the test runs: its executor, in a folder of the test's.
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

NONE_LEFT = """<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code>
<Message>There is no {type} left.</Message></Error></Errors><RequestID>r</RequestID></Response>"""


class Gate(http.server.ThreadingHTTPServer):
    """Between a scaler and moto, which has all types always: refuses to launch those in none_of."""

    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), Passing)
        self.target, self.none_of = target, set()
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Passing(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if form["Action"] == "RunInstances" and form["InstanceType"] in self.server.none_of:
            time.sleep(0.3)  # as EC2 thinks, too
            self.reply(400, NONE_LEFT.format(type=form["InstanceType"]).encode())
            return
        headers = {k: v for k, v in self.headers.items() if k not in ("Host", "Expect")}
        request = urllib.request.Request(self.server.target, body, headers)
        try:
            with urllib.request.urlopen(request) as answer:
                self.reply(answer.status, answer.read())
        except urllib.error.HTTPError as err:
            self.reply(err.code, err.read())
        except OSError:
            self.close_connection = True

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


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
        self.gate = Gate(self.endpoint)
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
                env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
                script = self.ec2.describe_instance_attribute(
                    InstanceId=one["InstanceId"], Attribute="userData"
                )["UserData"]["Value"]
                self.booted[ours] = subprocess.Popen(
                    [*self.boot_command, base64.b64decode(script).decode()],
                    stdout=(self.folder / f"{ours}.log").open("w"), stderr=subprocess.STDOUT,
                    env=env | self.stack.runtime_settings(),
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
                "OPENBATCH_EC2_ENDPOINT": self.gate.endpoint,
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
        self.server.kill()  # asked to end it may wait for a client
        for process in [self.scaler, *self.booted.values()]:
            if process and process.poll() is None:
                process.terminate()
        for process in [self.scaler, self.server, *self.booted.values()]:
            if process:
                process.wait(30)
        self.gate.shutdown()
        self.gate.server_close()
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
        try:
            cloud.close()
        finally:
            subprocess.run(["sv", "up", stack.home / "sv/scaler"], check=True)
        wait_for("the scaler", lambda: (stack.health("scaler") or {}).get("leader"), 30)
