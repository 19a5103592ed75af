"""The running copy that the tests drive: its endpoint, its servers, its processes."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import botocore.config
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
# A command that lasts until it is stopped, and ends at once then.
HOLD = ["sh", "-c", "trap 'exit 143' TERM; sleep 1000 & wait"]


def assert_promised(took, seconds):
    """A time that is promised holds for most of several tries: a busy machine may hold one of them
    up."""
    print(f"took {', '.join(f'{one:.3f}' for one in took)} s; promised: {seconds} s")
    assert sorted(took)[len(took) // 2] < seconds, took


def control_groups(name):
    """The groups of containers without an engine that have this in their path, in all hierarchies.
    Others come and go while it looks."""
    return [
        Path(folder)
        for folder, _, _ in os.walk("/sys/fs/cgroup")
        if "/openbatch/" in folder and name in folder
    ]


def limits_of_groups(name, files):
    """What these files of a container's groups say, as far as they are there: the names are those
    of control groups v1, or of v2."""
    own = [folder for folder in control_groups(name) if folder.name == name]
    paths = {file: folder / file for folder in own for file in files if (folder / file).exists()}
    return {file: path.read_text().strip() for file, path in paths.items()}


def assignments(variables):
    """As a shell reads them."""
    return shlex.join(f"{name}={value}" for name, value in variables.items())


def pid_in(file):
    """The process that a file names; None if there is no file, or it is being written."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


RUNNABLE, STARTING = 2, 3


def rounds(copy, ids, state):
    """Of the scheduler, in which these jobs came into this state."""
    quoted = ", ".join(f"'{i}'" for i in ids)
    rows = copy.sql(
        f"SELECT round FROM job_event WHERE state = {state} AND NOT blocked"
        f" AND job_id IN ({quoted})"
    )
    return [int(row[0]) for row in rows]


def freeze(pid):
    """SIGSTOP; returns when it stands still, which a call of the kernel may hold up."""
    os.kill(pid, signal.SIGSTOP)
    stat = Path(f"/proc/{pid}/stat")
    wait_for(
        "the process to stand still", lambda: stat.read_text().rsplit(")")[-1].split()[0] in "Tt"
    )


