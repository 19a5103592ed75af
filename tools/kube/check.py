"""Can jobs run in this namespace of this cluster? `./openbatch kube check`.

It changes nothing in the cluster. Each line begins with ok, note or WRONG; under what is wrong, a
line says what to do. The exit status is 1 if something is wrong.
"""

import argparse
import os
import sys
import urllib.parse

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from cluster_file import Cluster, Problem  # noqa: E402
from plain import plain  # noqa: E402
from rights import OF_CLUSTER, OF_NAMESPACE, refused_namespace  # noqa: E402

# Kubernetes 1.NN. Since 1.29 a pod says whether it waits for its volumes; AWS names 1.36, too.
OLDEST, NEWEST = 29, 36
LABEL = "batch.amazonaws.com/compute-environment-uuid"


def message_of(answer):
    """The words of a refusal."""
    text = answer.get("message")
    return str(text or "no reason given").strip()[:500]


class Check:
    def __init__(self, cluster, namespace, environment):
        self.cluster, self.namespace, self.environment = cluster, namespace, environment
        self.wrongs = 0

    def ask(self, method, path, body=None):
        """(status, object)"""
        status, answer = self.cluster.call(method, path, body)
        if status == 401:
            raise Problem(
                "the cluster does not accept the token or certificate of the cluster's file",
                "put a valid one into it: a token may have expired, or been revoked",
            )
        return status, answer if isinstance(answer, dict) else {"message": answer}

    def ok(self, text):
        print(plain(f"ok     {text}"))

    def note(self, text):
        print(plain(f"note   {text}"))

    def wrong(self, text, remedy=None):
        self.wrongs += 1
        print(plain(f"WRONG  {text}"))
        if remedy:
            print(plain(f"       {remedy}"))

    def refused(self, what, status, answer):
        """An answer that is neither good nor a lack of a right that rights() has named."""
        if status != 403 or not self.wrongs:
            self.wrong(f"{what}: HTTP {status}: {message_of(answer)}")

    def apply(self):
        return f"./openbatch kube manifest {self.namespace} | kubectl apply -f -"

    def version(self):
        status, answer = self.ask("GET", "/version")
        if status != 200 or "major" not in answer:
            raise Problem(
                f"{self.cluster.server} does not say the version of a Kubernetes cluster"
                f" (HTTP {status}): {message_of(answer)}",
                "look whether this is the API server of a Kubernetes cluster",
            )
        digits = "".join(c for c in str(answer.get("minor", "")) if c.isdigit()) or "0"
        name = f"{self.cluster.server} is Kubernetes {answer.get('gitVersion', '?')}"
        if str(answer.get("major")) == "1" and OLDEST <= int(digits) <= NEWEST:
            self.ok(name)
        else:
            self.wrong(
                f"{name}; OpenBatch knows 1.{OLDEST} to 1.{NEWEST}",
                "use a cluster of one of these versions",
            )

    def user(self):
        """Clusters older than 1.28 do not say who the user is."""
        status, answer = self.ask(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )
        info = answer.get("status", {}).get("userInfo", {}) if status in (200, 201) else {}
        name = info.get("username")
        if name == "system:anonymous":
            raise Problem(
                f"{self.cluster.file} names no credentials",
                "give its user a token or a client certificate",
            )
        if name:
            self.ok(f"the cluster accepts the credentials, as the user {name}")

    def allowed(self, group, resource, verb, namespace):
        name, _, part = resource.partition("/")
        wanted = {"group": group, "resource": name, "subresource": part, "verb": verb}
        wanted["namespace"] = namespace
        status, answer = self.ask(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {k: v for k, v in wanted.items() if v}},
            },
        )
        if status not in (200, 201):
            raise Problem(
                f"the cluster does not say which rights there are: {message_of(answer)}",
                "give the user the role system:basic-user, which all users have by default",
            )
        return bool(answer.get("status", {}).get("allowed"))

    def rights(self):
        said = self.wrongs
        for rights, namespace in ((OF_CLUSTER, None), (OF_NAMESPACE, self.namespace)):
            for group, resources, verbs, what_for in rights:
                if not what_for:
                    continue
                for resource in resources:
                    no = [v for v in verbs if not self.allowed(group, resource, v, namespace)]
                    if no:
                        place = f" in {namespace}" if namespace else " in the whole cluster"
                        self.wrong(f"no right to {', '.join(no)} {resource}{place}, {what_for}")
        if self.wrongs == said:
            self.ok("it has the rights that OpenBatch needs")
        else:
            print(f"       as an administrator: {self.apply()}")

    def namespace_is_there(self):
        status, answer = self.ask("GET", f"/api/v1/namespaces/{self.namespace}")
        if status == 404:
            self.wrong(f"there is no namespace {self.namespace}", f"make it: {self.apply()}")
        elif status != 200:
            self.refused(f"namespace {self.namespace}", status, answer)
        elif answer.get("status", {}).get("phase") == "Terminating":
            self.wrong(
                f"the namespace {self.namespace} is being deleted",
                "wait until it is gone, and make it again",
            )
        else:
            self.ok(f"the namespace {self.namespace} is there")
            return True
        return False

    def pod(self):
        """Would the cluster take a pod such as those of jobs? Nothing is made (dryRun)."""
        container = {"name": "default", "image": "localhost/nothing:1"}
        container["resources"] = {"requests": {"cpu": "250m", "memory": "4Mi"}}
        container["resources"]["limits"] = {"cpu": "250m", "memory": "4Mi"}
        spec = {"restartPolicy": "Never", "hostNetwork": True, "containers": [container]}
        spec |= {"dnsPolicy": "ClusterFirstWithHostNet", "automountServiceAccountToken": False}
        meta = {"generateName": "aws-batch.check-", "finalizers": ["openbatch.io/run"]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
        path = f"/api/v1/namespaces/{self.namespace}/pods?dryRun=All"
        status, answer = self.ask("POST", path, body)
        words = message_of(answer)
        if status in (200, 201):
            self.ok("the cluster would take the pod of a job")
        elif "violates PodSecurity" in words:
            self.wrong(
                f"the cluster would not take the pod of a job: {words}",
                "pods use the host's network unless a job definition says hostNetwork: false; to"
                f" allow it: kubectl label --overwrite namespace {self.namespace}"
                " pod-security.kubernetes.io/enforce=privileged",
            )
        elif "exceeded quota" in words:
            self.note(f"jobs wait now, because the namespace's quota is used up: {words}")
        elif "does not support dry run" in words:
            self.note(f"the cluster does not say whether it would take the pod of a job: {words}")
        elif status != 403 or "cannot create resource" not in words:
            self.wrong(
                f"the cluster would not take the pod of a job: {words}",
                "change what refuses it: an admission webhook, a policy, or the namespace's limits",
            )

    def nodes(self):
        selector = urllib.parse.quote(f"{LABEL}={self.environment}" if self.environment else LABEL)
        status, answer = self.ask("GET", f"/api/v1/nodes?labelSelector={selector}")
        if status != 200:
            self.refused("the cluster's nodes", status, answer)
            return
        nodes = answer.get("items") or []
        usable = 0
        for node in nodes:
            name = node["metadata"]["name"]
            conditions = node.get("status", {}).get("conditions") or []
            ready = [c["status"] for c in conditions if c["type"] == "Ready"] == ["True"]
            if node.get("spec", {}).get("unschedulable"):
                self.note(f"node {name} is cordoned: no new job begins there")
            elif not ready:
                self.note(f"node {name} is not Ready: no job begins there")
            else:
                usable += 1
        if usable:
            self.ok(f"{usable} of {len(nodes)} labelled nodes can run jobs")
        elif nodes:
            self.wrong("no labelled node can run jobs", "make them Ready, or uncordon them")
        elif self.environment:
            label = f"{LABEL}={self.environment}"
            self.wrong(f"no node has the label {label}", f"kubectl label node NODE {label}")
        else:
            self.note(
                f"no node has the label {LABEL} yet: make the environment, and label the nodes that"
                f" may run its jobs: kubectl label node NODE {LABEL}=UUID"
            )

    def run(self):
        try:
            self.version()
            self.user()
            self.rights()
            if self.namespace_is_there():
                self.pod()
            self.nodes()
        except Problem as problem:
            self.wrong(*problem.args)
        except (AttributeError, KeyError, TypeError, ValueError) as e:
            self.wrong(
                f"{self.cluster.server} gives answers that a cluster does not give"
                f" ({type(e).__name__})",
                "look whether this is the API server of a Kubernetes cluster",
            )
        return 1 if self.wrongs else 0


def main():
    parser = argparse.ArgumentParser(
        prog="openbatch kube check",
        description="Says whether OpenBatch can run jobs in a namespace of a Kubernetes cluster.",
    )
    parser.add_argument(
        "file", metavar="CLUSTER_FILE", help="the cluster's file in OPENBATCH_KUBERNETES_DIR"
    )
    parser.add_argument("namespace", metavar="NAMESPACE", help="the environment's namespace")
    parser.add_argument(
        "--environment", metavar="UUID", help="uuid of the environment: look at its nodes only"
    )
    args = parser.parse_args()
    why = refused_namespace(args.namespace)
    if why:
        sys.exit(f"openbatch: {args.namespace}: {why}")
    try:
        cluster = Cluster(args.file)
    except Problem as problem:
        print(plain(f"WRONG  {problem.args[0]}"))
        print(plain(f"       {problem.args[1]}"))
        sys.exit(1)
    sys.exit(Check(cluster, args.namespace, args.environment).run())


if __name__ == "__main__":
    main()
