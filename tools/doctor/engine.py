"""The container engine and its containerd, or the programs that executors use instead."""

import http.client
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

from finding import Finding
from processes import MEANS, frozen
from system import COMMAND_S, WAIT_S, state_of


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=WAIT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(system, path):
    """The engine's answer to a GET, as an object. Raises OSError."""
    if not system.engine.startswith("unix://"):
        done = subprocess.run(
            ["docker", "-H", system.engine, "version"],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        if done.returncode:
            raise OSError(done.stderr.strip())
        return {}
    connection = UnixConnection(system.engine.removeprefix("unix://"))
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
    except TimeoutError:
        raise OSError(f"no answer to {path} within {WAIT_S} s: it hangs") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(
            f"it answers {answer.status} to {path}: {text.decode(errors='replace')[:200]}"
        )
    return json.loads(text) if text.startswith((b"{", b"[")) else {}


def programs(system):
    """Of executors that run containers themselves."""
    if system.runtime != "oci":
        return
    path = system.setting("PATH", os.environ["PATH"])
    runtime = system.setting("OPENBATCH_OCI_RUNTIME", "crun")
    folder = system.program("executor").parent
    for name, means in (
        (runtime, MEANS["containerd"]),
        (folder / "openbatch-keeper", MEANS["containerd"]),
        (folder / "openbatch-image", MEANS["images"]),
        ("skopeo", MEANS["images"]),
        ("umoci", MEANS["images"]),
    ):
        if not shutil.which(name, path=path):
            yield Finding(
                "executor",
                f"the program {name}, which executors run, does not exist",
                means,
                "./openbatch up installs or builds it",
            )


def server(system):
    ours = system.engine_is_ours
    if not system.engine or (system.runtime == "oci" and not ours):
        return  # executors only copy images from one that is there
    try:
        ask(system, "/_ping")
        ask(system, "/containers/json?limit=1")
    except (OSError, ValueError) as err:
        yield Finding(
            "dockerd",
            f"the container engine at {system.engine} does not work: {err}",
            MEANS["dockerd"],
            "./openbatch logs dockerd shows why; the supervisor restarts one that has ended"
            if ours
            else "systemctl status docker; systemctl restart docker",
        )
    yield from containerd(system, ours)


def containerd(system, ours):
    file = system.run_dir / "docker/containerd/containerd.pid"
    if ours and file.exists():
        pid = int(file.read_text() or 0)
        state = state_of(pid)
        if state in (None, "Z"):
            yield gone("its process has ended", ours)
        elif state == "T":
            yield frozen("containerd", "containerd", pid)
    path = Path("/run/containerd/containerd.sock")
    if not ours and path.exists():
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(WAIT_S)
                sock.connect(str(path))
        except OSError as err:
            yield gone(f"{path}: {err.strerror or err}", ours)


def gone(why, ours):
    return Finding(
        "containerd",
        f"containerd is away: {why}",
        MEANS["containerd"],
        "nothing at first: dockerd starts it again within seconds; else ./openbatch logs dockerd"
        if ours
        else "systemctl restart containerd",
    )
