"""The copy that is looked at: where its state is, its settings, its processes, its servers. Only
reads; every wait has an end."""

import http.client
import json
import os
import socket
import subprocess
import time
from pathlib import Path

WAIT_S = 5  # for any answer
COMMAND_S = 60  # for a command of this host, which may be busy
BACKING = ["postgres", "redis", "kafka"]
SERVICES = ["api", "scheduler", "scaler", "console"]


class System:
    supervisor = "runsvdir"

    def __init__(self):
        self.root = Path(os.environ["OB_ROOT"])
        self.home = Path(os.environ["OPENBATCH_HOME"])
        self.run_dir = Path(os.environ["OPENBATCH_RUN_DIR"])
        self.port = int(os.environ["OPENBATCH_PORT"])
        self.engine = os.environ.get("OB_ENGINE", "")
        self.config = self._config()
        self.env = self._env()
        self.build = Path(os.environ.get("OB_BUILD") or "/nowhere")
        self.secrets = self.home / "secrets"
        self.kafka_port = self.port + 1
        self.engine_is_ours = self.config.get("engine") == "ours"
        self.runtime = self.setting("OPENBATCH_RUNTIME", "docker")
        self.begun = time.monotonic()

    def _config(self):
        file = self.home / "config"
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def _env(self):
        """The settings that the services get."""
        file = self.home / "env"
        if not file.exists():
            return {}
        done = subprocess.run(
            ["bash", "-c", 'set -a; . "$1"; env -0', "bash", file],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            env={"PATH": os.environ["PATH"]},
        )
        return dict(pair.split("=", 1) for pair in done.stdout.split("\0") if "=" in pair)

    def setting(self, name, default=""):
        return self.env.get(name) or default

    # --- processes ---

    def services(self):
        """The names of our services."""
        return SERVICES

    def owner(self, file):
        """The user who has to own a secret, because a service reads it; "": that is not known."""
        return ""

    def parts(self):
        """The names of supervised servers and services."""
        names = [*BACKING, *(["dockerd"] if self.engine_is_ours else []), *SERVICES]
        return names + (["tls"] if self.config.get("tls") == "on" else [])

    def ports(self):
        """Who listens where."""
        wanted = {
            self.port: "api",
            self.port + 1: "kafka",
            self.port + 2: "kafka",
            self.port + 5: "console",
        }
        if self.config.get("tls") == "on":
            wanted[self.port + 3] = wanted[self.port + 6] = "tls"
        if self.config.get("kafka_remote"):
            wanted[self.port + 4] = "kafka"
        return wanted

    def part_pid(self, part):
        """The process of a supervised server or service; None without one."""
        return self.pid(self.service_dir(part))

    def service_dir(self, part):
        return self.home / "sv" / part

    def instance_dirs(self):
        """Of executors on this host."""
        return [d for d in sorted((self.home / "instances").glob("i-*")) if (d / "run").exists()]

    def executors(self):
        """(instance, process or None, socket of its health) of each executor on this host."""
        for folder in self.instance_dirs():
            yield folder.name, self.pid(folder), self.run_dir / f"executor-{folder.name}.health"

    def program(self, service):
        return self.build / f"services/{service}/openbatch-{service}"

    def command(self, text):
        """What to do, in the words of this kind of installation."""
        return text

    def pid(self, folder):
        """The process that runs in a supervised directory; None without one."""
        try:
            text = (folder / "supervise/pid").read_text().strip()
        except OSError:
            return None
        # Empty: there is none, or the disk was full when it was to be written.
        pid = int(text) if text.isdigit() else supervised(folder)
        return pid if pid and state_of(pid) not in (None, "Z") else None

    # --- answers ---

    def health(self, name):
        """What a service or an executor says of itself. Raises OSError or ValueError."""
        if name == "api":
            conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
            conn.request("GET", "/healthz")
            answer = conn.getresponse()
            return json.loads(answer.read()) | {"date": answer.getheader("Date")}
        return health_at(self.run_dir / f"{name}.health")

    def as_openbatch(self):
        """Begins a command that runs as the user of the services."""
        return []

    def psql(self, query, timeout=WAIT_S):
        """Rows of a query as lists of texts. Raises OSError with PostgreSQL's words."""
        conninfo = self.setting(
            "OPENBATCH_PG", f"host={self.run_dir} user=openbatch dbname=openbatch"
        )
        env = os.environ | {
            "PGCONNECT_TIMEOUT": str(WAIT_S),
            "PGAPPNAME": "openbatch doctor",
            "PGOPTIONS": f"-c statement_timeout={timeout}s -c default_transaction_read_only=on",
        }
        try:
            done = subprocess.run(
                [
                    *self.as_openbatch(),
                    "psql",
                    "-XAtq",
                    "-F",
                    "\t",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-d",
                    conninfo,
                    "-c",
                    query,
                ],
                capture_output=True,
                text=True,
                env=env,
                cwd="/",
                timeout=timeout + WAIT_S,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"no answer within {timeout + WAIT_S} s") from None
        if done.returncode:
            words = (done.stderr.strip().splitlines() or ["no answer"])[0]
            raise OSError(words.removeprefix("psql: error: "))
        return [line.split("\t") for line in done.stdout.splitlines()]


def health_at(path):
    """What a service or an executor says of itself on a socket. Raises OSError or ValueError."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT_S)
        sock.connect(str(path))
        return json.loads(b"".join(iter(lambda: sock.recv(65536), b"")))


def stat_of(pid):
    """The fields of /proc/PID/stat after the name; None without such a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None


def state_of(pid):
    """R, S, D, T, Z …; None without such a process."""
    fields = stat_of(pid)
    return fields[0] if fields else None


def supervised(folder):
    """The process that the supervisor of this directory has started, which also has that of its
    log; by proc(5)."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        if fields := stat_of(path.name):
            parents[int(path.name)] = int(fields[1])
    logger = [folder / "log", folder.parents[1] / "log" / folder.name]
    for pid, parent in parents.items():
        words = command_of(parent).split()
        if words[:1] == ["runsv"] and cwd_of(parent) == folder and cwd_of(pid) not in logger:
            return pid
    return None


def cwd_of(pid):
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return None


def age_of(pid):
    """Seconds since it began; None without such a process."""
    fields = stat_of(pid)
    if not fields:
        return None
    began = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def command_of(pid):
    try:
        text = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""
    return text.strip()[:80]
