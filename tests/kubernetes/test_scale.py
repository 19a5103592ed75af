"""1,000 nodes and 10,000 pods as objects in a real API server: what is ours is found among them."""

import concurrent.futures
import time

import pytest
from kube_faults import UUID_LABEL
from kube_work import NAMESPACE

NODES, PODS = 1000, 10000
OTHER = {"openbatch.io/test": "scale"}
SELECTOR = "openbatch.io/test=scale"


def node(number):
    labels = OTHER | {UUID_LABEL: "of-another-environment"}
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"scale-{number}", "labels": labels},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def pod(number):
    container = {"name": "a", "image": "localhost/none:1"}
    container["resources"] = {"requests": {"cpu": "100m", "memory": "64Mi"}}
    spec = {"nodeName": f"scale-{number % NODES}", "containers": [container]}
    meta = {"name": f"scale-{number}", "labels": OTHER}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


@pytest.fixture
def crowded(cluster):
    """The cluster with all of them; they are deleted afterwards."""
    api = cluster.api()

    def make(path, body):
        status, answer = api.call("POST", path, body)
        assert status in (201, 409), answer

    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: make("/api/v1/nodes", node(n)), range(NODES)))
        list(pool.map(lambda n: make(pods, pod(n)), range(PODS)))
    yield cluster
    for path in ("/api/v1/nodes", pods):
        body = {"gracePeriodSeconds": 0}
        api.call("DELETE", f"{path}?labelSelector={SELECTOR}", body, timeout=600)


def memory_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))


def test_jobs_run_in_a_crowded_cluster(crowded, real, real_queue, stack):
    """Within the time that they take elsewhere, and without much memory."""
    took = []
    for _ in range(5):
        begun = time.monotonic()
        real.succeeded(real.submit(real_queue))
        took.append(time.monotonic() - begun)
    print(f"jobs took {took}; the scaler has {memory_mib(stack.pid('scaler'))} MiB")
    assert sorted(took)[2] < 20
    assert {row[2] for row in real.instances(real.environments[0])} == {
        node.name for node in crowded.nodes
    }
