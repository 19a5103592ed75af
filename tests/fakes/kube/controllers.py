"""The controllers that clients notice: nodes whose kubelet is silent, evictions, pods of nodes that
are gone, namespaces that are deleted."""

import threading
import time

from . import pods
from .scheduler import tolerated
from .store import now_text

SILENT = "Kubelet stopped posting node status."
EVICTED = "Taint manager: deleting due to NoExecute taint"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


def _is_out_of_service(node):
    taints = {taint["key"] for taint in node["spec"].get("taints") or []}
    return OUT_OF_SERVICE in taints and pods.condition(node, "Ready")["status"] != "True"


class Controllers:
    def __init__(self, cluster):
        self.cluster, self.store = cluster, cluster.store
        self.tainted = {}  # by (uid of a pod, key of a taint): since when, by the monotonic clock
        self.orphans = {}  # by uid of a pod: since when its node is gone
        self.thread = threading.Thread(target=self._loop, name="controllers", daemon=True)
        self.thread.start()

    def _loop(self):
        while not self.cluster.is_stopped:
            time.sleep(0.1)
            now = time.monotonic()
            nodes = self.store.list("nodes")[1]
            for node in nodes:
                self._look_at(node, now)
            self._evict(nodes, now)
            self._collect(nodes, now)
            for namespace in self.store.list("namespaces")[1]:
                if namespace["metadata"].get("deletionTimestamp"):
                    self._empty(namespace["metadata"]["name"])

    def _look_at(self, node, now):
        name = node["metadata"]["name"]
        heard = self.cluster.heard.setdefault(name, now)
        ready = pods.condition(node, "Ready")
        silent = now - heard > self.cluster.times.node_grace_s
        if silent and ready["status"] != "Unknown":
            self._mark(name, "Unknown", "NodeStatusUnknown", SILENT, pods.NOT_READY[1])
        elif not silent and ready["status"] == "False":
            self._mark(name, "False", ready["reason"], ready["message"], pods.NOT_READY[0])

    def _mark(self, name, status, reason, message, key):
        def edit(node):
            beat = pods.condition(node, "Ready").get("lastHeartbeatTime", now_text())
            pods.set_condition(node, "Ready", status, reason, message, lastHeartbeatTime=beat)
            taints = [t for t in node["spec"].get("taints") or [] if t["key"] not in pods.NOT_READY]
            had = {(t["key"], t["effect"]): t for t in node["spec"].get("taints") or []}
            for effect in ("NoSchedule", "NoExecute"):
                new = {"key": key, "effect": effect, "timeAdded": now_text()}
                taints.append(had.get((key, effect), new))
            node["spec"]["taints"] = taints

        self.store.change("nodes", "", name, edit)
        if status == "Unknown":
            for pod in self.cluster.pods_of_node(name):
                self._change(pod, lambda item: self._unready(item))

    def _unready(self, item):
        if not pods.is_ended(item):
            pods.set_condition(item, "Ready", "False", "NodeNotReady")

    def _change(self, pod, edit):
        meta = pod["metadata"]
        self.store.change("pods", meta["namespace"], meta["name"], edit, meta["uid"])

    def _evict(self, nodes, now):
        """Deletes pods whose toleration of a NoExecute taint has run out."""
        seen = set()
        for node in nodes:
            taints = [t for t in node["spec"].get("taints") or [] if t["effect"] == "NoExecute"]
            for pod in self.cluster.pods_of_node(node["metadata"]["name"]) if taints else ():
                for taint in taints:
                    key = (pod["metadata"]["uid"], taint["key"])
                    seen.add(key)
                    one = tolerated(taint, pod["spec"].get("tolerations"))
                    if one and one.get("tolerationSeconds") is None:
                        continue
                    since = self.tainted.setdefault(key, now)
                    if now - since >= (one["tolerationSeconds"] if one else 0):
                        self._delete_evicted(pod)
        self.tainted = {key: since for key, since in self.tainted.items() if key in seen}

    def _delete_evicted(self, pod):
        if pod["metadata"].get("deletionTimestamp") or pods.is_ended(pod):
            return

        def edit(item):
            pods.set_condition(item, "DisruptionTarget", "True", "DeletionByTaintManager", EVICTED)

        self._change(pod, edit)
        meta = pod["metadata"]
        pods.delete(self.store, meta["namespace"], meta["name"], {})

    def _collect(self, nodes, now):
        """Pods of which no kubelet will say the end: Failed, although containers may run on."""
        names = {node["metadata"]["name"] for node in nodes}
        out = {node["metadata"]["name"] for node in nodes if _is_out_of_service(node)}
        seen = set()
        for pod in self.store.list("pods")[1]:
            node, uid = pod["spec"].get("nodeName"), pod["metadata"]["uid"]
            deleting = "deletionTimestamp" in pod["metadata"]
            if node in names and not (deleting and node in out):
                continue
            if not node and not deleting:
                continue
            seen.add(uid)
            if now - self.orphans.setdefault(uid, now) >= self.cluster.times.pod_gc_s:
                self._delete_orphan(pod)
        self.orphans = {uid: since for uid, since in self.orphans.items() if uid in seen}

    def _delete_orphan(self, pod):
        def edit(item):
            if not pods.is_ended(item):
                item["status"]["phase"] = "Failed"
                if item["spec"].get("nodeName"):
                    text = "PodGC: node no longer exists"
                    pods.set_condition(item, "DisruptionTarget", "True", "DeletionByPodGC", text)
            item["metadata"].setdefault("deletionTimestamp", now_text())
            item["metadata"]["deletionGracePeriodSeconds"] = 0

        self._change(pod, edit)

    def _empty(self, namespace):
        """A namespace that is deleted goes when its pods have gone."""
        found = self.store.list("pods", namespace)[1]
        for pod in found:
            if not pod["metadata"].get("deletionTimestamp"):
                pods.delete(self.store, namespace, pod["metadata"]["name"], {})
        if not found:
            for resource in ("secrets", "serviceaccounts", "resourcequotas", "configmaps"):
                for item in self.store.list(resource, namespace)[1]:
                    self.store.remove(resource, namespace, item["metadata"]["name"])
            self.store.remove("namespaces", "", namespace)
