"""A clean Debian root in which packages are installed, and their units run as systemd would run
them: by their ExecStart, as their user, with their environment. Its servers have a network of their
own, so that they meet nobody's ports."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

NO_SERVICES = "#!/bin/sh\nexit 101\n"


class CleanRoot:
    def __init__(self, folder):
        self.root = Path(folder) / "root"
        self.network = f"obpkg{os.getpid()}"
        self.running = {}

    # --- making and removing ---

    def make(self):
        """Debian's base system, with this machine's package sources and certificates."""
        self._run(
            *("mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates"),
            *("bookworm", self.root),
        )
        shutil.copytree(
            "/etc/apt/sources.list.d", self.root / "etc/apt/sources.list.d", dirs_exist_ok=True
        )
        (self.root / "etc/apt/sources.list").unlink(missing_ok=True)
        for file in ("/etc/apt/sources.list", "/etc/pip.conf", "/etc/resolv.conf", "/etc/hosts"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(file, self.root / file[1:])
        for folder in ("/usr/local/share/ca-certificates", "/etc/apt/apt.conf.d"):
            if Path(folder).is_dir():
                shutil.copytree(folder, self.root / folder[1:], dirs_exist_ok=True)
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text(NO_SERVICES)
        policy.chmod(0o755)
        self.bind("/proc", "proc")
        self.bind("/dev", "dev")
        self.bind("/sys", "sys")
        self.chroot("update-ca-certificates")
        self.chroot("apt-get", "-q", "update")
        self._run("ip", "netns", "add", self.network)
        self._run("ip", "-n", self.network, "link", "set", "lo", "up")
        # Clients look for addresses only where there is one beside that of the loopback.
        self._run("ip", "-n", self.network, "link", "add", "own", "type", "bridge")
        self._run("ip", "-n", self.network, "address", "add", "192.0.2.1/24", "dev", "own")
        self._run("ip", "-n", self.network, "link", "set", "own", "up")

    def bind(self, source, at):
        target = self.root / at
        if Path(source).is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        self._run("mount", "--rbind", source, target)
        self._run("mount", "--make-rslave", target)

    def remove(self):
        for pid in self._inside():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.running.values():
            process.wait(30)
        subprocess.run(["ip", "netns", "delete", self.network], check=False, capture_output=True)
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(f"{self.root}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        left = Path("/proc/self/mounts").read_text()
        assert f" {self.root}/" not in left, "something of this machine is still mounted there"
        shutil.rmtree(self.root, ignore_errors=True)

    def _inside(self):
        """Processes whose root this is."""
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(path / "root") == str(self.root):
                    yield int(path.name)

    # --- commands in it ---

    @staticmethod
    def _run(*command, **more):
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, **more)
        assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def chroot(self, *command):
        """A command with this machine's network, for what fetches packages."""
        env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND": "noninteractive",
            "LC_ALL": "C.UTF-8",
        }
        return self._run("chroot", self.root, *command, env=env)

    def inside(self, script, check=True):
        """A shell script with the root's own network; the ended process."""
        done = subprocess.run(
            [*self._enter(), "bash", "-euc", script],
            capture_output=True,
            text=True,
            timeout=300,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"},
        )
        assert not check or done.returncode == 0, f"{script}:\n{done.stdout}{done.stderr}"
        return done

    def _enter(self):
        # `ip netns exec` would mount another /sys, without the control groups.
        return ["nsenter", f"--net=/run/netns/{self.network}", "chroot", self.root]

    # --- units ---

    def unit(self, name):
        """The settings of an installed unit, {name: [values]}; %i is replaced."""
        base, _, instance = name.partition("@")
        for folder in ("lib/systemd/system", "usr/lib/systemd/system"):
            file = self.root / folder / (f"{base}@.service" if instance else f"{base}.service")
            if file.exists():
                found = {}
                for line in file.read_text().replace("%i", instance).splitlines():
                    key, equals, value = line.partition("=")
                    if equals and not line.startswith("#"):
                        found.setdefault(key, []).append(value)
                return found
        raise AssertionError(f"there is no unit {name}")

    def start(self, name, also=()):
        """Runs a unit's ExecStart as its user, with its environment and its folders."""
        unit = self.unit(name)
        user = (unit.get("User") or ["root"])[0]
        for key, base in (("RuntimeDirectory", "run"), ("StateDirectory", "var/lib")):
            for folder in unit.get(key, []):
                mode = (unit.get(f"{key}Mode") or ["0755"])[0]
                self.chroot(
                    "install", "-d", "-m", mode, "-o", user, "-g", user, f"/{base}/{folder}"
                )
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        for value in unit.get("Environment", []):
            env |= dict(pair.split("=", 1) for pair in shlex.split(value))
        for file in unit.get("EnvironmentFile", []):
            env |= environment_file(self.root / file[1:])
        env |= dict(also)
        log = (self.root / f"var/log/{name}.log").open("a")
        self.running[name] = subprocess.Popen(
            [
                *self._enter(),
                "setpriv",
                f"--reuid={user}",
                f"--regid={user}",
                "--init-groups",
                "--no-new-privs",
                "--",
            ]
            + shlex.split(unit["ExecStart"][0]),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        return self.running[name]

    def stop(self, name):
        process = self.running.pop(name)
        process.terminate()
        code = process.wait(60)
        assert code in (0, 143, -15), f"{name} ended with {code}:\n{self.log(name)}"

    def log(self, name):
        return (self.root / f"var/log/{name}.log").read_text()[-6000:]


def environment_file(path):
    """As systemd reads it: NAME=VALUE, comments, quotes."""
    pairs = {}
    for line in path.read_text().splitlines():
        if re.match(r"[A-Z_0-9]+=", line):
            name, _, value = line.partition("=")
            pairs[name] = "".join(shlex.split(value))
    return pairs
