"""Nodes of the fake cluster fail as real ones did (Kubernetes 1.35)."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from kube.client import Client
from kube_cases import PODS, wait_for


def ready(cluster, name):
    [one] = [c for c in cluster.node(name)["status"]["conditions"] if c["type"] == "Ready"]
    return one["status"]


def test_a_dead_kubelet_hides_what_runs(own_cluster, own_pods):
    name = own_pods.create("echo on; sleep 2; echo off; exit 4")
    own_pods.phase(name, "Running")
    own_cluster.kill_kubelet("node-1")
    code, text = own_pods.log(name)
    assert code == 500 and "connect: connection refused" in text
    wait_for("the container has ended", lambda: not own_cluster.processes(name))
    assert own_pods.get(name)["status"]["phase"] == "Running"
    own_cluster.start_kubelet("node-1")
    phase, end = own_pods.end(name)
    assert (phase, end["exitCode"]) == ("Failed", 4)
    assert own_pods.log(name) == (200, "on\noff\n")


def test_a_silent_node_is_unknown_and_its_pods_stay_running(own_cluster, own_pods):
    name = own_pods.create("sleep 100", terminationGracePeriodSeconds=1)
    own_pods.phase(name, "Running")
    own_cluster.kill_kubelet("node-1")
    wait_for("Unknown", lambda: ready(own_cluster, "node-1") == "Unknown")
    taints = {(t["key"], t["effect"]) for t in own_cluster.node("node-1")["spec"]["taints"]}
    key = "node.kubernetes.io/unreachable"
    assert taints == {(key, "NoSchedule"), (key, "NoExecute")}
    status = own_pods.get(name)["status"]
    assert status["phase"] == "Running"
    assert {"Ready": "False"}.items() <= {
        c["type"]: c["status"] for c in status["conditions"]
    }.items()
    assert own_cluster.processes(name)
    own_pods.delete(name)
    own_cluster.start_kubelet("node-1")
    assert own_pods.end(name)[1]["exitCode"] == 137
    wait_for("Ready", lambda: ready(own_cluster, "node-1") == "True")
    assert not own_cluster.node("node-1")["spec"]["taints"]


def test_pods_are_evicted_from_silent_nodes(own_cluster, own_pods):
    key = "node.kubernetes.io/unreachable"
    short = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}]
    name = own_pods.create("sleep 100", tolerations=short)
    own_pods.phase(name, "Running")
    own_cluster.kill_kubelet("node-1")
    pod = wait_for(
        "it is deleted",
        lambda: (p := own_pods.get(name))["metadata"].get("deletionTimestamp") and p,
    )
    [one] = [c for c in pod["status"]["conditions"] if c["type"] == "DisruptionTarget"]
    assert (one["status"], one["reason"]) == ("True", "DeletionByTaintManager")
    assert pod["status"]["phase"] == "Running"


def test_pods_of_a_deleted_node_fail_although_they_run(own_cluster, own_pods):
    name = own_pods.create("sleep 100")
    uid = own_pods.phase(name, "Running")["metadata"]["uid"]
    own_cluster.kill_kubelet("node-1")
    own_cluster.delete_node("node-1")
    status = own_pods.phase(name, "Failed")["status"]
    [one] = [c for c in status["conditions"] if c["type"] == "DisruptionTarget"]
    assert one["reason"] == "DeletionByPodGC"
    assert "running" in status["containerStatuses"][0]["state"]
    own_pods.release(name)
    wait_for("the pod is gone", lambda: not own_pods.exists(name))
    assert own_cluster.processes(uid)
    assert own_cluster.running_containers() == 1
    own_cluster.add_node("node-1")  # its kubelet finds that the pod is no more
    wait_for("the container is dead", lambda: not own_cluster.processes(uid))


def test_a_deleted_pod_that_was_never_bound_fails(own_pods):
    name = own_pods.create("sleep 100", node="none")
    own_pods.delete(name)
    assert "containerStatuses" not in own_pods.phase(name, "Failed")["status"]
    own_pods.release(name)
    assert not own_pods.exists(name)


def test_pods_of_a_node_out_of_service_are_given_up(own_cluster, own_pods):
    name = own_pods.create("sleep 100")
    own_pods.phase(name, "Running")
    own_cluster.kill_kubelet("node-1")
    wait_for("Unknown", lambda: ready(own_cluster, "node-1") == "Unknown")
    own_cluster.taint("node-1", "node.kubernetes.io/out-of-service", "NoExecute")
    own_pods.phase(name, "Failed")
    own_pods.release(name)
    wait_for("the pod is gone", lambda: not own_pods.exists(name))
    assert own_cluster.running_containers() == 1


def test_a_node_can_say_that_it_is_not_ready(own_cluster):
    own_cluster.break_node("node-2")
    wait_for("False", lambda: ready(own_cluster, "node-2") == "False")
    wait_for("its taints", lambda: own_cluster.node("node-2")["spec"].get("taints"))
    own_cluster.mend_node("node-2")
    wait_for("True", lambda: ready(own_cluster, "node-2") == "True")
    wait_for("no taints", lambda: not own_cluster.node("node-2")["spec"].get("taints"))


def test_a_crashed_node_loses_its_containers(own_cluster, own_pods):
    name = own_pods.create("sleep 100")
    own_pods.phase(name, "Running")
    own_cluster.crash_node("node-1")
    assert not own_cluster.processes(name)
    own_cluster.start_kubelet("node-1")
    assert own_pods.end(name)[1]["exitCode"] == 137


def test_the_command_starts_a_cluster_and_is_told_faults(tmp_path):
    program = [sys.executable, Path(__file__).parent / "kube", "--dir", tmp_path, "--nodes", "1"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("ready: https://127.0.0.1:")
        client = Client(json.loads((tmp_path / "fake.json").read_text()))
        assert client.get(PODS)["items"] == []
        url = (tmp_path / "fake.control").read_text().strip()
        body = json.dumps({"node": "node-1"}).encode()
        urllib.request.urlopen(f"{url}/cordon", body).close()
        assert client.get("/api/v1/nodes/node-1")["spec"]["unschedulable"] is True
    finally:
        process.terminate()
        assert process.wait(20) == 0
