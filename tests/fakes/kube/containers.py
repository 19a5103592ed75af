"""The container runtime of a node: containers are processes of this host.

Each container is process 1 of a process namespace of its own, if the kernel lets us make one: it
gets SIGTERM only if it handles it, and takes its children with it. It has no root of its own: where
its words or its variables name a folder that a volume is mounted on, they name the volume's real
folder instead. Containers live on when their node's kubelet does not."""

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

from .container_log import ContainerLog
from .store import now_text

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NEW_PIDS = 0x20000000  # CLONE_NEWPID
EPOCH = "1970-01-01T00:00:00Z"
NOT_FOUND = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
    "create failed: unable to start container process: error during container init: exec: "
    '"{}": {}: unknown'
)
libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Life:
    """Of one container that really ran, by the monotonic clock; what it was labelled and told."""

    node: str
    pod: str
    container: str
    labels: dict
    env: dict
    began: float
    ended: float | None = None


@dataclass
class Container:
    """state is created, running or exited."""

    id: str
    log: ContainerLog = field(default_factory=ContainerLog)
    state: str = "created"
    process: subprocess.Popen | None = None
    own_pids: bool = False
    started_at: str = EPOCH
    finished_at: str = ""
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    out_of_memory: str = ""  # "", "itself" or "child"
    life: Life | None = None
    is_spoilt: bool = False
    is_told: bool = False  # to end
    ended: threading.Event = field(default_factory=threading.Event)

    def send(self, number):
        """A signal for its first process; SIGKILL is for all of them."""
        process = self.process
        if self.state != "running" or not process:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL and not self.own_pids:
                os.killpg(process.pid, number)
            else:
                os.kill(process.pid, number)

    def terminate(self):
        """SIGTERM, once."""
        if self.state == "running" and not self.is_told:
            self.is_told = True
            self.send(signal.SIGTERM)

    def run_out_of_memory(self, child=False):
        """As the kernel does it: kills the container, or one of its children."""
        self.out_of_memory = "child" if child else "itself"
        if child:
            path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
            with open(path) as file, contextlib.suppress(ProcessLookupError):
                for pid in file.read().split():
                    os.kill(int(pid), signal.SIGKILL)
        else:
            self.send(signal.SIGKILL)

    def spoil(self):
        """It ends, and will be said never to have started."""
        self.is_spoilt = True
        self.send(signal.SIGKILL)


def resolve(word, env, folder):
    """The program that a command's first word means, or why it can't be started."""
    if "/" in word:
        path = os.path.join(folder, word)
        if not os.path.exists(path):
            return None, f"stat {word}: no such file or directory"
        if os.path.isdir(path) or not os.access(path, os.X_OK):
            return None, "permission denied"
        return path, ""
    path = shutil.which(word, path=env.get("PATH", PATH))
    return path, "" if path else "executable file not found in $PATH"


class Runtime:
    """on_change(uid of a pod) is called from threads of ours when a container has started or has
    ended."""

    def __init__(self, on_change=lambda uid: None):
        self.on_change = on_change
        self.lock = threading.Lock()
        self.containers = {}
        self.lives = []
        self.delay_start_s = 0.0
        self.stopped = False

    def get(self, uid, name):
        return self.containers.get((uid, name))

    def of_pod(self, uid):
        with self.lock:
            return {name: c for (owner, name), c in self.containers.items() if owner == uid}

    def start(self, uid, name, words, env, folder, life):
        """A new container, which starts in the background. life: noted if it comes to run."""
        container = Container(f"containerd://{secrets.token_hex(32)}", life=life)
        with self.lock:
            if self.stopped:
                return container
            self.containers[uid, name] = container
        args = (uid, container, words, {"PATH": PATH, "HOME": "/root"} | env, folder)
        threading.Thread(target=self._live, args=args, daemon=True).start()
        return container

    def forget(self, uid):
        """Containers of a pod that is gone: killed, if they still run."""
        for name, container in self.of_pod(uid).items():
            container.send(signal.SIGKILL)
            with self.lock:
                self.containers.pop((uid, name), None)

    def _live(self, uid, container, words, env, folder):
        if self.delay_start_s:
            time.sleep(self.delay_start_s)
        program, why = resolve(words[0], env, folder)
        if not program:
            self._end(uid, container, 128, "StartError", NOT_FOUND.format(words[0], why))
            return
        source, sink = os.pipe()
        reader = threading.Thread(target=self._read, args=(container, source), daemon=True)
        reader.start()
        # The namespace is for the next child of this thread, which can have no threads after it.
        container.own_pids = libc.unshare(NEW_PIDS) == 0
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        try:
            container.process = subprocess.Popen(
                [*guard, program, *words[1:]],
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            os.close(sink)
            self._end(uid, container, 128, "StartError", NOT_FOUND.format(words[0], error.strerror))
            return
        os.close(sink)
        container.started_at = now_text()
        container.state = "running"
        container.life.began = time.monotonic()
        self.lives.append(container.life)
        self.on_change(uid)
        code = container.process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(container.process.pid, signal.SIGKILL)
        reader.join(2)
        self._end(uid, container, code if code >= 0 else 128 - code)

    def _read(self, container, source):
        try:
            while data := os.read(source, 65536):
                container.log.write(data)
        finally:
            os.close(source)

    def _end(self, uid, container, code, reason="", message=""):
        container.log.close()
        container.life.ended = time.monotonic()
        container.exit_code, container.message = code, message
        container.reason = reason or ("Completed" if code == 0 else "Error")
        if container.out_of_memory == "child" or (container.out_of_memory and code == 137):
            container.reason = "OOMKilled"
        if container.is_spoilt:
            container.exit_code, container.reason = 128, "StartError"
            container.started_at = EPOCH
        container.finished_at = now_text()
        container.state = "exited"
        container.ended.set()
        self.on_change(uid)

    def stop(self):
        """Kills all containers, and waits for their ends."""
        with self.lock:
            self.stopped = True
            containers = list(self.containers.values())
        for container in containers:
            container.send(signal.SIGKILL)
        for container in containers:
            container.ended.wait(5)
