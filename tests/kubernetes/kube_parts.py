"""The processes of a test cluster, by name. They outlive the program that starts them: a file says
which process has a name, and when it began, so that another process of that number is left alone.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from waiting import wait_for


def begun(pid):
    """When a process began, in ticks since boot; None: there is none, or it is dead. A dead first
    thread is a zombie while others end, which still have the process's ports and files."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    is_dead = words[0] in "ZX" and int(words[17]) <= 1  # threads
    return None if is_dead else words[19]


class Parts:
    def __init__(self, folder):
        self.pids, self.logs = Path(folder) / "pid", Path(folder) / "log"

    def start(self, name, command):
        self.logs.mkdir(parents=True, exist_ok=True)
        self.pids.mkdir(parents=True, exist_ok=True)
        with (self.logs / name).open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # Our child becomes nobody's: whoever started it may end before it, and must not wait.
        (self.pids / name).write_text(f"{process.pid} {begun(process.pid)}")
        process.returncode = 0
        return process.pid

    def pid(self, name):
        try:
            pid, since = (self.pids / name).read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if begun(pid) == since else None

    def names(self):
        return sorted(file.name for file in self.pids.glob("*"))

    def signal(self, name, sig):
        pid = self.pid(name)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        return pid

    def kill(self, name):
        """kill -9, as a crash would."""
        self._end(name, signal.SIGKILL, 10)

    def end(self, name, timeout=5):
        """SIGTERM, and SIGKILL if it takes too long."""
        self.signal(name, signal.SIGCONT)
        try:
            self._end(name, signal.SIGTERM, timeout)
        except AssertionError:
            self.kill(name)

    def _end(self, name, sig, timeout):
        if self.signal(name, sig):
            wait_for(f"the end of {name}", lambda: self._is_gone(name), timeout, 0.02)
        (self.pids / name).unlink(missing_ok=True)

    def _is_gone(self, name):
        with contextlib.suppress(ChildProcessError):
            pid = (self.pids / name).read_text().split()[0]
            os.waitpid(int(pid), os.WNOHANG)
        return self.pid(name) is None

    @contextlib.contextmanager
    def stopped(self, name):
        """It stands still meanwhile."""
        self.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(name, signal.SIGCONT)

    def log_tail(self, name, lines=5):
        try:
            return "\n".join((self.logs / name).read_text().splitlines()[-lines:])
        except OSError:
            return ""

    def wait_for(self, name, condition, timeout=120):
        """Until a part answers; fails as soon as it has died."""

        def look():
            if condition():
                return True
            if self.pid(name) is None:
                raise RuntimeError(f"{name} died:\n{self.log_tail(name)}")
            return False

        wait_for(f"{name} to answer ({self.logs / name})", look, timeout)
