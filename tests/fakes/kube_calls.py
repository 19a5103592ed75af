"""Calls to which the fake apiserver must answer as a real one does. What Kubernetes 1.35.4 said is
in tests/data/kube_answers.json, and tests/kubernetes compares the fake with a real one."""

import copy
import json
import re

from kube_cases import body

# Answers whose texts differ on purpose: Go's own words of a parser, or of a structure.
ONLY_CODES = {"not JSON", "an array", "deletion, not JSON", "a bad token of a page", "privileged"}
ONLY_CODES |= {"another spec"}
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Calls:
    """In one namespace, with the rights of aws-batch there. Names of pods are the same each time;
    they are bound to no node."""

    def __init__(self, namespace):
        self.pods = f"/api/v1/namespaces/{namespace}/pods"
        self.namespace = namespace
        self.number = 0

    def pod(self, **meta):
        pod = body(node="none")
        self.number += 1
        pod["metadata"] |= {"name": f"p{self.number}"} | meta
        return pod

    def with_spec(self, **members):
        pod = self.pod()
        pod["spec"] |= members
        return pod

    def with_container(self, **members):
        pod = self.pod()
        pod["spec"]["containers"][0] |= members
        return pod

    def all(self):
        """(name, method, path, body)"""
        for name, pod in [*self._metadata(), *self._containers(), *self._specs()]:
            yield name, "POST", self.pods, pod
        yield from self._reads()
        yield from self._life()

    def _metadata(self):
        yield "a bad name", self.pod(name="Big_Name")
        yield "no name", self.pod(name="")
        yield "a long name", self.pod(name="a" * 254)
        yield "a bad label", self.pod(labels={"a": "x/y"})
        yield "a long label", self.pod(labels={"a": "x" * 64})
        yield "a bad key of a label", self.pod(labels={"a b": "x"})
        yield "a label of another type", self.pod(labels={"a": 1})
        yield "a plain finalizer", self.pod(finalizers=["plain"])
        yield "a version that is set", self.pod(resourceVersion="1")
        yield "another namespace in the body", self.pod(namespace="default")
        yield "not JSON", "{"
        yield "an array", "[]"

    def _containers(self):
        sizes = {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}
        gpu = "nvidia.com/gpu"
        gpus = {"requests": {gpu: "1"}, "limits": {gpu: "2"}}
        privileged = {"privileged": True, "allowPrivilegeEscalation": False}
        mount = {"name": "none", "mountPath": "/x"}
        yield "no image", self.with_container(image="")
        yield "an image with a blank", self.with_container(image=" x")
        yield "a bad name of a container", self.with_container(name="A_b")
        yield "no name of a container", self.with_container(name="")
        yield "an unknown volume", self.with_container(volumeMounts=[mount])
        yield "requests above limits", self.with_container(resources=sizes)
        yield "a bad quantity", self.with_container(resources={"limits": {"cpu": "1x"}})
        yield "a request of a GPU", self.with_container(resources={"requests": {gpu: "1"}})
        yield "other limits of GPUs", self.with_container(resources=gpus)
        yield "a number in env", self.with_container(env=[{"name": "A", "value": 1}])
        yield "no name in env", self.with_container(env=[{"name": "", "value": "1"}])
        yield "a bad name in env", self.with_container(env=[{"name": "A=B", "value": "1"}])
        yield "a command that is a text", self.with_container(command="sh")
        yield "a number in a command", self.with_container(command=["sh", 1])
        yield "a bad policy", self.with_container(imagePullPolicy="Sometimes")
        yield "privileged", self.with_container(securityContext=privileged)

    def _specs(self):
        container = body()["spec"]["containers"][0]
        two = {"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}
        one = {"name": "v", "emptyDir": {}}
        field = {"key": "metadata.name", "operator": "In", "values": ["a", "b"]}
        terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        yield "two containers of a name", self.with_spec(containers=[container, container])
        yield "an init container of the name", self.with_spec(initContainers=[container])
        yield "no containers", self.with_spec(containers=[])
        yield "containers that are an object", self.with_spec(containers={})
        yield "a bad restart policy", self.with_spec(restartPolicy="Sometimes")
        yield "a bad DNS policy", self.with_spec(dnsPolicy="Other")
        yield "a volume of two types", self.with_spec(volumes=[two])
        yield "two volumes of a name", self.with_spec(volumes=[one, one])
        yield "a bad name of a volume", self.with_spec(volumes=[one | {"name": "V.1"}])
        yield "an unknown account", self.with_spec(serviceAccountName="robot")
        yield "two nodes", self.with_spec(affinity={"nodeAffinity": required})

    def _reads(self):
        pods = self.pods
        attributes = {"verb": "create", "resource": "pods"}
        for namespace in (self.namespace, "default"):
            spec = {"resourceAttributes": attributes | {"namespace": namespace}}
            yield f"a review of {namespace}", "POST", REVIEWS, {"spec": spec}
        yield "no such pod", "GET", f"{pods}/none", None
        yield "no such namespace", "GET", "/api/v1/namespaces/none", None
        yield "pods of no namespace", "GET", "/api/v1/namespaces/none-1/pods", None
        yield "no such path", "GET", "/api/v1/nothing", None
        yield "no such group", "GET", "/apis/none/v1/x", None
        yield "secrets", "GET", f"/api/v1/namespaces/{self.namespace}/secrets", None
        yield "elsewhere", "POST", "/api/v1/namespaces/default/pods", self.pod()
        yield "nowhere", "POST", "/api/v1/namespaces/nowhere/pods", self.pod()
        yield "a node's deletion", "DELETE", "/api/v1/nodes/none", None
        yield "all pods' deletion", "DELETE", pods, None
        yield "no such pod's log", "GET", f"{pods}/none/log", None
        yield "a bad selector", "GET", f"{pods}?labelSelector=a%20b", None
        yield "a bad field", "GET", f"{pods}?fieldSelector=spec.foo%3D1", None
        yield "a bad token of a page", "GET", f"{pods}?limit=1&continue=xyz", None

    def _life(self):
        """Of one pod, which has a finalizer."""
        path, pod = f"{self.pods}/dup", self.pod(name="dup")
        more = {"metadata": {"finalizers": ["a.b/c", "openbatch.io/run"]}}
        yield "made", "POST", self.pods, pod
        yield "made again", "POST", self.pods, copy.deepcopy(pod)
        yield "a log of no container", "GET", f"{path}/log?container=none", None
        yield "another uid", "PATCH", path, {"metadata": {"uid": "other"}}
        yield "an old version", "PATCH", path, {"metadata": {"resourceVersion": "1"}}
        yield "another spec", "PATCH", path, {"spec": {"nodeName": "x"}}
        yield "a patch of none", "PATCH", f"{self.pods}/none", {"metadata": {}}
        yield "replaced", "PUT", path, pod
        yield "another's deletion", "DELETE", path, {"preconditions": {"uid": "other"}}
        wanted = {"preconditions": {"resourceVersion": "1"}}
        yield "an old version's deletion", "DELETE", path, wanted
        yield "deletion, not JSON", "DELETE", path, "{"
        yield "deleted", "DELETE", path, {"gracePeriodSeconds": 5}
        yield "deleted again", "DELETE", path, {"gracePeriodSeconds": 0}
        yield "another finalizer", "PATCH", path, more
        yield "made while it goes", "POST", self.pods, copy.deepcopy(pod)
        yield "released", "PATCH", path, {"metadata": {"finalizers": None}}
        yield "gone", "GET", path, None


def _causes(details):
    """A real apiserver may say a cause twice."""
    texts = {json.dumps(cause, sort_keys=True) for cause in details.get("causes") or []}
    return [json.loads(text) for text in sorted(texts)]


def said(name, status, item):
    """What counts of an answer."""
    if item.get("kind") == "SelfSubjectAccessReview":
        found = {"allowed": item["status"]["allowed"]}
    elif item.get("kind") == "Status":
        found = {"reason": item.get("reason") or ""}
        if name not in ONLY_CODES:
            details = item.get("details") or {}
            found["message"] = item["message"]
            found |= {key: details[key] for key in ("name", "kind", "group") if details.get(key)}
            found["causes"] = _causes(details)
    else:
        meta = set(item.get("metadata") or {}) - {"managedFields", "generation"}
        found = {"keys": sorted(item), "metadata": sorted(meta)}
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UID", json.dumps([status, found]))
    return json.loads(re.sub(r"\(\d+\)", "(VERSION)", text))


def answers(client, namespace):
    """What is said to each call, by its name."""
    found = {}
    for name, method, path, content in Calls(namespace).all():
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        status, item, _ = client.call(method, path, content, kind)
        found[name] = said(name, status, item)
    return found
