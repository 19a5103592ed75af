"""The test cluster itself: what the other tests rely on, and that its faults are faults."""

import json

import pytest
from cluster_file import ANSWER_MAX
from waiting import wait_for

NAMESPACE = "default"


@pytest.fixture
def pod(cluster):
    """pod(name, script, **spec): starts a pod; they are deleted afterwards."""
    made = []

    def start(name, script, **spec):
        limits = {"cpu": "100m", "memory": "16Mi"}
        container = {"name": "default", "image": "localhost/busybox:1"}
        container |= {"command": ["sh", "-c", script], "resources": {"limits": limits}}
        spec = {"restartPolicy": "Never", "hostNetwork": True, "containers": [container]} | spec
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        wait_for(
            "a pod to be taken", lambda: cluster.api().call("POST", path, body)[0] in (201, 409)
        )
        made.append(name)
        return f"{path}/{name}"

    yield start
    for name in made:
        cluster.kubectl(
            *("-n", NAMESPACE, "delete", "pod", name, "--now", "--ignore-not-found"),
        )


def phase(cluster, path):
    return (cluster.get(path) or {}).get("status", {}).get("phase")


def test_a_pod_runs_and_its_output_is_there(cluster, pod):
    path = pod("said", "echo hello; exit 3")
    wait_for("the pod's end", lambda: phase(cluster, path) == "Failed")
    status = cluster.get(path)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (status["exitCode"], status["reason"]) == (3, "Error")
    assert cluster.kubectl("-n", NAMESPACE, "logs", "said").stdout == "hello\n"


def test_a_pod_has_a_network_of_its_own_if_it_wants(cluster, pod):
    path = pod("network", "ip addr", hostNetwork=False)
    wait_for("the pod's end", lambda: phase(cluster, path) == "Succeeded")
    assert "10.246." in cluster.kubectl("-n", NAMESPACE, "logs", "network").stdout


def test_a_container_outlives_its_kubelet(cluster, pod, tmp_path):
    """The API server says that it runs, and it does: it writes."""
    volume = {"name": "out", "hostPath": {"path": str(tmp_path)}}
    node = cluster.nodes[0]
    script = f"while :; do echo x >>{tmp_path}/out; sleep 0.2; done"
    limits = {"limits": {"cpu": "100m", "memory": "16Mi"}}
    container = {"name": "default", "image": "localhost/busybox:1", "resources": limits}
    container |= {"command": ["sh", "-c", script]}
    container["volumeMounts"] = [{"name": "out", "mountPath": str(tmp_path)}]
    path = pod("writer", "", nodeName=node.name, volumes=[volume], containers=[container])
    # It writes before the kubelet says that it runs.
    wait_for("the pod to run", lambda: phase(cluster, path) == "Running")
    wait_for("output", (tmp_path / "out").exists)
    with cluster.without_kubelet(node):
        size = (tmp_path / "out").stat().st_size
        wait_for("more output", lambda: (tmp_path / "out").stat().st_size > size)
        assert phase(cluster, path) == "Running"
        assert node.running() >= 2
    assert phase(cluster, path) == "Running"


def test_forgotten_history_expires_old_watches(cluster):
    """With 410, in the stream or as the status."""
    before = cluster.get("/api/v1/namespaces")["metadata"]["resourceVersion"]
    cluster.kubectl("create", "configmap", "changed", "--from-literal=a=b")
    cluster.kubectl("delete", "configmap", "changed")
    cluster.forget_history()
    path = "/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=5&resourceVersion="
    status, answer = cluster.api().call("GET", path + before)
    words = answer if isinstance(answer, str) else json.dumps(answer)
    assert status == 410 or '"code":410' in words.replace(" ", ""), words[:500]
    assert len(words) < ANSWER_MAX


def test_a_node_that_is_deleted_comes_back_as_another(cluster):
    node = cluster.nodes[1]
    before = cluster.get(f"/api/v1/nodes/{node.name}")["metadata"]["uid"]
    cluster.kill_kubelet(node)
    cluster.delete_node(node)
    cluster.start_kubelet(node)
    assert cluster.get(f"/api/v1/nodes/{node.name}")["metadata"]["uid"] != before


def test_a_cordoned_node_takes_no_pods(cluster, pod):
    for node in cluster.nodes:
        cluster.cordon(node)
    try:
        path = pod("waits", "true")
        wait_for(
            "the reason",
            lambda: "unschedulable" in json.dumps(cluster.get(path)["status"]).lower(),
        )
    finally:
        for node in cluster.nodes:
            cluster.cordon(node, False)
    wait_for("the pod's end", lambda: phase(cluster, path) == "Succeeded")
