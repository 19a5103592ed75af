"""What can go wrong with a cluster, as methods of FakeCluster (cluster.py)."""

from . import pods
from .kubelet import Kubelet


class Harm:
    # Faults of nodes and pods.

    def cordon(self, node, on=True):
        def edit(item):
            item["spec"].pop("unschedulable", None)
            if on:
                item["spec"]["unschedulable"] = True

        self.store.change("nodes", "", node, edit)

    def taint(self, node, key, effect="NoSchedule", value=""):
        """effect None: takes the taint away."""

        def edit(item):
            taints = [t for t in item["spec"].get("taints") or [] if t["key"] != key]
            if effect:
                taints.append({"key": key, "effect": effect} | ({"value": value} if value else {}))
            item["spec"]["taints"] = taints

        self.store.change("nodes", "", node, edit)

    def resize_node(self, node, cpu=None, memory=None):
        def edit(item):
            for kind in ("capacity", "allocatable"):
                sizes = {"cpu": cpu, "memory": memory}
                item["status"][kind] |= {n: v for n, v in sizes.items() if v is not None}

        self.store.change("nodes", "", node, edit)

    def break_node(self, node, problem="container runtime is down"):
        """The kubelet says that its node is not ready."""
        self.problems[node] = problem
        self.kubelets[node].beat_now()

    def mend_node(self, node):
        self.problems.pop(node, None)
        self.kubelets[node].beat_now()

    def kill_kubelet(self, node):
        """The node goes silent; its containers run on."""
        self.kubelets.pop(node).kill()

    def start_kubelet(self, node):
        """It is back, and finds what has run meanwhile."""
        self.kubelets[node] = Kubelet(self, node)

    def delete_node(self, node):
        """The node's object; what runs on it runs on until its kubelet hears of its pods' ends."""
        self.store.remove("nodes", "", node)

    def crash_node(self, node):
        """The machine is off: no kubelet, and no containers. start_kubelet() boots it again."""
        self.kubelets.pop(node).kill()
        runtime = self.runtimes[node]
        runtime.stop()
        runtime.stopped = False

    def strip_finalizers(self, pod, namespace="batch-jobs"):
        """As kubectl patch does it by force."""
        self.store.change(
            "pods", namespace, pod, lambda item: item["metadata"].pop("finalizers", None)
        )

    def label_pod(self, pod, key, value=None, namespace="batch-jobs"):
        """None: takes the label away."""

        def edit(item):
            item["metadata"].setdefault("labels", {}).pop(key, None)
            if value is not None:
                item["metadata"]["labels"][key] = value

        self.store.change("pods", namespace, pod, edit)

    def remove_pod(self, pod, namespace="batch-jobs"):
        """Its object is gone at once, whatever holds it."""
        self.store.remove("pods", namespace, pod)

    def delete_pod(self, pod, namespace="batch-jobs", grace=None):
        """Somebody deletes it, as kubectl delete does."""
        options = {} if grace is None else {"gracePeriodSeconds": grace}
        pods.delete(self.store, namespace, pod, options)

    def evict_pod(self, pod, namespace="batch-jobs", reason="Evicted", message=""):
        """The kubelet ends it, for want of memory or because its node shuts down (NodeShutdown,
        Preempting, …)."""
        text = message or "The node was low on resource: memory."

        def edit(item):
            item["status"] |= {"phase": "Failed", "reason": reason, "message": text}
            pods.set_condition(item, "DisruptionTarget", "True", "TerminationByKubelet", text)

        self.store.change("pods", namespace, pod, edit)

    def run_out_of_memory(self, pod, container="", namespace="batch-jobs", child=False):
        """The kernel kills the container (the first by default), or a child of its."""
        self._container(pod, container, namespace).run_out_of_memory(child)

    def spoil_start(self, pod, container="", namespace="batch-jobs"):
        """A container that has run ends, and is said never to have started: so it was seen after a
        kubelet had died (exit code 128, StartError, no time of a start)."""
        self._container(pod, container, namespace).spoil()

    def rotate_log(self, pod, container="", namespace="batch-jobs", keep=10):
        """Only so many last records of a container's output are left."""
        self._container(pod, container, namespace).log.rotate(keep)

    def _container(self, pod, container, namespace):
        item = self.pod(pod, namespace)
        name = container or item["spec"]["containers"][0]["name"]
        return self.runtimes[item["spec"]["nodeName"]].get(item["metadata"]["uid"], name)

    def stop_scheduler(self, on=True):
        """Pods wait, and nobody says why."""
        self.scheduler.is_off = on
        self.scheduler.wake()

    def delete_namespace(self, namespace):
        pods.delete_other(self.store, "namespaces", "Namespace", "", namespace, {})

    # Faults of the apiserver.

    def fault(self, kind, method="", path="", times=1, skip=0, seconds=0.0, code=500):
        """What the next requests run into (faults.py): the rule's number."""
        return self.faults.add(kind, method, path, times, skip, seconds, code)

    def fault_hits(self, number):
        return self.faults.hits(number)

    def clear_faults(self, number=None):
        self.faults.clear(number)

    def expire_watches(self, resource="pods"):
        """The history is forgotten, and open watches are told so (410 in an ERROR event)."""
        self.store.compact(resource)
        self.server.expire(resource)

    def silence_watches(self, on=True):
        """Watches that are open now say nothing any more, and stay open: a dead path."""
        self.server.silence(on)

    def cut_connections(self):
        """All that are open, in the middle of what they do."""
        self.server.cut()

    def close_server(self):
        """Connections are cut, and new ones are refused."""
        self.server.close()

    def open_server(self):
        self.server.open()

    def requests(self, method="", path=""):
        """How many requests of this method, with this text in their path, have come in."""
        return self.server.count(method, path)

    # Rights.

    def take_rights(self, namespace):
        """The Role of a namespace is gone."""
        self.rights.take_namespace(namespace)

    def give_rights(self, namespace):
        self.rights.give_namespace(namespace)

    def deny(self, namespace=None, verb=None, resource=None):
        """Forbids what matches; None: any."""
        self.rights.deny(namespace, verb, resource)

    def allow_again(self):
        self.rights.allow_again()

    def change_token(self, token):
        """The old token is nobody's any more; kubeconfigs that are written now have the new one."""
        self.rights.new_token(token)
        self.token = token
