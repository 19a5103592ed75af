"""What test clusters on a host share: numbers, from which ports, addresses and networks are made;
the kernel's settings, which a kubelet changes; and folders for mounts. The last cluster that ends
restores the settings, and removes the folders that were not there.
"""

import contextlib
import fcntl
import json
import shutil
from pathlib import Path

from ports import is_free

SHARED = Path("/run/openbatch-kubernetes")
SLOTS = 32
# Above those of test copies, below those that the kernel gives to clients.
FIRST_PORT, PORTS = 32100, 10
SETTINGS = ["vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops"]
SETTINGS += ["kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes"]
# Where kubelet, containerd and CNI plugins write, whatever their settings say: in these places each
# node has a folder of its own (kube_node.py).
PLACES = ["/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/run/containerd"]
PLACES += ["/run/netns"]


@contextlib.contextmanager
def locked():
    SHARED.mkdir(parents=True, exist_ok=True)
    with (SHARED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def file_of(setting):
    return Path("/proc/sys") / setting.replace(".", "/")


def remember():
    """What give_back() restores: the settings, and the folders that are made."""
    there = [name for name in SETTINGS if file_of(name).exists()]
    settings = {name: file_of(name).read_text().strip() for name in there}
    made = [place for place in PLACES if not Path(place).exists()]
    (SHARED / "before").write_text(json.dumps({"settings": settings, "made": made}))
    for place in made:
        Path(place).mkdir(parents=True)


def restore():
    before = json.loads((SHARED / "before").read_text())
    for name, value in before["settings"].items():
        if file_of(name).read_text().strip() != value:
            file_of(name).write_text(value)
    for place in before["made"]:
        with contextlib.suppress(OSError):
            Path(place).rmdir()  # unless somebody else uses it now
    (SHARED / "before").unlink()


def used():
    """{slot: folder of its cluster}"""
    found = {}
    for mark in SHARED.glob("*/cluster"):
        found[int(mark.parent.name)] = Path(mark.read_text())
    return found


def take(folder):
    """(slot, first port): the lowest that no other cluster has."""
    with locked():
        others = used()
        if not (SHARED / "before").exists():
            remember()
        for slot in range(SLOTS):
            port = FIRST_PORT + slot * PORTS
            if slot not in others and all(is_free(port + n) for n in range(PORTS)):
                (SHARED / str(slot)).mkdir(exist_ok=True)
                (SHARED / str(slot) / "cluster").write_text(str(folder))
                return slot, port
    raise RuntimeError("there is no room for another test cluster on this host")


def give_back(slot):
    with locked():
        shutil.rmtree(SHARED / str(slot), ignore_errors=True)
        if not used():
            restore()