@contextlib.contextmanager
def frozen(*pids):
    """The processes stand still."""
    try:
        for pid in pids:
            freeze(pid)
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def end_groups(processes):
    """Kills processes that lead a group each, with their groups."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Stack:
    """One copy of OpenBatch, found by OPENBATCH_HOME."""

    def __init__(self, home):
        self.home = Path(home)
        self.env = self._exports()
        self.endpoint = self.env["AWS_ENDPOINT_URL_BATCH"]
        self.settings = self._home_env()
        self.run_dir = Path(self.settings["OPENBATCH_RUN_DIR"])
        self.build = self._build()
        self.runtime = self.settings.get("OPENBATCH_RUNTIME", "docker")

    def _build(self):
        """What `up` has built and started; None: a copy that was not built here."""
        config = self.home / "config"
        lines = config.read_text().splitlines() if config.exists() else []
        found = [line.removeprefix("build=") for line in lines if line.startswith("build=")]
        return Path(found[-1]) if found else None

    def own_env(self):
        """For ./openbatch to speak of this copy; the port is what the copy remembers."""
        env = {k: v for k, v in os.environ.items() if k != "OPENBATCH_PORT"}
        return env | {"OPENBATCH_HOME": str(self.home)}

    def openbatch(self, *args, timeout=600):
        """Runs ./openbatch for this copy: the ended process, with its stdout and stderr."""
        return subprocess.run(
            [ROOT / "openbatch", *args],
            env=self.own_env(),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def kafka(self, user=None):
        """Settings of a Kafka client: of a service's user or the administrator, or of the user that
        people have."""
        secret = self.home / f"secrets/kafka-{user}.password"
        return {
            "bootstrap.servers": self.env["OPENBATCH_KAFKA"],
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user or self.env["OPENBATCH_KAFKA_USER"],
            "sasl.password": secret.read_text().strip()
            if user
            else self.env["OPENBATCH_KAFKA_PASSWORD"],
            "log_level": 0,
        }

    def _exports(self):
        text = self.openbatch("env").stdout
        pairs = re.findall(r"^export ([A-Z_0-9]+)=(.*)$", text, re.M)
        return {name: value.strip("'\"") for name, value in pairs}

    def _home_env(self):
        out = subprocess.run(
            ["bash", "-c", f"set -a; . '{self.home}/env'; env -0"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return dict(pair.split("=", 1) for pair in out.split("\0") if "=" in pair)

    def client(self, service, **changes):
        settings = {
            "endpoint_url": self.endpoint,
            "region_name": self.env["AWS_REGION"],
            "aws_access_key_id": self.env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.env["AWS_SECRET_ACCESS_KEY"],
            "config": botocore.config.Config(
                retries={"max_attempts": 10, "mode": "standard"},
                read_timeout=15,
                connect_timeout=5,
            ),
        }
        return boto3.client(service, **(settings | changes))

    def psql(self, *more):
        return ["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.run_dir] + [
            *("-U", "openbatch", "-d", "openbatch", *more)
        ]

    def sql(self, query):
        """Rows of a query, as lists of texts."""
        out = subprocess.run(
            self.psql("-c", query), check=True, capture_output=True, text=True
        ).stdout
        return [line.split("\t") for line in out.splitlines()]

    def sql_of(self, database, query):
        """Rows of a query in another database."""
        command = [database if word == "openbatch" else word for word in self.psql("-c", query)]
        command[command.index("-U") + 1] = "openbatch"
        done = subprocess.run(command, capture_output=True, text=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def sql_as_administrator(self, *statements):
        """Statements outside of transactions, as PostgreSQL's own user."""
        for statement in statements:
            subprocess.run(
                ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.run_dir]
                + ["-U", "postgres", "-d", "postgres", "-c", statement],
                check=True,
                capture_output=True,
            )

    @contextlib.contextmanager
    def transaction(self, statements, end="COMMIT"):
        """Holds a transaction open that has run these statements."""
        psql = subprocess.Popen(
            self.psql(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            psql.stdin.write(f"BEGIN;\n{statements};\nSELECT 'held';\n")
            psql.stdin.flush()
            assert psql.stdout.readline() == "held\n"
            yield
        finally:
            psql.communicate(f"{end};\n", timeout=30)
        assert psql.returncode == 0

    def waits_for_a_lock(self, application):
        """How many connections of this name wait for a transaction of somebody else's."""
        return int(
            self.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                f" AND application_name = '{application}'"
            )[0][0]
        )

    def health(self, service):
        """What a service says of itself on its socket; None while it is not there."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(str(self.run_dir / f"{service}.health"))
                return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))
        except (OSError, ValueError):
            return None

    def docker(self, *args, check=True):
        env = (
            os.environ | {"DOCKER_HOST": self.env["DOCKER_HOST"]}
            if ("DOCKER_HOST" in self.env)
            else os.environ
        )
        return subprocess.run(
            ["docker", *args], check=check, capture_output=True, text=True, env=env
        ).stdout

    def runtime_settings(self):
        """Variables with which an executor that nobody supervises runs containers as this copy's
        do: by the same engine, or from the same images."""
        if self.runtime == "oci":
            images = str(self.home / "images")
            return {"OPENBATCH_RUNTIME": "oci", "OPENBATCH_OCI_IMAGES": images}
        return {k: v for k, v in self.settings.items() if k == "DOCKER_HOST"}

    def containers(self, job="", instance="", running=False):
        """The names of a job's or an instance's containers; running: not of those that have
        ended."""
        if self.runtime == "oci":
            paths = control_groups(job or instance)
            paths += [] if running else self.home.glob("oci/i-*/ob-*")
            named = [re.search(r"/(i-\w+)/(ob-[\w-]+)", str(path)) for path in paths]
            return sorted({at[2] for at in named if at and instance in at[1] and job in at[2]})
        filters = [f"name=ob-{job}"] if job else []
        filters += [f"label=openbatch.instance={instance}"] if instance else []
        words = [word for one in filters for word in ("--filter", one)]
        words += [] if running else ["--all"]
        return self.docker("ps", "--format", "{{.Names}}", *words).split()

    def pid(self, service):
        """The process of a supervised server or service."""
        for folder in (self.home / "sv" / service, self.home / "instances" / service):
            pid = pid_in(folder / "supervise/pid")
            if pid is not None:
                return pid
        return None

    def kill(self, service, sig=signal.SIGKILL):
        """kill -9, as a crash would."""
        pid = wait_for(f"a process of {service}", lambda: self.pid(service))
        os.kill(pid, sig)
        return pid

    def has_image(self, name):
        """Whether a job can use an image of this name without a registry."""
        if self.runtime == "oci":
            return f"docker.io/{name}:latest " in self.openbatch("image", "list").stdout
        return bool(self.docker("image", "inspect", name, check=False).strip("[]\n"))

    def save_image(self, name, file):
        """An archive of an image, as of docker save; it has this name with the tag latest."""
        if self.runtime != "oci":
            self.docker("save", "-o", file, name)
            return
        names = [json.loads(path.read_text()) for path in (self.home / "images/names").glob("*")]
        [known] = [entry for entry in names if entry["name"] == f"docker.io/{name}:latest"]
        [digits] = {platform["id"] for platform in known["platforms"].values()}
        root = self.home / "images/images" / digits / "rootfs"
        layer = Path(file).with_suffix(".layer")
        subprocess.run(["tar", "-C", root, "-cf", layer, "."], check=True)
        subprocess.run(
            [sys.executable, ROOT / "tools/image_archive.py", name, layer, file], check=True
        )

    def change_settings(self, changes):
        """Sets variables of the home's env file (None: forgets one) and starts again what reads
        them; executors have what was set when their instance was launched. Returns what undoes
        it."""
        file = self.home / "env"
        lines = file.read_text().splitlines()
        before = {name: self._home_env().get(name) for name in changes}
        lines = [line for line in lines if line.partition("=")[0] not in changes]
        lines += [f"{k}={shlex.quote(str(v))}" for k, v in changes.items() if v is not None]
        file.write_text("\n".join(lines) + "\n")
        for service in ("api", "scaler"):
            self.restart(service)
        return before

    def restart(self, service, timeout=120):
        old = self.kill(service, signal.SIGTERM)
        wait_for(f"another {service}", lambda: self.pid(service) not in (None, 0, old), timeout)
        wait_for(f"{service} to be well", lambda: self.is_well(service), timeout)

    def healthz(self):
        """(status, text) of GET /healthz; (None, why) without an answer."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as err:
            return err.code, err.read().decode()
        except OSError as err:
            return None, str(err)

    def is_well(self, service):
        if service != "api":
            return (self.health(service) or {}).get("ok")
        return self.healthz()[0] == 200

    def instances(self):
        return [row[0] for row in self.sql("SELECT id FROM instance WHERE state IN (1, 2)")]
