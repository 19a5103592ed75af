"""1,000 nodes and 10,000 pods as objects in a real API server. The nodes have the label of the
environment but no kubelet, so they are not Ready; two real ones among them run jobs."""

import concurrent.futures
import contextlib
import time

import pytest
from cluster_file import Problem
from harm import Harm
from kube_faults import UUID_LABEL
from kube_work import NAMESPACE
from prometheus import page, samples
from stack import wait_for

NODES, PODS = 1000, 10000
OTHER = {"openbatch.io/test": "scale"}
SELECTOR = "openbatch.io/test=scale"
# More than before: what is held of 1,000 nodes and their pods, in a build with sanitizers.
MEMORY_MIB = 100
TURN_S, ROUND_S = 0.05, 0.05


def node(number, uuid):
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"scale-{number}", "labels": OTHER | {UUID_LABEL: uuid}},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def pod(number):
    container = {"name": "a", "image": "localhost/none:1"}
    container["resources"] = {"limits": {"cpu": "100m", "memory": "64Mi"}}
    spec = {"nodeName": f"scale-{number % NODES}", "containers": [container]}
    spec["tolerations"] = [{"operator": "Exists"}]  # else the node's silence deletes them
    meta = {"name": f"scale-{number}", "labels": OTHER}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


class Crowd:
    """All of these objects: made and deleted."""

    def __init__(self, cluster):
        self.api, self.pods = cluster.api(), f"/api/v1/namespaces/{NAMESPACE}/pods"

    def _post(self, path, body):
        """Until it is there: an API server with so much to do may be late."""

        def is_made():
            try:
                return self.api.call("POST", path, body)[0] in (201, 409)
            except Problem:
                return False

        wait_for(f"{path} {body['metadata']['name']}", is_made)

    def make(self, uuid):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: self._post("/api/v1/nodes", node(n, uuid)), range(NODES)))
            list(pool.map(lambda n: self._post(self.pods, pod(n)), range(PODS)))

    def delete(self):
        """An API server ends a request after a minute, whatever is left."""
        for path in (self.pods, "/api/v1/nodes"):
            of_ours = f"{path}?labelSelector={SELECTOR}&limit=1"
            end = time.monotonic() + 600
            while self.api.call("GET", of_ours)[1]["items"]:
                assert time.monotonic() < end, f"{path} could not be deleted"
                with contextlib.suppress(Problem):  # the answer has all that was deleted: too long
                    body = {"gracePeriodSeconds": 0}
                    self.api.call("DELETE", f"{path}?labelSelector={SELECTOR}", body, timeout=90)


@pytest.fixture
def crowd(cluster):
    made = Crowd(cluster)
    yield made
    made.delete()


def series(stack, name):
    """The sum of a metric's series."""
    found = samples(page(stack)).get(name)
    assert found, f"there is no {name}"
    return sum(found.values())


class Mean:
    """Of a histogram, from here on."""

    def __init__(self, stack, name):
        self.stack, self.name = stack, name
        self.begun = self._read()

    def _read(self):
        return [series(self.stack, f"{self.name}_{part}") for part in ("sum", "count")]

    def value(self):
        total, count = (now - then for now, then in zip(self._read(), self.begun, strict=True))
        assert count > 0, f"{self.name} has counted nothing"
        return total / count


def memory_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))


def memories(stack):
    """{service: MiB}, of all executors together."""
    executors = Harm(stack).pids("executor")
    found = {name: memory_mib(stack.pid(name)) for name in ("scaler", "scheduler")}
    return found | {"executors": sum(memory_mib(pid) for pid in executors)}


def run_jobs(real, queue, count=5):
    """How long jobs take, one after the other: seconds."""
    took = []
    for _ in range(count):
        begun = time.monotonic()
        real.succeeded(real.submit(queue))
        took.append(time.monotonic() - begun)
    return sorted(took)


def drained_and_given_back(real, name, node):
    """The scaler sees what becomes of a node, among all others: seconds."""
    begun = time.monotonic()
    real.cluster.cluster.cordon(node)
    try:
        wait_for("the node to drain", lambda: node.name not in real.active(name))
    finally:
        real.cluster.cluster.cordon(node, False)
    took = time.monotonic() - begun
    real.active(name, len(real.cluster.cluster.nodes))
    return took


@pytest.mark.long
def test_jobs_run_in_a_crowded_cluster(crowd, real, real_queue, stack, cluster):
    """As fast as in an empty one, with little more memory, and by short rounds; also after all that
    is watched had to be listed again."""
    [name] = real.environments
    real.active(name, len(cluster.nodes))
    empty, before = run_jobs(real, real_queue), memories(stack)
    crowd.make(real.ce(name)["uuid"])
    turns = Mean(stack, "openbatch_scaler_turn_seconds")
    rounds = Mean(stack, "openbatch_scheduler_round_seconds")
    crowded = run_jobs(real, real_queue)
    seen = drained_and_given_back(real, name, cluster.nodes[0])
    cluster.forget_history()
    again = run_jobs(real, real_queue)
    took = turns.value(), rounds.value()
    after = memories(stack)
    print(f"a job takes {empty[2]:.1f} s, in the crowd {crowded[2]:.1f} s, later {again[2]:.1f} s")
    print(f"MiB before {before}, after {after}; a cordoned node drains in {seen:.1f} s")
    print(f"a turn of the scaler takes {took[0] * 1e3:.2f} ms, a round {took[1] * 1e3:.2f} ms")
    assert crowded[2] < empty[2] + 5 and again[2] < empty[2] + 5
    assert took[0] < TURN_S and took[1] < ROUND_S
    for service, mib in after.items():
        assert mib < before[service] + MEMORY_MIB, service
    assert {row[2] for row in real.instances(name)} == {node.name for node in cluster.nodes}
