"""One composed copy on the engine of DOCKER_HOST: the unmodified docker-compose.yml, with the
available command or the one in OPENBATCH_TEST_COMPOSE."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import boto3
import botocore.config

ROOT = Path(__file__).resolve().parents[2]


def run(*command, check=True, timeout=300, **more):
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, **more,
    )  # fmt: skip
    assert not check or done.returncode == 0, (
        f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    return done


def compose_command():
    """`docker compose` where it is installed, else Debian's docker-compose."""
    chosen = os.environ.get("OPENBATCH_TEST_COMPOSE", "").split()
    for command in [chosen] if chosen else (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and run(*command, "version", check=False).returncode == 0:
            return command
    raise AssertionError(f"not there: {' '.join(chosen) or '`docker compose`, docker-compose'}")


def docker(*command, **more):
    return run("docker", *command, **more).stdout.strip()


def evaluated(text):
    """The variables of AWS that a shell has which evaluates what `ready` prints."""
    out = run("env", "-i", "/bin/bash", "-euc", 'eval "$0"; /usr/bin/env -0', text).stdout
    pairs = [pair.split("=", 1) for pair in out.split("\0") if pair.startswith("AWS_")]
    return dict(pairs)


class Composed:
    def __init__(self, project, port, files=("docker-compose.yml",)):
        self.project, self.port = project, int(port)
        self.command = [*compose_command(), "-p", project]
        for name in files:
            self.command += ["-f", name]
        socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        self.env = {
            **os.environ,
            "OPENBATCH_PORT": str(port),
            "OPENBATCH_TLS_PORT": str(int(port) + 3),
            "OPENBATCH_CONSOLE_PORT": str(int(port) + 5),
            "OPENBATCH_CONSOLE_TLS_PORT": str(int(port) + 6),
            # Spot interruptions that a test can wait for.
            "OPENBATCH_INTERRUPT_NOTICE_MS": "4000",
            "OPENBATCH_INTERRUPT_TERM_MS": "2000",
            # Its better compiler earns in hours what it costs.
            "OPENBATCH_KAFKA_JAVA": "-XX:TieredStopAtLevel=1",
            "DOCKER_SOCKET": socket.removeprefix("unix://"),
        }

    def compose(self, *words, **more):
        return run(*self.command, *words, cwd=ROOT, env=self.env, **more).stdout

    def up(self):
        self.compose("up", "-d", timeout=2400)  # it builds the images, beside all other suites

    def exports(self):
        return evaluated(self.compose("run", "--rm", "-T", "--no-deps", "ready"))

    def client(self, service, **more):
        env = self.exports()
        return boto3.client(
            service,
            endpoint_url=env["AWS_ENDPOINT_URL_BATCH"],
            region_name=env["AWS_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(
                retries={"max_attempts": 20, "mode": "standard"}, read_timeout=15, connect_timeout=5
            ),
            **more,
        )

    def id(self, service):
        """The container's id; None while there is none."""
        ids = docker(
            "ps", "-aq",
            "--filter", f"label=com.docker.compose.project={self.project}",
            "--filter", f"label=com.docker.compose.service={service}",
            "--filter", "label=com.docker.compose.oneoff=False",
        )  # fmt: skip
        return ids.split()[0] if ids else None

    def inspect(self, service):
        return json.loads(docker("inspect", self.id(service)))[0]

    def address(self, service):
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return next(iter(networks.values()))["IPAddress"]

    def executors(self):
        """Names of executors' containers that run."""
        return self.labelled("openbatch.executor")

    def labelled(self, label, *how):
        """Names of this copy's containers whose label says something: on jobs all are set."""
        rows = docker(
            "ps", *how, "--filter", f"label=openbatch.copy={self.project}",
            "--format", f'{{{{.Names}}}} {{{{.Label "{label}"}}}}',
        )  # fmt: skip
        return [row.split()[0] for row in rows.splitlines() if len(row.split()) == 2]

    def containers(self):
        """Names of all containers that are ours and no jobs'."""
        ours = docker(
            "ps", "-a", "--filter", f"label=com.docker.compose.project={self.project}",
            "--format", "{{.Names}}",
        )  # fmt: skip
        return sorted({*ours.split(), *self.labelled("openbatch.executor", "-a")})

    def jobs(self):
        return docker("ps", "--filter", "label=openbatch.run", "--format", "{{.Names}}").split()

    def sql(self, query):
        out = docker(
            "exec", self.id("postgres"), "bash", "-c",
            "PGPASSWORD=$(cat /var/lib/openbatch/secrets/postgres.password) exec "
            'psql -XAtq -F "\t" -h /tmp -U openbatch -d openbatch -c "$0"',
            query,
        )  # fmt: skip
        return [line.split("\t") for line in out.splitlines()]
