"""Processor time of a copy's processes, by name, from /proc. Rates of a shared machine are noisy;
what the work costs is less so.

A copy's processes are those whose environment names its home, and all below them: PostgreSQL's
backends write their title over their environment. A process that ended was added to its parent's
time by the kernel, if the parent waited for it; one that was nobody's child any more (a shim of
containers) is counted as it was when it was last seen."""

import contextlib
import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
NAME_MAX = 15  # the kernel cuts names there
# Programs by another name than their own; many small ones do one thing together.
GROUPS = {
    "openbatch-api": "api",
    "openbatch-scheduler": "scheduler",
    "openbatch-scaler": "scaler",
    "openbatch-executor": "executor",
    "openbatch-console": "console",
    "java": "kafka",
    "postgres": "postgresql",
    "redis-server": "redis",
    "svlogd": "supervision and logs",
    "runsv": "supervision and logs",
    "runsvdir": "supervision and logs",
    "openbatch-logger": "supervision and logs",
    "sv": "supervision and logs",
    "containerd-shim-runc-v2": "containerd-shim",
}
GROUPS = {name[:NAME_MAX]: group for name, group in GROUPS.items()}


@dataclass(frozen=True)
class Process:
    key: tuple  # (pid, time of its start): a number is used again
    parent: int
    name: str
    own: float  # microseconds
    children: float  # of those that it has waited for


def parse_stat(text):
    """A line of /proc/PID/stat; the name may have blanks and brackets."""
    pid, _, rest = text.partition(" (")
    name, _, rest = rest.rpartition(") ")
    words = rest.split()
    user, system, of_user, of_system = (int(word) for word in words[11:15])
    return Process(
        key=(int(pid), int(words[19])),
        parent=int(words[1]),
        name=name,
        own=(user + system) * TICK_US,
        children=(of_user + of_system) * TICK_US,
    )


def all_processes():
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                process = parse_stat(Path(entry.path, "stat").read_text())
                found[process.key[0]] = process
    return found


def names_home(pid, home):
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"OPENBATCH_HOME={home}".encode() in environment.split(b"\0")


def below(processes, roots):
    """These processes and all their descendants."""
    chosen = set(roots)
    grown = True
    while grown:
        more = {p for p, process in processes.items() if process.parent in chosen} - chosen
        chosen |= more
        grown = bool(more)
    return {pid: processes[pid] for pid in chosen if pid in processes}


def group_of(name):
    return GROUPS.get(name[:NAME_MAX], name)


class Accounts:
    """Adds up what snapshots of the same processes show. used(): {group: microseconds} since the
    first snapshot; the children of an executor and of a container engine, which are the runtime's
    programs, have a row of their own."""

    def __init__(self, begin):
        self.first = {process.key: process for process in begin.values()}
        self.last = dict(self.first)
        self.alive = set(self.last)

    def take(self, snapshot):
        for process in snapshot.values():
            if process.key not in self.first:  # it began later, so all of its time counts
                self.first[process.key] = replace(process, own=0, children=0)
            self.last[process.key] = process
        self.alive = {process.key for process in snapshot.values()}

    def used(self):
        parents = {key[0] for key in self.alive}
        groups = {}
        for key, process in self.last.items():
            before = self.first[key]
            own, children = process.own - before.own, process.children - before.children
            group = group_of(process.name)
            if key not in self.alive and process.parent in parents:
                # Its parent's figure has all of it, also what was before the first snapshot.
                parent = next(p for k, p in self.last.items() if k[0] == process.parent)
                self._add(groups, self._of_children(parent), -(before.own + before.children))
                continue
            self._add(groups, group, own)
            self._add(groups, self._of_children(process), children)
        return {name: max(0, us) for name, us in groups.items() if us > 0}

    @staticmethod
    def _of_children(process):
        group = group_of(process.name)
        is_runner = group in ("executor", "containerd", "dockerd", "containerd-shim")
        return f"programs that {group} runs" if is_runner else group

    @staticmethod
    def _add(groups, name, us):
        groups[name] = groups.get(name, 0) + us


class Meter:
    """with Meter(home) as meter: …; then meter.used. It looks at the processes again and again,
    if some of them are short-lived and nobody's children (every: seconds)."""

    def __init__(self, home, every=None, chosen=None):
        self.home, self.every, self.chosen = str(home), every, chosen
        self.roots = set()

    def _snapshot(self, again=True):
        processes = all_processes()
        if again or not self.roots:
            self.roots = {pid for pid in processes if names_home(pid, self.home)}
        found = below(processes, self.roots - {os.getpid()})
        if self.chosen:
            found = {pid: p for pid, p in found.items() if self.chosen(p)}
        return found

    def __enter__(self):
        self.accounts = Accounts(self._snapshot())
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        if self.every:
            self.thread.start()
        return self

    def _watch(self):
        while not self.ending.wait(self.every):
            self.accounts.take(self._snapshot())

    def __exit__(self, *_):
        self.ending.set()
        if self.every:
            self.thread.join(10)
        self.accounts.take(self._snapshot())
        self.used = self.accounts.used()

    def each(self, number):
        """Microseconds by group for each of this number of jobs, and of all together."""
        shares = {name: us / number for name, us in self.used.items()}
        return shares, sum(shares.values())


def machine_busy():
    """(busy, all) ticks of the machine since it began."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    ticks = [int(word) for word in words[:8]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def memory_kib(pid):
    """(proportional, resident) set of a process: shared pages by shares, and whole."""
    rows = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        rows[name] = int(value.split()[0])
    return rows["Pss"], rows["Rss"]
