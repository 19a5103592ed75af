"""Pods of the fake cluster live and end as they did on a real one (Kubernetes 1.35)."""

import os
import re

import pytest
from kube_cases import PODS, body, on_node, wait_for

IGNORES = "trap '' TERM; while :; do sleep 0.1; done"


def test_ends_and_their_words(pods):
    good, bad = pods.create("exit 0"), pods.create("exit 3")
    phase, end = pods.end(good)
    assert (phase, end["exitCode"], end["reason"]) == ("Succeeded", 0, "Completed")
    phase, end = pods.end(bad)
    assert (phase, end["exitCode"], end["reason"]) == ("Failed", 3, "Error")
    assert re.fullmatch(r"containerd://[0-9a-f]{64}", end["containerID"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", end["startedAt"])


def test_the_phase_comes_after_the_container_has_ended(client, pods):
    name = pods.create("sleep 0.3; exit 1")
    states = []
    for _, pod in client.watch(f"{PODS}?watch=true&fieldSelector=metadata.name={name}"):
        status = (pod["status"].get("containerStatuses") or [{"state": {}}])[0]
        states.append((pod["status"]["phase"], *status["state"]))
        if pod["status"]["phase"] == "Failed":
            break
    assert states[-3:] == [
        ("Running", "running"),
        ("Running", "terminated"),
        ("Failed", "terminated"),
    ]


def test_a_finalizer_keeps_the_end_of_a_deleted_pod(pods):
    name = pods.create(f"echo said; {IGNORES}")
    pods.phase(name, "Running")
    wait_for("its output", lambda: "said" in pods.log(name)[1])
    status, item, _ = pods.delete(name, gracePeriodSeconds=1)
    assert status == 200 and item["metadata"]["deletionGracePeriodSeconds"] == 1
    phase, end = pods.end(name)
    assert (phase, end["exitCode"], end["reason"]) == ("Failed", 137, "Error")
    assert pods.log(name) == (200, "said\n")
    status, item, _ = pods.release(name)
    assert status == 200
    wait_for("it is gone", lambda: not pods.exists(name))


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (7, "Failed")])
def test_sigterm_may_be_answered(pods, code, phase):
    name = pods.create(f"trap 'exit {code}' TERM; echo up; while :; do sleep 0.05; done")
    wait_for("the trap", lambda: pods.log(name)[1] == "up\n")
    pods.delete(name, gracePeriodSeconds=20)
    ended, end = pods.end(name)
    assert (ended, end["exitCode"]) == (phase, code)


@pytest.mark.skipif(os.geteuid() != 0, reason="a process namespace needs root")
def test_process_1_gets_only_signals_that_it_handles(pods):
    name = pods.create()
    pods.end(name)
    spec = body()["spec"]["containers"][0] | {"command": ["sleep", "100"]}
    name = pods.create(containers=[spec])
    pods.phase(name, "Running")
    pods.delete(name, gracePeriodSeconds=1)
    assert pods.end(name)[1]["exitCode"] == 137


def test_memory(cluster, pods):
    name = pods.create("sleep 100")
    pods.phase(name, "Running")
    cluster.run_out_of_memory(name)
    phase, end = pods.end(name)
    assert (phase, end["exitCode"], end["reason"]) == ("Failed", 137, "OOMKilled")
    name = pods.create("sleep 100; exit 0")
    pods.phase(name, "Running")
    wait_for("its child", lambda: cluster.children(name))
    cluster.run_out_of_memory(name, child=True)
    phase, end = pods.end(name)
    assert (phase, end["exitCode"], end["reason"]) == ("Succeeded", 0, "OOMKilled")


def test_a_command_that_does_not_exist(pods):
    spec = body()["spec"]["containers"][0] | {"command": ["/no/such"]}
    phase, end = pods.end(pods.create(containers=[spec]))
    assert (phase, end["exitCode"], end["reason"]) == ("Failed", 128, "StartError")
    assert end["startedAt"] == "1970-01-01T00:00:00Z"
    assert "no such file or directory" in end["message"]


