"""What the tests of the fake cluster share: pods, and waiting for them."""

import functools
import itertools

import waiting

PODS = "/api/v1/namespaces/batch-jobs/pods"
NUMBERS = itertools.count(1)

wait_for = functools.partial(waiting.wait_for, timeout=60.0, every=0.02)


def on_node(name):
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"nodeAffinity": required}


def body(script="exit 0", node="node-1", cpu="100m", finalizers=("openbatch.io/run",), **spec):
    """A pod whose container runs a script; its name is new."""
    container = {
        "name": "main",
        "image": "busybox",
        "command": ["sh", "-c", script],
        "resources": {"limits": {"cpu": cpu, "memory": "64Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"pod-{next(NUMBERS)}", "finalizers": list(finalizers)},
        "spec": {"restartPolicy": "Never", "affinity": on_node(node), "containers": [container]}
        | spec,
    }


class Pods:
    """Of one client."""

    def __init__(self, client):
        self.client = client

    def create(self, *args, **spec):
        """The name of a new pod."""
        return self.client.good("POST", PODS, body(*args, **spec))["metadata"]["name"]

    def get(self, name):
        return self.client.get(f"{PODS}/{name}")

    def phase(self, name, *phases):
        """Waits for one of these phases: the pod."""
        text = f"{name} in {phases}"
        return wait_for(text, lambda: (p := self.get(name))["status"]["phase"] in phases and p)

    def end(self, name):
        """Waits for its end: what its first container's state says."""
        pod = self.phase(name, "Succeeded", "Failed")
        return pod["status"]["phase"], pod["status"]["containerStatuses"][0]["state"]["terminated"]

    def waiting(self, name, reason):
        """Waits until its first container waits for this reason: the message, if there is one."""

        def found():
            for one in self.get(name)["status"].get("containerStatuses") or []:
                waiting = one["state"].get("waiting") or {}
                if waiting.get("reason") == reason:
                    return waiting
            return None

        return wait_for(f"{name} waits for {reason}", found).get("message")

    def unschedulable(self, name):
        """Waits until the scheduler has found no node: its message."""

        def found():
            for one in self.get(name)["status"].get("conditions") or []:
                if one["type"] == "PodScheduled" and one["status"] == "False":
                    assert one["reason"] == "Unschedulable"
                    return one["message"]
            return None

        return wait_for(f"{name} is unschedulable", found)

    def delete(self, name, **options):
        return self.client.call("DELETE", f"{PODS}/{name}", options)

    def release(self, name):
        """Takes the finalizer away."""
        return self.client.patch(f"{PODS}/{name}", {"metadata": {"finalizers": None}})

    def exists(self, name):
        return self.client.call("GET", f"{PODS}/{name}")[0] == 200

    def log(self, name, query=""):
        return self.client.text(f"{PODS}/{name}/log?{query}")
