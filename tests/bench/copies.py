"""Copies of OpenBatch that only benchmarks use: with homes, servers and ports of their own, and a
build without sanitizers."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/e2e"))

from ports import is_free  # noqa: E402
from stack import Stack, wait_for  # noqa: E402
from work import Work  # noqa: E402

SHARED = ("venv", "node_modules", "kafka/libs", "web")  # of the home in which all is installed
# More than any benchmark asks for: what runs here needs no memory.
SETTINGS = {"OPENBATCH_LOCAL_VCPUS": "4096", "OPENBATCH_LOCAL_MEMORY_MIB": "33554432"}


def port_ranges():
    """The first of twenty ports that are free, for each copy; OPENBATCH_BENCH_PORT: where to begin
    to look."""
    for first in range(int(os.environ.get("OPENBATCH_BENCH_PORT", "24000")), 32000, 20):
        if all(is_free(port) for port in range(first, first + 20)):
            yield first
    raise RuntimeError("there are no twenty free ports in a row")


class Psql:
    """A session of psql that stays: a query costs no process."""

    def __init__(self, copy):
        self.process = subprocess.Popen(
            copy.psql(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def value(self, query):
        """Of a query with one row of one column."""
        self.process.stdin.write(query.rstrip("; ") + ";\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"psql has ended at: {query}")
        return line.rstrip("\n")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Copy(Stack):
    """One that runs. name: what it is for."""

    def __init__(self, root, home, name):
        self.root, self.name = root, name
        super().__init__(home)
        self.batch, self.logs = self.client("batch"), self.client("logs")
        self.work = Work(self.batch, self.logs, "openbatch/busybox")
        self.now = Psql(self)

    def openbatch(self, *args, timeout=900):
        return subprocess.run(
            [self.root / "openbatch", *args],
            env=self.own_env(),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def queue(self, vcpus=384, types=("m5.24xlarge",)):
        """With instances that are there from the beginning and stay."""
        environment = self.work.environment(max_vcpus=vcpus, types=types, minvCpus=vcpus)
        queue = self.work.queue(environment)
        wait_for(
            "the instances",
            lambda: self.vcpus(environment) >= vcpus,
            180,
        )
        return queue

    def vcpus(self, environment):
        """Of its instances that can have jobs."""
        return int(
            self.now.value(
                "SELECT coalesce(sum(i.vcpus), 0) FROM instance i JOIN compute_environment c"
                f" ON c.id = i.ce_id WHERE i.state = 1 AND c.name = '{environment}'"
            )
        )

    def queue_id(self, queue):
        return int(self.now.value(f"SELECT id FROM job_queue WHERE name = '{queue}'"))

    def is_done(self):
        """Is every job that was accepted in its last state, and that committed? The newest one is
        looked at first, through an index: the rows that live has lost since it was cleaned last
        are many, and this is asked 20 times a second beside what is measured."""
        return (
            self.now.value(
                "SELECT CASE WHEN (SELECT EXISTS (SELECT FROM done d WHERE d.job_id = j.id"
                " AND d.idx = -1) FROM job j ORDER BY j.id DESC LIMIT 1) THEN"
                " NOT EXISTS (SELECT FROM inbox WHERE consumer = 1)"
                " AND NOT EXISTS (SELECT FROM live) ELSE NOT EXISTS (SELECT FROM job) END"
            )
            == "t"
        )

    def succeeded(self, queue_id, since="00000000-0000-0000-0000-000000000000"):
        """How many jobs of a queue, newer than this one."""
        return int(
            self.now.value(
                f"SELECT count(*) FROM done WHERE queue_id = {queue_id} AND state = 5"
                f" AND idx = -1 AND job_id > '{since}'"
            )
        )

    def newest(self, queue_id):
        """Ids are in the order of time."""
        return self.now.value(
            "SELECT coalesce((SELECT id FROM job"
            f" WHERE queue_id = {queue_id} ORDER BY id DESC LIMIT 1),"
            " '00000000-0000-0000-0000-000000000000')"
        )


class Side:
    """A version of OpenBatch with its copies, each started when it is first asked for."""

    def __init__(self, root, installed, build, folder, numbers):
        self.root, self.installed, self.build, self.folder = root, installed, build, folder
        self.numbers = numbers
        self.copies, self.homes, self.state = {}, {}, {}
        self.helpers = {}  # processes beside a copy

    def runtimes(self):
        """That this build's executor knows, apart from null."""
        text = subprocess.run(
            [self.build / "services/executor/openbatch-executor", "--config-table"],
            capture_output=True,
            text=True,
        ).stdout
        return runtimes_in(text)

    def copy(self, name, runtime="null", **settings):
        """The copy of this name."""
        if name not in self.copies:
            self.copies[name] = self._start(name, runtime, settings)
        return self.copies[name]

    def _start(self, name, runtime, settings):
        folder = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=self.folder))
        folder.chmod(0o711)
        home = folder / "home"
        (home / "kafka").mkdir(parents=True)
        for part in SHARED:
            if (self.installed / part).exists():
                (home / part).symlink_to(self.installed / part)
        (home / "build").symlink_to(self.build)
        (home / "config").write_text("made=for the benchmarks\nengine=ours\n")
        self.homes[name] = home
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")}
        env |= SETTINGS | settings
        env |= {
            "OPENBATCH_HOME": str(home),
            "OPENBATCH_PORT": str(next(self.numbers)),
            "OPENBATCH_RUNTIME": runtime,
        }
        up = subprocess.run(
            [self.root / "openbatch", "up"], env=env, capture_output=True, text=True
        )
        if up.returncode != 0:
            raise RuntimeError(f"openbatch up: {up.stderr[-2000:]}")
        return Copy(self.root, home, name)

    def drop(self, name):
        """Ends a copy, with all that is in it."""
        for process in self.helpers.pop(name, []):
            process.terminate()
            process.wait(20)
        copy, home = self.copies.pop(name, None), self.homes.pop(name, None)
        self.state = {key: value for key, value in self.state.items() if key[0] != name}
        if copy:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                copy.now.close()
        if not home:
            return
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")}
        subprocess.run(
            [self.root / "openbatch", "down", "--wipe", "--yes"],
            env=env | {"OPENBATCH_HOME": str(home)},
            capture_output=True,
        )
        shutil.rmtree(home.parent, ignore_errors=True)

    def drop_all(self):
        for name in list(self.homes):
            self.drop(name)


def runtimes_in(config_table):
    """The runtimes that the row of OPENBATCH_RUNTIME names, apart from null."""
    for row in config_table.splitlines():
        cells = row.split("\t")
        if cells[0] == "OPENBATCH_RUNTIME":
            return [name for name in ("docker", "oci") if name in cells[1] + cells[2]]
    return ["docker"]
