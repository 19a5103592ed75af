"""A real cluster as the tests of a copy see it: what they use of tests/fakes/kube, as far as a real
one can do it."""

import json
from pathlib import Path

import kube_groups
from keys import own_call
from kube_work import FOLDER, NAMESPACE, KubeWork
from kube_work import container as fake_container
from resources import new_name
from stack import wait_for

IMAGE = "localhost/busybox:1"


def container(script="exit 0", image=IMAGE, **more):
    """Of a definition, which runs a script."""
    return fake_container(script, **more) | {"image": image}


class RealCluster:
    name = "real"
    arn = f"arn:aws:eks:us-east-1:123456789012:cluster/{name}"

    def __init__(self, cluster):
        self.cluster = cluster

    def write_kubeconfig(self, folder):
        """As the user who has the rights of `./openbatch kube manifest`, and no others."""
        config = self.cluster.keys.config(self.cluster.server, "aws-batch")
        file = Path(folder) / f"{self.name}.json"
        file.write_text(json.dumps(config))
        file.chmod(0o600)
        return file

    def label_nodes(self, uuid, *names):
        for node in self.cluster.nodes:
            if not names or node.name in names:
                self.cluster.label(node, uuid)

    def pods(self, namespace=NAMESPACE):
        return self.cluster.pods(namespace)

    def pod(self, name, namespace=NAMESPACE):
        return self.cluster.get(f"/api/v1/namespaces/{namespace}/pods/{name}")

    def node(self, name):
        return self.cluster.get(f"/api/v1/nodes/{name}")

    def node_of_pod(self, name):
        return self.cluster.node_of(self.pod(name)["spec"]["nodeName"])

    def processes(self, name):
        """Those of a pod's containers, whatever the API server says of it."""
        pod = self.pod(name)
        return pod and processes_of(self.node_of_pod(name), f"pod{pod['metadata']['uid']}")

    def running_containers(self):
        """Processes of all pods of all nodes."""
        return [pid for node in self.cluster.nodes for pid in processes_of(node, "pod")]

    def secret(self, name, **data):
        words = [f"--from-literal={key}={value}" for key, value in data.items()]
        self.cluster.kubectl("-n", NAMESPACE, "delete", "secret", name, "--ignore-not-found")
        self.cluster.kubectl("-n", NAMESPACE, "create", "secret", "generic", name, *words)

    def claim(self, folder):
        """The name of a new PersistentVolumeClaim, bound to a folder of the host."""
        name = new_name()
        shared = {"storageClassName": "", "accessModes": ["ReadWriteMany"]}
        volume = {"capacity": {"storage": "1Mi"}, "hostPath": {"path": str(folder)}} | shared
        wanted = {"resources": {"requests": {"storage": "1Mi"}}, "volumeName": name} | shared
        objects = [
            {"kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume},
            {
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": wanted,
            },
        ]
        for one in objects:
            self.cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1"} | one))
        path = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/{name}"
        wait_for("the claim", lambda: self.cluster.get(path)["status"].get("phase") == "Bound")
        return name


def processes_of(node, part):
    """Processes in the node's control groups that have this in their path, but for pause."""
    found = set()
    for group in kube_groups.groups(node.group):
        if part not in str(group):
            continue
        try:
            pids = (group / "cgroup.procs").read_text().split()
        except OSError:
            continue
        found |= {pid for pid in pids if program(pid) not in ("pause", None)}
    return sorted(found)


def program(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


class RealWork(KubeWork):
    """Environments, queues and jobs on the real cluster."""

    def submit(self, queue, script="exit 0", **more):
        more.setdefault("definition", None)
        more["definition"] = more["definition"] or self.definition(container(script))
        return super().submit(queue, script, **more)

    def stream(self, job_id):
        """Where the output of its last attempt is."""
        root = (self.stack.env["AWS_ACCESS_KEY_ID"], self.stack.env["AWS_SECRET_ACCESS_KEY"])
        code, found = own_call(self.stack, root, "DescribeAttempts", {"jobs": [job_id]})
        assert code is None, found
        return found["jobs"][0]["attempts"][-1]["logStreamName"]

    def check_pods_gone(self):
        wait_for("no pod is left", lambda: not self.cluster.pods())


def prepare(stack, cluster):
    """Gives the copy the cluster, with rights in the namespace of its jobs."""
    done = stack.openbatch("kube", "manifest", NAMESPACE)
    assert done.returncode == 0, done.stderr
    cluster.kubectl("apply", "-f", "-", input=done.stdout)
    real = RealCluster(cluster)
    real.write_kubeconfig(stack.settings[FOLDER])
    path = f"/api/v1/namespaces/{NAMESPACE}"
    wait_for("the namespace", lambda: cluster.get(path)["status"]["phase"] == "Active")
    return real