def test_images_that_do_not_come(cluster, pods):
    def pod(image, **more):
        spec = body()["spec"]["containers"][0] | {"image": image} | more
        return pods.create(containers=[spec])

    name = pod("nobody/has-it")
    assert 'image "docker.io/nobody/has-it:latest"' in pods.waiting(name, "ErrImagePull")
    text = pods.waiting(name, "ImagePullBackOff")
    assert text.startswith('Back-off pulling image "nobody/has-it": ErrImagePull: ')
    assert pods.get(name)["status"]["phase"] == "Pending"
    assert pods.waiting(pod("Bad Name"), "InvalidImageName")
    text = pods.waiting(pod("none", imagePullPolicy="Never"), "ErrImageNeverPull")
    assert "is not present with pull policy of Never" in text
    cluster.images.add("nobody/has-it")
    assert pods.end(name)[0] == "Succeeded"


def test_a_pod_that_never_started_ends_as_failed(pods):
    spec = body()["spec"]["containers"][0] | {"image": "nobody/has-this"}
    name = pods.create(containers=[spec])
    pods.waiting(name, "ImagePullBackOff")
    pods.delete(name, gracePeriodSeconds=30)
    phase, end = pods.end(name)
    assert (phase, end["exitCode"], end["reason"]) == ("Failed", 137, "ContainerStatusUnknown")


def test_what_is_missing_in_the_namespace(cluster, pods):
    volume = [{"name": "v", "secret": {"secretName": "word"}}]
    mount = [{"name": "v", "mountPath": "/etc/word"}]
    spec = body("cat /etc/word/key")["spec"]["containers"][0] | {"volumeMounts": mount}
    name = pods.create(containers=[spec], volumes=volume)
    pods.waiting(name, "ContainerCreating")
    code, text = pods.log(name)
    assert code == 400 and "is waiting to start: ContainerCreating" in text
    cluster.add_secret("batch-jobs", "word", key="open sesame")
    assert pods.end(name)[0] == "Succeeded"
    assert pods.log(name)[1] == "open sesame\n"
    source = {"secretKeyRef": {"name": "absent", "key": "k"}}
    spec = body()["spec"]["containers"][0] | {"env": [{"name": "A", "valueFrom": source}]}
    name = pods.create(containers=[spec])
    assert pods.waiting(name, "CreateContainerConfigError") == 'secret "absent" not found'


def test_init_containers_come_first_and_share_volumes(pods):
    volume = [{"name": "v", "emptyDir": {}}]
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}

    def container(name, script):
        return body(script)["spec"]["containers"][0] | {"name": name} | mount

    first = [container("one", "echo 1 >/data/data"), container("two", "echo 2 >>/data/data")]
    both = [container("a", "cat /data/data"), container("b", "exit 5")]
    name = pods.create(containers=both, initContainers=first, volumes=volume)
    pod = pods.phase(name, "Failed")
    codes = [s["state"]["terminated"]["exitCode"] for s in pod["status"]["containerStatuses"]]
    assert codes == [0, 5]
    assert pods.log(name, "container=a")[1] == "1\n2\n"
    code, text = pods.log(name)
    assert code == 400 and "choose one of: [a b]" in text
    assert pods.log(name, "container=c")[0] == 400
    name = pods.create(initContainers=[container("bad", "exit 9")], volumes=volume)
    status = pods.phase(name, "Failed")["status"]
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"


def test_variables_are_expanded_by_the_kubelet(pods):
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}]
    command = ["echo", "$(B)", "$$(B)", "$(NONE)", "$A"]
    spec = body()["spec"]["containers"][0] | {"env": env, "command": command}
    name = pods.create(containers=[spec])
    pods.end(name)
    assert pods.log(name)[1] == "12 $(B) $(NONE) $A\n"


def test_rooms_and_who_finds_none(pods):
    name = pods.create("sleep 100", cpu="100")
    assert "1 Insufficient cpu" in pods.unschedulable(name)
    name = pods.create("sleep 100", node="no-node")
    assert "node(s) didn't satisfy plugin(s) [NodeAffinity]" in pods.unschedulable(name)
    # Without the scheduler, the kubelet refuses it for good.
    name = pods.create("sleep 100", cpu="100", affinity={}, nodeName="node-1")
    status = pods.phase(name, "Failed")["status"]
    assert status["reason"] == "OutOfcpu" and "containerStatuses" not in status
    assert "Node didn't have enough resource: cpu, requested: 100000, used: " in status["message"]


