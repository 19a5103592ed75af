"""A packaged system: settings in /etc/openbatch, systemd, PostgreSQL and Redis of anybody's."""

import os
import re
from pathlib import Path

from system import SERVICES, System, state_of

EXECUTORS = Path("/var/lib/openbatch-executor/unmanaged")
EXECUTORS_RUN = Path("/run/openbatch-executor")
ENGINE = Path("/run/docker.sock")
UNITS = {
    "postgres": "postgresql",
    "redis": "redis-server",
    "dockerd": "docker",
    "kafka": "openbatch-kafka",
}


class PackagedSystem(System):
    supervisor = "systemd"

    def __init__(self):
        super().__init__()
        self.engine = f"unix://{ENGINE}" if EXECUTORS.exists() and ENGINE.exists() else ""
        self.engine_is_ours = False
        self.kafka_port = 9092
        self.sbin = Path(os.environ["OB_SBIN"])
        names = os.environ["OB_SERVICES_SECRETS"].split()
        self.services_secrets = [self.secrets / name for name in names]

    def _env(self):
        """tools/lib.sh has read openbatch.conf."""
        return {k: v for k, v in os.environ.items() if k.startswith("OPENBATCH_")}

    def services(self):
        """The console is a package of its own."""
        return [name for name in SERVICES if name != "console" or self.program(name).exists()]

    def owner(self, file):
        if file.name == "kafka-reader.password" and "console" not in self.services():
            return ""
        return "openbatch" if file in self.services_secrets else ""

    def parts(self):
        return self.services()

    def ports(self):
        ports = {self.port: "api"}
        if "console" in self.services():
            ports[int(self.setting("OPENBATCH_CONSOLE_PORT", "8085"))] = "console"
        return ports

    def program(self, service):
        return self.sbin / f"openbatch-{service}"

    def part_pid(self, part):
        return next(self._processes(f"openbatch-{part}"), None)

    def _processes(self, program):
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].decode(errors="replace") == str(self.sbin / program):
                pid = int(path.name)
                if state_of(pid) not in (None, "Z"):
                    yield pid

    def executors(self):
        for folder in sorted(EXECUTORS.glob("*")):
            name = (folder / "instance").read_text().strip()
            running = [
                pid
                for pid in self._processes("openbatch-executor")
                if folder.name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            ]
            yield name, next(iter(running), None), EXECUTORS_RUN / f"executor-{name}.health"

    def as_openbatch(self):
        return ["runuser", "-u", "openbatch", "--"] if os.geteuid() == 0 else []

    def command(self, text):
        def journal(match):
            return f"journalctl -u {UNITS.get(match[1], 'openbatch-' + match[1])}"

        text = re.sub(r"\./openbatch logs ([\w-]+)", journal, text)
        text = text.replace("./openbatch up makes", "openbatch setup makes")
        text = text.replace("./openbatch up", "systemctl restart the unit, or openbatch setup")
        return text.replace("./openbatch", "openbatch")
