"""Binds pods to nodes that their affinity allows and that have room for them; says of the others
that they are unschedulable."""

import threading
from collections import Counter

from . import pods, quantity

NO_MATCH = "didn't match Pod's node affinity/selector"
NOT_HELPFUL = (
    "no new claims to deallocate, preemption: 0/{0} nodes are available: {0} Preemption is not "
    "helpful for scheduling."
)


def _matches(expression, values):
    key, operator = expression["key"], expression["operator"]
    wanted = expression.get("values") or []
    if operator == "In":
        return values.get(key) in wanted
    if operator == "NotIn":
        return values.get(key) not in wanted
    return (key in values) == (operator == "Exists")


def _affine(spec, node):
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(k) != v for k, v in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    wanted = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not wanted:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return any(
        all(_matches(one, labels) for one in term.get("matchExpressions") or [])
        and all(_matches(one, fields) for one in term.get("matchFields") or [])
        for term in wanted["nodeSelectorTerms"]
        if term
    )


def tolerated(taint, tolerations):
    """The toleration of a taint, or None."""
    for one in tolerations or []:
        if one.get("effect") and one["effect"] != taint.get("effect"):
            continue
        if one.get("operator") == "Exists" and one.get("key") in (None, "", taint["key"]):
            return one
        if one.get("key") == taint["key"] and one.get("value", "") == taint.get("value", ""):
            return one
    return None


def _untolerated(spec, node):
    """The text for the first taint that keeps the pod away."""
    taints = list(node["spec"].get("taints") or [])
    if node["spec"].get("unschedulable"):
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    for taint in taints:
        if taint["effect"] == "PreferNoSchedule" or tolerated(taint, spec.get("tolerations")):
            continue
        if taint["key"] == "node.kubernetes.io/unschedulable":
            return "node(s) were unschedulable"
        value = f": {taint['value']}" if taint.get("value") else ": "
        return f"node(s) had untolerated taint {{{taint['key']}{value}}}"
    return ""


def _lacking(spec, node, others):
    """What a node has too little of."""
    room = node["status"]["allocatable"]
    found = []
    if len(others) + 1 > int(room.get("pods", "110")):
        found.append("Too many pods")
    for name in sorted(quantity.names(spec)):
        wanted = quantity.of_pod(spec, name)
        used = sum(quantity.of_pod(other["spec"], name) for other in others)
        if wanted and used + wanted > quantity.parse(room.get(name, "0")):
            found.append(f"Insufficient {name}")
    return found


class Scheduler:
    def __init__(self, cluster):
        self.cluster, self.store = cluster, cluster.store
        self.woken = threading.Event()
        self.is_off = False  # by a test
        self.thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
        self.thread.start()

    def wake(self):
        self.woken.set()

    def _loop(self):
        while not self.cluster.is_stopped:
            self.woken.wait(1.0)
            self.woken.clear()
            if self.is_off or self.cluster.is_stopped:
                continue
            for pod in self.cluster.pods_of_node(""):
                if not pod["metadata"].get("deletionTimestamp"):
                    self._place(pod)

    def _place(self, pod):
        nodes = self.store.list("nodes")[1]
        why = Counter()
        affine = [node for node in nodes if _affine(pod["spec"], node)]
        for node in affine:
            taint = _untolerated(pod["spec"], node)
            if taint:
                why[taint] += 1
                continue
            others = [
                other
                for other in self.cluster.pods_of_node(node["metadata"]["name"])
                if not pods.is_ended(other)
            ]
            lacking = _lacking(pod["spec"], node, others)
            if not lacking:
                self._bind(pod, node["metadata"]["name"])
                return
            why.update(lacking)
        others = len(nodes) - len(affine)
        if others:
            named = "matchFields" in str(pod["spec"].get("affinity"))
            text = "didn't satisfy plugin(s) [NodeAffinity]"
            why[f"node(s) {text if named else NO_MATCH}"] += others
        self._refuse(pod, len(nodes), why)

    def _bind(self, pod, node):
        def edit(item):
            item["spec"]["nodeName"] = node
            pods.set_condition(item, "PodScheduled", "True")

        meta = pod["metadata"]
        self.store.change("pods", meta["namespace"], meta["name"], edit, meta["uid"])

    def _refuse(self, pod, total, why):
        reasons = ", ".join(f"{count} {text}" for text, count in sorted(why.items()))
        text = f"0/{total} nodes are available: {reasons}. {NOT_HELPFUL.format(total)}"
        if not total:
            text = "no nodes available to schedule pods"

        def edit(item):
            pods.set_condition(item, "PodScheduled", "False", "Unschedulable", text)

        meta = pod["metadata"]
        self.store.change("pods", meta["namespace"], meta["name"], edit, meta["uid"])
