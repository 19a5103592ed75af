"""FakeCluster: one cluster with its apiserver, its nodes and all that can go wrong with them.

Tests start one, label its nodes for an environment, and call its faults; command.py gives the same
methods to programs that are not Python."""

import base64
import json
import secrets
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from . import certificates, pods
from .containers import Runtime
from .controllers import Controllers
from .faults import Faults
from .harm import Harm
from .images import Images
from .kubelet import Kubelet
from .rights import Rights
from .scheduler import Scheduler
from .server import Server
from .store import Store, now_text

VERSION = "v1.35.4"
UUID_LABEL = "batch.amazonaws.com/compute-environment-uuid"


@dataclass
class Times:
    """Seconds. A real cluster's are in brackets where tests could not wait for them."""

    heartbeat_s: float = 2.0  # [10]
    node_grace_s: float = 8.0  # [50] of silence, until a node's Ready is Unknown
    pod_gc_s: float = 3.0  # [20-70] until pods of a node that is gone fail
    pull_s: float = 0.0  # an image's pull takes
    pull_backoff_s: float = 1.0  # [10] doubles with each failure
    phase_lag_s: float = 0.2  # [1] between the end of a container and that of its pod
    bookmark_s: float = 10.0  # [60]


class FakeCluster(Harm):
    def __init__(
        self, name="fake", nodes=2, namespaces=("batch-jobs",), cpu="4", memory="8Gi", folder=None,
        user="aws-batch", times=None, port=0,
    ):  # fmt: skip
        """folder: for keys, pods' folders and claims; a temporary one by default."""
        self.name, self.times = name, times or Times()
        self.temporary = None if folder else tempfile.TemporaryDirectory(prefix="fake-kube.")
        self.folder = Path(folder or self.temporary.name)
        certificates.make_all(self.folder / "keys", user)
        self.store, self.images, self.faults = Store(), Images(), Faults()
        self.token, self.admin_token = secrets.token_hex(16), secrets.token_hex(16)
        self.rights = Rights(user, self.token, self.admin_token, namespaces)
        self.is_stopped = False
        self.version = VERSION  # what /version says
        self.runtimes, self.kubelets, self.problems, self.heard = {}, {}, {}, {}
        self.by_node = defaultdict(dict)
        self.scheduler = None
        self.store.listeners.append(self._changed)
        for namespace in ("default", "kube-system", *namespaces):
            self.add_namespace(namespace)
        for number in range(1, nodes + 1):
            self.add_node(f"node-{number}", cpu, memory)
        self.scheduler, self.controllers = Scheduler(self), Controllers(self)
        self.server = Server(self, port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends all that was started; containers are killed."""
        self.is_stopped = True
        self.server.stop()
        for kubelet in list(self.kubelets.values()):
            kubelet.kill()
        for runtime in self.runtimes.values():
            runtime.stop()
        if self.temporary:
            self.temporary.cleanup()

    # What a client needs.

    @property
    def arn(self):
        return f"arn:aws:eks:us-east-1:123456789012:cluster/{self.name}"

    def kubeconfig(self, certificate=False):
        """As `kubectl config view --raw --flatten -o json` gives it; certificate: the client shows
        one instead of a token."""
        keys = self.folder / "keys"
        user = {"token": self.token}
        if certificate:
            data = {n: certificates.base64_of(keys / f"client.{n}") for n in ("crt", "key")}
            user = {"client-certificate-data": data["crt"], "client-key-data": data["key"]}
        cluster = {"server": self.server.url}
        cluster["certificate-authority-data"] = certificates.base64_of(keys / "ca.crt")
        context = {"cluster": self.name, "user": self.rights.user}
        return {
            "kind": "Config",
            "apiVersion": "v1",
            "preferences": {},
            "clusters": [{"name": self.name, "cluster": cluster}],
            "users": [{"name": self.rights.user, "user": user}],
            "contexts": [{"name": self.name, "context": context}],
            "current-context": self.name,
        }

    def write_kubeconfig(self, folder, certificate=False):
        """FOLDER/<cluster>.json: its path. Readers never see half of it."""
        path = Path(folder) / f"{self.name}.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps(self.kubeconfig(certificate), indent=4))
        new.chmod(0o644)
        new.rename(path)
        return str(path)

    # What there is.

    def add_namespace(self, name):
        meta = {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
        body = {"kind": "Namespace", "apiVersion": "v1", "metadata": meta}
        body |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        self.store.create("namespaces", body)
        self.add("serviceaccounts", "ServiceAccount", name, "default")

    def add(self, resource, kind, namespace, name, **members):
        meta = {"name": name, "namespace": namespace}
        body = {"kind": kind, "apiVersion": "v1", "metadata": meta} | members
        return self.store.create(resource, body)

    def add_secret(self, namespace, name, **values):
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.add("secrets", "Secret", namespace, name, data=data, type="Opaque")

    def write_secret(self, folder, secret):
        """Once: containers may read it already."""
        if folder.exists():
            return
        folder.mkdir(parents=True)
        for key, value in ((secret or {}).get("data") or {}).items():
            (folder / key).write_bytes(base64.b64decode(value))

    def set_quota(self, namespace, **hard):
        """A ResourceQuota; requests_cpu="2" is requests.cpu. Without limits it is removed."""
        self.store.remove("resourcequotas", namespace, "quota")
        if hard:
            limits = {name.replace("_", "."): str(text) for name, text in hard.items()}
            self.add("resourcequotas", "ResourceQuota", namespace, "quota", spec={"hard": limits})

    def add_node(self, name, cpu="4", memory="8Gi", labels=None, **more):
        """A node, and its kubelet; what it had under this name runs on. more: other resources, with
        _ for what names can't have: nvidia_com_gpu=1."""
        runtime = self.runtimes.setdefault(
            name, Runtime(lambda uid: self._container_changed(name, uid))
        )
        runtime.stopped = False
        amounts = {"cpu": cpu, "memory": memory, "ephemeral-storage": "20Gi", "pods": "110"}
        if "nvidia_com_gpu" in more:
            amounts["nvidia.com/gpu"] = str(more["nvidia_com_gpu"])
        own = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"} | {
            "kubernetes.io/arch": "amd64"
        }
        info = {"kubeletVersion": VERSION, "architecture": "amd64", "operatingSystem": "linux"}
        node = {
            "kind": "Node",
            "apiVersion": "v1",
            "metadata": {"name": name, "labels": own | (labels or {})},
            "spec": {"providerID": f"fake:///{name}"},
            "status": {"capacity": amounts, "allocatable": amounts}
            | {"addresses": [{"type": "Hostname", "address": name}], "nodeInfo": info},
        }
        beat = {"lastHeartbeatTime": now_text()}
        pods.set_condition(
            node, "Ready", "True", "KubeletReady", "kubelet is posting ready status", **beat
        )
        self.heard[name] = time.monotonic()
        self.problems.pop(name, None)
        self.store.create("nodes", node)
        if name not in self.kubelets:
            self.kubelets[name] = Kubelet(self, name)

    def label_nodes(self, uuid, *names):
        """Gives nodes (all by default) to the environment with this uuid."""
        for name in names or [node["metadata"]["name"] for node in self.nodes()]:
            self.set_label(name, UUID_LABEL, uuid)

    def set_label(self, node, key, value=None):
        """None: takes the label away."""

        def edit(item):
            labels = item["metadata"].setdefault("labels", {})
            labels.pop(key, None)
            if value is not None:
                labels[key] = value

        self.store.change("nodes", "", node, edit)

    def nodes(self):
        return self.store.list("nodes")[1]

    def node(self, name):
        return self.store.get("nodes", "", name)

    def pods(self, namespace=""):
        return self.store.list("pods", namespace)[1]

    def pod(self, name, namespace="batch-jobs"):
        """None if there is none."""
        return self.store.get("pods", namespace, name)

    def pods_of_node(self, name):
        """ "": those that are bound to none."""
        with self.store.changed:
            return list(self.by_node[name].values())

    def create_pod(self, name, namespace="batch-jobs", command=("sleep", "1000"), **spec):
        """A pod of somebody else's; cpu and memory are what it requests, metadata is more than its
        name."""
        metadata = {"name": name} | spec.pop("metadata", {})
        requests = {n: spec.pop(n) for n in ("cpu", "memory") if n in spec}
        container = {"name": "main", "image": "busybox", "command": list(command)}
        container["resources"] = {"requests": requests}
        body = {"metadata": metadata, "spec": {"containers": [container]} | spec}
        return pods.create(self.store, namespace, body)

    def processes(self, pod, namespace="batch-jobs"):
        """The containers of a pod that run, by name, whether the pod's object is there or not."""
        found = self.pod(pod, namespace)
        uid = found["metadata"]["uid"] if found else pod
        running = {}
        for runtime in self.runtimes.values():
            for name, container in runtime.of_pod(uid).items():
                if container.state == "running":
                    running[name] = container.process.pid
        return running

    def children(self, pod, namespace="batch-jobs"):
        """The processes that the first process of a pod's running container has started."""
        found = []
        for pid in self.processes(pod, namespace).values():
            found += Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return found

    def running_containers(self):
        """How many containers run, seen or unseen."""
        return sum(
            container.state == "running"
            for runtime in self.runtimes.values()
            for container in list(runtime.containers.values())
        )

    def lives(self, **env):
        """Of the containers that have run, in the order of their begins; only those with these
        variables."""
        found = [life for runtime in self.runtimes.values() for life in list(runtime.lives)]
        chosen = [f for f in found if all(f.env.get(k) == str(v) for k, v in env.items())]
        return sorted(chosen, key=lambda life: life.began)

    # Inside.

    def _changed(self, resource, change):
        """Called by the store, for each change, with its lock held."""
        item = change.item
        if resource == "pods":
            uid, node = item["metadata"]["uid"], item["spec"].get("nodeName", "")
            self.by_node[""].pop(uid, None)
            if change.gone:
                self.by_node[node].pop(uid, None)
            else:
                self.by_node[node][uid] = item
            if node in self.kubelets:
                self.kubelets[node].wake(uid)
        if self.scheduler and resource in ("pods", "nodes"):
            self.scheduler.wake()

    def _container_changed(self, node, uid):
        if node in self.kubelets:
            self.kubelets[node].wake(uid)
