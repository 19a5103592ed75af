"""What is left of the containers of executors that run them themselves: folders, control groups,
mounts, and processes, in whichever mount namespace. Changes nothing."""

import contextlib
import os
import re
from pathlib import Path

NAME = re.compile(r"/(i-\w+)/(ob-[0-9a-f-]+)")
INSTANCE = re.compile(r"i-\w+")


def _instances(home):
    """Of this copy, also those that are gone."""
    folders = [*home.glob("instances/i-*"), *home.glob("oci/i-*"), *home.glob("log/executor-i-*")]
    return {INSTANCE.search(folder.name)[0] for folder in folders}


def _folders(home):
    for path in home.glob("oci/i-*/ob-*"):
        yield str(path), "its folder"


def _groups(_):
    for folder, _, _ in os.walk("/sys/fs/cgroup"):
        if "/openbatch/i-" in folder:
            yield folder, "a control group"


def _processes(home):
    """Keepers, programs that make containers, and whoever sees a mount of the home."""
    place = str(home / "oci")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (
                (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
            if place in command and "--id" in command:
                named = re.search(r"--instance (i-\w+) --id (ob-[0-9a-f-]+)", command)
                if named:
                    yield f"/{named[1]}/{named[2]}", f"a keeper, process {process.name}"
            for line in (process / "cgroup").read_text().splitlines():
                yield line, f"process {process.name}: {command[:60]}"
            for line in (process / "mountinfo").read_text().splitlines():
                if place in line and "/ob-room/" in line:
                    yield line, f"a mount that process {process.name} sees"


def look(home):
    """(name of a container, what of it is left), each kind once a container."""
    home, found = Path(home), {}
    mine = _instances(home)
    for kind in (_folders, _groups, _processes):
        for text, what in kind(home):
            at = NAME.search(text)
            if at and at[1] in mine:
                found.setdefault((at[2], kind), what)
    return [(name, what) for (name, _), what in found.items()]
