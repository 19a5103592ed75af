"""Another host: a network namespace at the end of a cable, which has only the address that it was
given."""

import contextlib
import ipaddress
import os
import signal
import subprocess

from stack import wait_for


class OtherHost:
    """A pair of addresses, one here and one in a namespace that goes with its processes."""

    def __init__(self, port):
        # Of the range for tests of networks, RFC 2544; others' ports are others' addresses.
        net = ipaddress.ip_address("198.18.0.0") + port // 20 * 4
        self.here, self.there, self.port = str(net + 1), str(net + 2), port + 4
        cable = f"obtest{port}"
        # Were it to outlive a test that is killed, its cable's name would be taken.
        stays = "setpriv --pdeathsig KILL unshare -n sleep 10000"
        self.processes = [subprocess.Popen(stays.split())]
        pid = str(self.processes[0].pid)
        mine = os.readlink("/proc/self/ns/net")
        wait_for("a namespace", lambda: os.readlink(f"/proc/{pid}/ns/net") != mine)
        self.enter = ["nsenter", "-t", pid, "-n"]
        for command in (
            f"ip link add {cable} type veth peer name eth0 netns {pid}",
            f"ip address add {self.here}/30 dev {cable}",
            f"ip link set {cable} up",
            f"nsenter -t {pid} -n ip address add {self.there}/30 dev eth0",
            f"nsenter -t {pid} -n ip link set eth0 up",
        ):
            subprocess.run(command.split(), check=True)

    def run(self, script, log):
        with log.open("a") as out:
            self.processes.append(
                subprocess.Popen(
                    [*self.enter, "sh", "-c", script],
                    start_new_session=True,
                    stdout=out,
                    stderr=out,
                )
            )
        return self.processes[-1]

    def reaches(self, address, port):
        call = f"exec 3<>/dev/tcp/{address}/{port}"
        return (
            subprocess.run(
                [*self.enter, "timeout", "3", "bash", "-c", call], capture_output=True
            ).returncode
            == 0
        )

    @contextlib.contextmanager
    def cut(self, *ways):
        """Packets are lost, of those "in" to the other host, "out" of it, or both; none is
        refused."""
        rules = [{"in": ["INPUT", "-i"], "out": ["OUTPUT", "-o"]}[way] for way in ways]

        def change(what):
            for chain, device in rules:
                command = [*self.enter, "iptables", "-w", what, chain, device, "eth0", "-j", "DROP"]
                subprocess.run(command, check=True)

        change("-A")
        try:
            yield
        finally:
            change("-D")

    def end(self):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL) if process is not self.processes[0] else None
            process.kill()
            process.wait()
