"""The machine and the version that figures are of."""

import os
import platform
import subprocess
import time
from pathlib import Path

from cpu import machine_busy


def first_line(command):
    try:
        out = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return ((out.stdout or out.stderr).splitlines() or [None])[0]


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def busy_percent(seconds=2.0):
    """By what else runs, before anything is started."""
    busy, whole = machine_busy()
    time.sleep(seconds)
    busy_now, whole_now = machine_busy()
    return round(100 * (busy_now - busy) / max(1, whole_now - whole), 1)


def version_of(root):
    return first_line(["git", "-C", root, "describe", "--always", "--dirty"])


def describe(root, build):
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memoryGib": memory_gib(),
        "kernel": platform.release(),
        "system": first_line(["sh", "-c", ". /etc/os-release && echo $PRETTY_NAME"]),
        "busyPercent": busy_percent(),
        "commit": version_of(root),
        "build": "release (-O2), without sanitizers" if not sanitized(build) else "SANITIZED",
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "versions": {
            "PostgreSQL": first_line(["pgbench", "--version"]),
            "Docker": first_line(["dockerd", "--version"]),
            "crun": first_line(["crun", "--version"]),
            "runc": first_line(["runc", "--version"]),
            "Slurm": first_line(["slurmctld", "-V"]),
        },
    }


def sanitized(build):
    return "asan" in str(build)
