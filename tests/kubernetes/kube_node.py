"""A node of a test cluster: a containerd and a kubelet of its own, on a loopback address of its
own, which is also its name. Both are in a mount namespace of the node: what they mount is seen by
no others, and ends with them; and where they insist on a folder of the host (kube_slots.PLACES),
they find one of the node's home.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import kube_groups
from kube_parts import begun
from kube_slots import PLACES
from waiting import wait_for

UNUSED = ["snapshotter.v1.btrfs", "snapshotter.v1.zfs", "snapshotter.v1.devmapper"]
UNUSED += ["snapshotter.v1.aufs", "internal.v1.opt", "tracing.processor.v1.otlp"]
CONTAINERD = """version = 2
root = "{home}/containerd"
state = "{run}"
disabled_plugins = {unused}
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
restrict_oom_score_adj = true
stream_server_address = "{name}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{home}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""
# usage: sh -c IN_PLACES sh HOME COMMAND...
IN_PLACES = f"""home=$1
shift
for place in {" ".join(PLACES)}; do
    mkdir -p "$home/places$place" && mount --bind "$home/places$place" "$place" || exit
done
exec "$@"
"""


class Node:
    def __init__(self, cluster, number):
        self.cluster, self.number, self.parts = cluster, number, cluster.parts
        slot = cluster.slot
        self.name = node_name(slot, number)
        self.home, self.run = cluster.folder / f"node{number}", cluster.run / f"n{number}"
        self.socket = self.run / "containerd.sock"
        self.group = f"openbatch-test{slot}-node{number}"
        self.subnet, self.bridge = f"10.246.{slot * 4 + number - 1}.0/24", f"obk{slot}n{number}"
        self.kubelet, self.containerd = f"kubelet{number}", f"containerd{number}"

    def start(self, images):
        for folder in (self.home / "cni", self.home / "pods", self.run):
            folder.mkdir(parents=True, exist_ok=True)
        self._write_settings()
        kube_groups.make(self.group)
        config = self.home / "containerd.toml"
        self.parts.start(
            self.containerd,
            [
                *("unshare", "--mount", "--propagation", "slave", "--"),
                *("sh", "-c", IN_PLACES, "sh", self.home),
                *("containerd", "--config", config, "-l", "warn"),
            ],
        )
        self.parts.wait_for(self.containerd, lambda: self.ctr("version", check=False), 60)
        for image in images:
            self.ctr("images", "import", image)
        self.start_kubelet()

    def start_kubelet(self):
        containerd = self.parts.pid(self.containerd)
        if not containerd:
            raise RuntimeError(f"{self.containerd} does not run")
        self.parts.start(
            self.kubelet,
            [
                *("nsenter", f"--mount=/proc/{containerd}/ns/mnt", "--"),
                *(self.cluster.program, "kubelet", "--hostname-override", self.name),
                *("--kubeconfig", self.cluster.config_of(f"node{self.number}")),
                *("--config", self.home / "kubelet.json"),
                *("--root-dir", self.home / "kubelet", "--cert-dir", self.home / "kubelet/pki"),
            ],
        )

    def ctr(self, *words, check=True):
        """True if containerd's own command succeeds."""
        command = ["ctr", "-a", self.socket, "-n", "k8s.io", *words]
        return subprocess.run(command, check=check, capture_output=True).returncode == 0

    def running(self):
        """How many containers run here, as containerd sees it; a pod has one more, its sandbox."""
        command = ["ctr", "-a", self.socket, "-n", "k8s.io", "tasks", "ls"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return sum(line.split()[2] == "RUNNING" for line in done.stdout.splitlines()[1:])

    def _write_settings(self):
        names = [f"io.containerd.{name}" for name in UNUSED]
        settings = {"home": self.home, "run": self.run, "socket": self.socket, "name": self.name}
        (self.home / "containerd.toml").write_text(
            CONTAINERD.format(unused=json.dumps(names), **settings)
        )
        # A node is Ready only with a CNI, although pods of jobs use the host's network by default.
        # A gateway would change settings of the host; without one, pods reach those of their node.
        ranges = {"ranges": [[{"subnet": self.subnet}]]}
        addresses = {"type": "host-local", "dataDir": str(self.home / "addresses")} | ranges
        plugins = [{"type": "bridge", "bridge": self.bridge, "ipam": addresses}]
        network = {"cniVersion": "0.4.0", "name": self.group, "plugins": plugins}
        (self.home / "cni/10-bridge.conflist").write_text(json.dumps(network))
        (self.home / "kubelet.json").write_text(json.dumps(self._kubelet_settings()))

    def _kubelet_settings(self):
        authority = str(self.cluster.keys.path("ca.crt"))
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.name,
            "port": self.cluster.port + 4,
            "readOnlyPort": 0,
            "healthzPort": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": authority},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.group}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "podLogsDir": str(self.home / "pods"),
            "volumePluginDir": str(self.home / "plugins"),
            "makeIPTablesUtilChains": False,
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            # The disk is the whole host's: what others fill must evict nothing.
            "evictionHard": {
                "memory.available": "50Mi",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
                "imagefs.available": "0%",
            },
            "nodeStatusUpdateFrequency": "5s",
            "nodeLeaseDurationSeconds": 10,
            "syncFrequency": "10s",
            "maxPods": 200,
            "serializeImagePulls": False,
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
            "resolvConf": "/etc/resolv.conf",
        }

    # --- its end ---

    def down(self):
        self.parts.end(self.kubelet)
        kube_groups.kill(self.group)
        with contextlib.suppress(AssertionError):
            wait_for("the containers' end", lambda: not kube_groups.processes(self.group), 10)
        self.parts.end(self.containerd)
        self._end_shims()
        subprocess.run(["ip", "link", "delete", self.bridge], capture_output=True)
        kube_groups.remove(self.group)
        for folder in (self.home, self.run):
            shutil.rmtree(folder, ignore_errors=True)

    def _end_shims(self):
        """What containerd has left: each knows containerd's socket."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, AssertionError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if b"containerd-shim" in words[0] and str(self.socket).encode() in words:
                    os.kill(int(folder.name), signal.SIGKILL)
                    wait_for("a shim's end", lambda pid=folder.name: begun(pid) is None, 5)


def node_name(slot, number):
    return f"127.77.{slot}.{number}"
