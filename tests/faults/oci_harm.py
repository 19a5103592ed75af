"""Faults of the parts of containers that no engine runs: the keeper of each, the program that makes
it (crun or runc), the kernel's memory. docs/containers.md says how these work."""

import contextlib
import os
import shutil
import signal
import threading
import time
from pathlib import Path

from stack import wait_for

# Takes the place of the program. For each of its calls that has a token in plan/, named
# <verb>.<how>.<number>, it does that harm once. "amid" is some moment while the program works.
PROGRAM = r"""#!/bin/sh
dir=${0%/*}
verb=none
for word in "$@"; do
    case $word in create | start | kill | delete | state) verb=$word; break ;; esac
done
how=none
for token in "$dir/plan/$verb".*; do
    mv "$token" "$dir/taken/" 2>/dev/null || continue
    how=${token#"$dir/plan/$verb."}
    how=${how%.*}
    break
done
soon() { # PROCESS: is killed in a moment
    (
        sleep "0.0$(($(date +%N | tail -c 4 | sed 's/^0*//;s/^$/0/') % 40 + 10))"
        kill -9 "$1"
    ) </dev/null >/dev/null 2>&1 &
}
case $how in
before) kill -9 $$ ;;
amid) soon $$ ;;
after) REAL "$@"; kill -9 $$ ;;
starved) echo $$ >"$dir/group/cgroup.procs" ;;
keeper_before) kill -9 "$PPID" ;;
keeper_amid) soon "$PPID" ;;
keeper_late) kill -9 "$PPID"; sleep 0.2 ;;
keeper_after) REAL "$@"; kill -9 "$PPID"; exit 0 ;;
esac
exec REAL "$@"
"""


class Program:
    """The program that makes containers, which dies as the test plans it."""

    def __init__(self, folder, name, group=None):
        """name: crun or runc. group: of control, with hardly any memory, for "starved"."""
        self.folder = folder / f"program-{name}"
        for part in ("plan", "taken"):
            (self.folder / part).mkdir(parents=True)
        self.path = self.folder / name
        self.path.write_text(PROGRAM.replace("REAL", shutil.which(name)))
        self.path.chmod(0o755)
        if group:
            (self.folder / "group").symlink_to(group)
        self.planned = 0

    def plan(self, verb, how, times):
        """So many calls of the verb, from now on."""
        for _ in range(times):
            self.planned += 1
            (self.folder / f"plan/{verb}.{how}.{self.planned}").touch()

    def left(self):
        return sorted(path.name for path in (self.folder / "plan").iterdir())


class Keepers:
    """The keepers of a copy's containers, as their folders name them."""

    def __init__(self, stack, note):
        self.home, self.note = stack.home / "oci", note

    def said(self):
        """{folder of an attempt: words that its keeper has said, each as a list}."""
        found = {}
        for path in self.home.glob("i-*/ob-*/state"):
            with contextlib.suppress(OSError):
                found[path.parent] = [line.split() for line in path.read_text().splitlines()]
        return found

    def of(self, job, word, at=-1):
        """A number that the keeper of the job's container has said behind a word, or None."""
        for folder, lines in self.said().items():
            if f"-{job}-" in f"{folder.name}-":
                for line in lines:
                    if line[0] == word:
                        return int(line[at])
        return None

    @contextlib.contextmanager
    def hunted(self, word, times):
        """kill -9 of so many keepers, each as soon as it has said the word; waits for the last."""
        ending, killed = threading.Event(), []

        def hunt():
            seen = set()
            while not ending.is_set() and len(killed) < times:
                for folder, lines in self.said().items():
                    pids = [int(line[1]) for line in lines if line[0] == "keeper"]
                    if folder in seen or not pids or lines[-1][0] not in (word, "clean"):
                        continue
                    seen.add(folder)
                    if lines[-1][0] == word and len(killed) < times:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pids[0], signal.SIGKILL)
                            killed.append(folder.name)
                time.sleep(0.0005)

        thread = threading.Thread(target=hunt, daemon=True)
        thread.start()
        try:
            yield killed
        finally:
            ending.set()
            thread.join(60)
            self.note("keepers.kill", word=word, containers=killed)


@contextlib.contextmanager
def no_memory(limit=4096):
    """A control group whose processes the kernel kills at their next page: the group's folder."""
    root = Path("/sys/fs/cgroup")
    is_v2 = (root / "cgroup.controllers").exists()
    folder = (root if is_v2 else root / "memory") / f"openbatch-starved-{os.getpid()}"
    if is_v2:
        with contextlib.suppress(OSError):
            (root / "cgroup.subtree_control").write_text("+memory")
    folder.mkdir()
    try:
        (folder / ("memory.max" if is_v2 else "memory.limit_in_bytes")).write_text(str(limit))
        yield folder
    finally:
        # A process that did not need a page lives; it goes back.
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (folder.parent / "cgroup.procs").write_text(pid)
        wait_for("the group to be empty", lambda: not (folder / "cgroup.procs").read_text(), 30)
        folder.rmdir()


def starve(group, pids, note):
    """The kernel kills these for lack of memory; waits until it has."""
    note("starve", pids=pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid))
    wait_for("the kernel to kill them", lambda: not [p for p in pids if lives(p)], 120)


def lives(pid):
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    return False
