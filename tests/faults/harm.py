"""The faults that a test injects into a copy, by name. They end and stop only processes of this
copy; each fault and its time go into the history. Everything that lasts ends with its `with` block.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient
from stack import frozen, pid_in, wait_for

PARTS = ["api", "scheduler", "scaler", "executor", "kafka", "redis", "postgres", "dockerd"]


class Harm:
    """Faults of one copy. 'note' is told of each: note(what, details)."""

    def __init__(self, stack, note=lambda what, **more: None):
        self.stack, self.note = stack, note

    # --- processes ---

    def pids(self, part):
        """The processes of a part: 'executor' is all executors, 'containerd' that of our engine."""
        if part == "executor":
            # Not from PostgreSQL, which may be dead as well.
            names = sorted(path.name for path in (self.stack.home / "instances").glob("*"))
            found = [self.stack.pid(name) for name in names]
        elif part == "containerd":
            found = [pid_in(self.stack.run_dir / "docker/containerd/containerd.pid")]
        else:
            found = [self.stack.pid(part)]
        return [pid for pid in found if pid and Path(f"/proc/{pid}").exists()]

    def kill(self, part, sig=signal.SIGKILL):
        """A signal to all processes of a part; returns their numbers, none when it is not there."""
        pids = self.pids(part)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        self.note("kill", part=part, signal=int(sig), pids=pids)
        return pids

    def wait_back(self, part, old, timeout=300):
        """Until the supervisor has started other processes in place of 'old'."""
        wait_for(f"{part} back", lambda: set(self.pids(part)) - set(old), timeout)

    @contextlib.contextmanager
    def stopped(self, part):
        """SIGSTOP, as a host that stands still; SIGCONT at the end."""
        pids = self.pids(part)
        with frozen(*pids):
            self.note("stop", part=part, pids=pids)
            yield pids
        self.note("continue", part=part, pids=pids)

    @contextlib.contextmanager
    def away(self, part):
        """It has ended, and the supervisor starts it again only at the end."""
        folder = self.stack.home / "sv" / part
        subprocess.run(["sv", "-w", "20", "force-stop", folder], check=True, capture_output=True)
        self.note("away", part=part)
        try:
            yield
        finally:
            subprocess.run(["sv", "up", folder], check=True, capture_output=True)
            self.note("away.end", part=part)

    @contextlib.contextmanager
    def all_stopped(self):
        """All processes of the copy stand still: the host stalls. Containers' own go on."""
        pids = [pid for part in [*PARTS, "containerd"] for pid in self.pids(part)]
        with frozen(*pids):
            self.note("stall", pids=pids)
            yield
        self.note("stall.end")

    @contextlib.contextmanager
    def repeated(self, harm, every, first=None):
        """Calls harm() again and again beside the block, 'every' (least, most) seconds."""
        ending, failed = threading.Event(), []

        def loop():
            pause = every[0] if first is None else first
            while not ending.wait(pause):
                try:
                    harm()
                except Exception as err:
                    failed.append(err)
                    return
                pause = random.uniform(*every)

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join(60)
        if failed:
            raise failed[0]

    def random_kills(self, parts, every):
        """kill -9 of a random one of the parts, again and again beside the block."""
        return self.repeated(lambda: self.kill(random.choice(parts)), every)

    # --- the host ---

    @contextlib.contextmanager
    def busy(self, loops):
        """So many busy loops beside the copy, and beside all else on the machine; they end with the
        block, or with this process."""
        count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
        loop = f"while kill -0 {os.getpid()} 2>/dev/null; do {count}; done"
        running = [
            subprocess.Popen(["sh", "-c", loop], stdin=subprocess.DEVNULL) for _ in range(loops)
        ]
        self.note("busy", loops=loops)
        try:
            yield
        finally:
            for process in running:
                process.kill()
            for process in running:
                process.wait()
            self.note("busy.end")

    # --- data ---

    def wipe_kafka(self):
        """All that Kafka has on its disk goes, and then Kafka: a new disk."""
        data = self.stack.home / "kafka/data"
        with self.stopped("kafka") as pids:
            for path in data.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        self.note("kafka.wipe")

    def delete_topics(self):
        """All topics go while Kafka runs on."""
        admin = AdminClient(self.stack.kafka("admin"))
        topics = [name for name in admin.list_topics(timeout=10).topics if name[:6] == "batch."]
        for deleted in admin.delete_topics(topics).values():
            deleted.result(timeout=30)
        self.note("topics.delete", topics=topics)

    def redis(self, *words):
        """What Redis answers to a command."""
        return subprocess.run(
            ["redis-cli", "-s", self.stack.run_dir / "redis.sock", *words],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def empty_redis(self):
        self.redis("flushall")
        self.note("redis.empty")

    def dump_redis(self):
        """What Redis has now, as a file for restore_redis."""
        self.redis("save")
        dump = self.stack.run_dir / "dump.rdb"
        data = dump.read_bytes()
        dump.unlink()
        return data

    def restore_redis(self, data):
        """Redis dies and comes back with what it had then."""
        dump = self.stack.run_dir / "dump.rdb"
        wait_for("Redis", self._answers_redis, 30)
        dump.write_bytes(data)
        self.wait_back("redis", self.kill("redis"))
        wait_for("Redis", self._answers_redis, 30)
        dump.unlink()
        self.note("redis.restore")

    def _answers_redis(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.redis("ping") == "PONG\n"
        return False

    @contextlib.contextmanager
    def redis_without_memory(self):
        """Redis answers each write with -OOM."""
        self.redis("config", "set", "maxmemory", "1")
        self.note("redis.oom")
        try:
            yield
        finally:
            self.redis("config", "set", "maxmemory", "0")
            self.note("redis.oom.end")

    @contextlib.contextmanager
    def full_disk(self, at=None, leave=0):
        """Fills the file system of a folder (the copy's home) but for 'leave' bytes; only for one
        that is small and of its own (small_copy). Gives a function that empties it again."""
        at = at or self.stack.home
        space, filler = os.statvfs(at), at / "filler"
        assert space.f_blocks * space.f_frsize < 4 << 30, f"{at} is on no small file system"

        def empty():
            filler.unlink(missing_ok=True)
            self.note("disk.empty", folder=at)

        with filler.open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                space = os.statvfs(at)
                size = min(size, max(0, space.f_bavail * space.f_frsize - leave))
                try:
                    file.write(b"\1" * size)
                except OSError:
                    size //= 2
        self.note("disk.full", folder=at, leave=leave)
        try:
            yield empty
        finally:
            empty()

    @contextlib.contextmanager
    def no_space(self, at):
        """The file system that is mounted there, a tmpfs, becomes as small as what is in it."""

        def resize(kib):
            subprocess.run(["mount", "-o", f"remount,size={kib}k", at], check=True)

        assert os.path.ismount(at), f"{at} has no file system of its own"
        space = os.statvfs(at)
        page_kib = space.f_frsize // 1024
        for _ in range(50):  # while it is being written to, it grows meanwhile
            now = os.statvfs(at)
            with contextlib.suppress(subprocess.CalledProcessError):
                resize((now.f_blocks - now.f_bfree) * page_kib)
                break
        else:
            raise AssertionError(f"{at} does not get small")
        self.note("disk.full", folder=at)
        try:
            yield
        finally:
            resize(space.f_blocks * page_kib)
            self.note("disk.empty", folder=at)


def settle(stack, timeout=300):
    """Until every server and service says that it is well."""
    for service in ("scheduler", "scaler"):
        wait_for(
            f"{service} to be well", lambda s=service: (stack.health(s) or {}).get("ok"), timeout
        )
    wait_for("the api to be well", lambda: stack.is_well("api"), timeout)


def monotonic():
    """Seconds on the clock that containers write, /proc/uptime."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
