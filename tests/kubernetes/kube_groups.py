"""The control groups of a node, in version 1 (a hierarchy for each controller) or 2 (one)."""

import contextlib
import os
import signal
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = "+cpu +cpuset +memory +pids +io +hugetlb"


def is_v2():
    return (ROOT / "cgroup.controllers").exists()


def hierarchies():
    """Where groups can be made."""
    if is_v2():
        return [ROOT]
    found = []
    for line in Path("/proc/mounts").read_text().splitlines():
        words = line.split()
        if words[2] in ("cgroup", "cgroup2") and words[1].startswith(str(ROOT)):
            found.append(Path(words[1]))
    return found


def allow_controllers(group):
    """Version 2: groups below this one have all controllers that there are."""
    there = (group / "cgroup.controllers").read_text().split()
    wanted = " ".join(word for word in CONTROLLERS.split() if word[1:] in there)
    try:
        (group / "cgroup.subtree_control").write_text(wanted)
    except OSError as e:
        raise RuntimeError(
            f"{group} does not pass its controllers on ({e.strerror}): the suite needs the root of"
            " the control groups, or a group without processes"
        ) from e


def make(name):
    """A group that a kubelet can take as its root: it must be in every hierarchy."""
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if not is_v2() and (group / file).exists():
                (group / file).write_text((hierarchy / file).read_text())
    if is_v2():
        allow_controllers(ROOT)
        allow_controllers(ROOT / name)


def groups(name):
    """The group and all below it, the deepest first."""
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            yield Path(folder)


def processes(name):
    found = set()
    for group in groups(name):
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in (group / "cgroup.procs").read_text().split()}
    return found - {0}


def kill(name):
    for pid in processes(name):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def remove(name):
    for group in groups(name):
        with contextlib.suppress(OSError):
            group.rmdir()