def test_a_node_takes_no_more_than_it_has(cluster, pods):
    cluster.add_node("small", cpu="1", memory="1Gi")
    first = pods.create("sleep 100", node="small", cpu="750m")
    pods.phase(first, "Running")
    second = pods.create("exit 0", node="small", cpu="750m")
    assert "Insufficient cpu" in pods.unschedulable(second)
    pods.delete(first, gracePeriodSeconds=0)
    assert pods.end(second)[0] == "Succeeded"


def test_cordoned_and_tainted_nodes_get_none(cluster, pods):
    cluster.add_node("shut")
    cluster.cordon("shut")
    name = pods.create("exit 0", node="shut")
    assert "node(s) were unschedulable" in pods.unschedulable(name)
    cluster.taint("shut", "batch.amazonaws.com/batch-node")
    cluster.cordon("shut", on=False)
    toleration = [{"key": "batch.amazonaws.com/batch-node", "operator": "Exists"}]
    tolerant = pods.create("exit 0", affinity=on_node("shut"), tolerations=toleration)
    assert pods.end(tolerant)[0] == "Succeeded"
    assert pods.get(name)["status"]["phase"] == "Pending"


def test_logs_are_followed_with_their_times(client, pods):
    name = pods.create("echo one; sleep 0.5; printf 'two\\nthree'")
    wait_for("output", lambda: pods.log(name)[0] == 200)
    lines = list(client.lines(f"{PODS}/{name}/log?follow=true&timestamps=true"))
    assert [line.split(" ", 1)[1] for line in lines] == ["one\n", "two\n", "three\n"]
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"
    assert all(re.fullmatch(stamp, line.split()[0]) for line in lines)
    assert pods.log(name, "limitBytes=5")[1] == "one\nt"
    assert pods.log(name, "tailLines=1")[1] == "three\n"
    assert pods.log(name, "sinceTime=2100-01-01T00:00:00Z") == (200, "")
    # Whole seconds count: lines of the same second come again.
    since = lines[-1].split()[0]
    assert "three" in pods.log(name, f"sinceTime={since}")[1]


def test_rotation_loses_lines_silently(cluster, pods):
    name = pods.create("for i in 1 2 3 4 5 6; do echo $i; done")
    pods.end(name)
    cluster.rotate_log(name, keep=2)
    assert pods.log(name) == (200, "5\n6\n")


def test_an_evicted_pod_says_why(cluster, pods):
    name = pods.create("sleep 100")
    pods.phase(name, "Running")
    cluster.evict_pod(name)
    pod = pods.phase(name, "Failed")
    assert pod["status"]["reason"] == "Evicted"
    wait_for("its container is dead", lambda: not cluster.processes(name))
    wait_for(
        "its end",
        lambda: "terminated" in pods.get(name)["status"]["containerStatuses"][0]["state"],
    )


def test_a_removed_pod_takes_its_container_with_it(cluster, pods):
    name = pods.create("sleep 100")
    uid = pods.phase(name, "Running")["metadata"]["uid"]
    assert cluster.processes(uid)
    cluster.remove_pod(name)
    wait_for("its container is dead", lambda: not cluster.processes(uid))


def test_a_deadline_ends_a_pod(cluster, pods):
    name = pods.create("sleep 100", activeDeadlineSeconds=1, terminationGracePeriodSeconds=1)
    assert pods.phase(name, "Failed")["status"]["reason"] == "DeadlineExceeded"
    wait_for("its container is dead", lambda: not cluster.processes(name))


def test_a_container_that_ran_may_be_said_not_to_have_started(cluster, pods):
    name = pods.create("sleep 100")
    pods.phase(name, "Running")
    cluster.spoil_start(name)
    end = pods.end(name)[1]
    assert (end["exitCode"], end["reason"]) == (128, "StartError")
    assert end["startedAt"] == "1970-01-01T00:00:00Z"
