"""What tests see of a cluster, and what they do to it: faults by name."""

import contextlib
import json
import urllib.request

from cluster_file import Problem
from waiting import wait_for

UUID_LABEL = "batch.amazonaws.com/compute-environment-uuid"
MERGE = "application/merge-patch+json"


class Faults:
    # --- looking ---

    def get(self, path, user="admin"):
        """The object, or None."""
        status, answer = self.api(user).call("GET", path)
        return answer if status == 200 else None

    def pods(self, namespace, selector=""):
        path = f"/api/v1/namespaces/{namespace}/pods"
        found = self.get(f"{path}?labelSelector={selector}" if selector else path)
        return found["items"] if found else []

    def node_of(self, name):
        return next(node for node in self.nodes if node.name == name)

    def is_ready(self, name):
        node = self.get(f"/api/v1/nodes/{name}") or {}
        taints = [t["key"] for t in node.get("spec", {}).get("taints") or []]
        conditions = node.get("status", {}).get("conditions") or []
        ready = [c["status"] for c in conditions if c["type"] == "Ready"] == ["True"]
        return ready and "node.kubernetes.io/not-ready" not in taints

    def is_up(self):
        try:
            return self.api().call("GET", "/readyz", timeout=2)[0] == 200
        except Problem:
            return False

    def etcd(self, path, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port + 1}{path}", json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def etcd_answers(self):
        try:
            return bool(self.etcd("/v3/maintenance/status", {}))
        except OSError:
            return False

    # --- changing ---

    def patch(self, path, change):
        status, answer = self.api().call("PATCH", path, change, MERGE)
        if status != 200:
            raise RuntimeError(f"PATCH {path}: {status} {answer}")
        return answer

    def label(self, node, uuid):
        """uuid: of the environment whose node it is; None: of none."""
        self.patch(f"/api/v1/nodes/{node.name}", {"metadata": {"labels": {UUID_LABEL: uuid}}})

    def cordon(self, node, is_so=True):
        self.patch(f"/api/v1/nodes/{node.name}", {"spec": {"unschedulable": is_so}})

    def strip(self, pod):
        """Takes the finalizers of a pod away, as somebody does who wants to be rid of it. False: it
        is gone already."""
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        status, answer = self.api().call("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
        if status not in (200, 404):
            raise RuntimeError(f"PATCH {path}: {status} {answer}")
        return status == 200

    # --- faults ---

    def kill_kubelet(self, node):
        """Its containers run on."""
        self.parts.kill(node.kubelet)

    def start_kubelet(self, node):
        node.start_kubelet()
        self.wait_ready(node)

    @contextlib.contextmanager
    def without_kubelet(self, node):
        self.kill_kubelet(node)
        try:
            yield
        finally:
            self.start_kubelet(node)

    def delete_node(self, node):
        """The object; a kubelet that runs makes it anew only when it is started again."""
        self.api().call("DELETE", f"/api/v1/nodes/{node.name}")
        wait_for("the node's end", lambda: not self.get(f"/api/v1/nodes/{node.name}"))

    @contextlib.contextmanager
    def without_apiserver(self):
        """Dead, by kill -9, and started again."""
        self.parts.kill("apiserver")
        try:
            yield
        finally:
            self.start_apiserver()

    def forget_history(self):
        """etcd is compacted and the API server's memory is gone: each watch must begin anew, from a
        list."""
        revision = self.etcd("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        self.etcd("/v3/kv/compaction", {"revision": revision, "physical": True})
        with self.without_apiserver():
            pass

    def delete_binding(self, namespace):
        """Takes the right to the namespace's pods away."""
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
        self.api().call("DELETE", f"{path}/aws-batch-compute-environment-role-binding")
