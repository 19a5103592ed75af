#!/usr/bin/python3
"""A real Kubernetes for tests: etcd, API server, controller manager, scheduler, and nodes that each
have a containerd and a kubelet of their own. All of it is on loopback, on this host, as root.

usage: cluster.py up|down|status FOLDER [--nodes N] [--program FILE]

FOLDER has all of its state, also kubeconfigs of its users (conf/admin.json, conf/aws-batch.json,
…). `down` removes everything, and restores the kernel's settings. The program comes from
program/build.sh.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "e2e"), str(HERE.parents[1] / "tools/kube")]

import kube_groups  # noqa: E402
import kube_images  # noqa: E402
import kube_slots  # noqa: E402
from cluster_file import Cluster as Api  # noqa: E402
from kube_faults import Faults  # noqa: E402
from kube_keys import NODES_MAX, USERS, Keys  # noqa: E402
from kube_node import Node, node_name  # noqa: E402
from kube_parts import Parts  # noqa: E402

CONTROL = ["scheduler", "controllers", "apiserver", "etcd"]


class Cluster(Faults):
    def __init__(self, folder, program=None):
        self.folder = Path(folder).resolve()
        self.parts, self.keys = Parts(self.folder), Keys(self.folder / "keys")
        self.program = program and Path(program).resolve()
        self.nodes, self.slot, self.port = [], None, None
        state = self.folder / "state.json"
        if state.exists():
            self._take_state(json.loads(state.read_text()))

    def _take_state(self, state):
        self.slot, self.port = state["slot"], state["port"]
        self.program = Path(state["program"])
        self.nodes = [Node(self, n) for n in range(1, state["nodes"] + 1)]

    @property
    def run(self):
        """Sockets' paths are short."""
        return kube_slots.SHARED / str(self.slot)

    @property
    def server(self):
        return f"https://127.0.0.1:{self.port}"

    def config_of(self, user):
        return self.folder / "conf" / f"{user}.json"

    def api(self, user="admin"):
        return Api(str(self.config_of(user)))

    def kubectl(self, *words, user="admin", input=None, check=True):
        done = subprocess.run(
            [self.program, "kubectl", "--kubeconfig", self.config_of(user), *words],
            input=input,
            capture_output=True,
            text=True,
            env=os.environ | {"HOME": str(self.folder)},
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done

    # --- up ---

    def up(self, nodes):
        if not 1 <= nodes <= NODES_MAX:
            raise ValueError(f"a test cluster has 1 to {NODES_MAX} nodes")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        if any(self.folder.iterdir()):
            raise RuntimeError(f"{self.folder} is not empty: take down what is there, first")
        slot, port = kube_slots.take(self.folder)
        state = {"slot": slot, "port": port, "nodes": nodes, "program": str(self.program)}
        (self.folder / "state.json").write_text(json.dumps(state))
        self._take_state(state)
        self.keys.make([node_name(slot, n) for n in range(1, nodes + 1)])
        self._write_configs(nodes)
        self.start_etcd()
        self.start_apiserver()
        self.start_controllers()
        images = kube_images.make(self.folder / "images")
        for node in self.nodes:
            node.start(images)
        for node in self.nodes:
            self.wait_ready(node)

    def _write_configs(self, nodes):
        (self.folder / "conf").mkdir(exist_ok=True, mode=0o700)
        for user in [*USERS, *(f"node{n}" for n in range(1, nodes + 1))]:
            self.keys.write_config(self.config_of(user), self.server, user)
        (self.folder / "bin").mkdir(exist_ok=True)
        for name in ("kubectl", "etcd"):
            (self.folder / "bin" / name).symlink_to(self.program)

    def start_etcd(self):
        clients, peers = (f"http://127.0.0.1:{self.port + n}" for n in (1, 2))
        self.parts.start(
            "etcd",
            [
                *(self.program, "etcd", "--name", "tests", "--data-dir", self.folder / "etcd"),
                *("--listen-client-urls", clients, "--advertise-client-urls", clients),
                *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
                *("--initial-cluster", f"tests={peers}", "--log-level", "warn"),
                # Its processes die in tests, the host does not.
                "--unsafe-no-fsync",
            ],
        )
        self.parts.wait_for("etcd", self.etcd_answers)

    def start_apiserver(self):
        key = self.keys.path
        self.parts.start(
            "apiserver",
            [
                *(self.program, "kube-apiserver", "--bind-address", "127.0.0.1"),
                *("--secure-port", str(self.port), "--etcd-servers"),
                f"http://127.0.0.1:{self.port + 1}",
                # Loopback addresses are refused as endpoints of the service 'kubernetes'.
                *("--endpoint-reconciler-type", "none"),
                *("--service-cluster-ip-range", "10.96.0.0/24"),
                *("--service-account-issuer", "https://kubernetes.default.svc"),
                *("--service-account-key-file", key("accounts.pub")),
                *("--service-account-signing-key-file", key("accounts.key")),
                *("--token-auth-file", key("tokens.csv"), "--authorization-mode", "Node,RBAC"),
                *("--enable-admission-plugins", "NodeRestriction"),
                *("--client-ca-file", key("ca.crt"), "--tls-cert-file", key("apiserver.crt")),
                *("--tls-private-key-file", key("apiserver.key")),
                *("--kubelet-client-certificate", key("kubelet-client.crt")),
                *("--kubelet-client-key", key("kubelet-client.key")),
                *("--kubelet-preferred-address-types", "Hostname"),
                *("--allow-privileged", "--profiling=false"),
            ],
        )
        self.parts.wait_for("apiserver", self.is_up, 240)

    def start_controllers(self):
        self.parts.start(
            "controllers",
            [
                *(self.program, "kube-controller-manager", "--bind-address", "127.0.0.1"),
                *("--kubeconfig", self.config_of("controllers")),
                *("--secure-port", str(self.port + 5), "--leader-elect=false"),
                *("--use-service-account-credentials", "--profiling=false"),
                *("--service-account-private-key-file", self.keys.path("accounts.key")),
                *("--root-ca-file", self.keys.path("ca.crt")),
                *("--cluster-signing-cert-file", self.keys.path("ca.crt")),
                *("--cluster-signing-key-file", self.keys.path("ca.key")),
                *("--node-monitor-grace-period", "20s", "--node-monitor-period", "2s"),
            ],
        )
        self.parts.start(
            "scheduler",
            [
                *(self.program, "kube-scheduler", "--bind-address", "127.0.0.1"),
                *("--kubeconfig", self.config_of("scheduler")),
                *("--secure-port", str(self.port + 6), "--leader-elect=false"),
                "--profiling=false",
            ],
        )

    def wait_ready(self, node, timeout=240):
        def is_ready():
            return self.is_ready(node.name)

        self.parts.wait_for(node.kubelet, is_ready, timeout)

    # --- down ---

    def down(self):
        if self.slot is None:
            return
        for name in self.parts.names():
            self.parts.signal(name, signal.SIGCONT)  # a test may have left it stopped
        for node in self.nodes:
            node.down()
        for name in CONTROL:
            self.parts.end(name)
        left = self.left_behind()
        slot = self.slot
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        kube_slots.give_back(slot)
        self.nodes, self.slot = [], None
        if left:
            raise RuntimeError(f"the cluster in {self.folder} has left behind: {', '.join(left)}")

    def left_behind(self):
        """What of this cluster is still on the host, besides its folder."""
        marks, left = (f"{self.folder}/", f"{self.run}/"), []
        for node in self.nodes:
            left += [str(group) for group in kube_groups.groups(node.group)]
            left += [node.bridge] if Path("/sys/class/net", node.bridge).exists() else []
        for line in Path("/proc/mounts").read_text().splitlines():
            path = line.split()[1].encode().decode("unicode_escape")
            left += [f"mount {path}"] if path.startswith(marks) else []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                program = os.readlink(process / "exe")
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                ours = program == str(self.program) or Path(program).name.startswith("containerd")
                if ours and any(word.startswith(marks) for word in words):
                    left.append(f"process {process.name} {' '.join(words)[:100]}")
        return left


def main():
    parser = argparse.ArgumentParser(description="Starts and ends a real Kubernetes for tests.")
    parser.add_argument("verb", choices=["up", "down", "status"])
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--program", help="what program/build.sh has printed")
    args = parser.parse_args()
    cluster = Cluster(args.folder, args.program)
    if args.verb == "up":
        if not args.program:
            parser.error("up needs --program")
        begun = time.monotonic()
        try:
            cluster.up(args.nodes)
        except BaseException:
            cluster.down()
            raise
        print(f"{args.nodes} nodes are Ready after {time.monotonic() - begun:.1f} s")
    elif args.verb == "down":
        cluster.down()
    elif cluster.slot is None:
        sys.exit(f"there is no cluster in {cluster.folder}")
    else:
        for name in sorted([*CONTROL, *(p for n in cluster.nodes for p in (n.kubelet,))]):
            print(f"{name:12} {cluster.parts.pid(name) or 'is not running'}")


if __name__ == "__main__":
    main()
