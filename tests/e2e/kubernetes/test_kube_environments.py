"""Environments follow their cluster: its nodes are instances, and what is wrong is said."""

import pytest
from kube_work import FOLDER, HOLD, NAMESPACE, container
from resources import new_name
from stack import wait_for

DRAINING, LOST, TERMINATED = 2, 3, 4
GONE = (LOST, TERMINATED)


def ended(kube, name, instance):
    """An instance is no more."""
    rows = {row[0]: row[1] for row in kube.instances(name)}
    return rows.get(instance, TERMINATED) in GONE


def says(kube, name, status, *parts, timeout=90):
    def found():
        ce = kube.ce(name)
        text = ce.get("statusReason", "")
        return ce["status"] == status and all(part in text for part in parts)

    wait_for(f"{name} is {status} with {parts}", found, timeout)


def test_labelled_nodes_are_instances(own_kube):
    name = own_kube.environment("node-1")
    assert list(own_kube.active(name, 1)) == ["node-1"]
    own_kube.cluster.label_nodes(own_kube.ce(name)["uuid"], "node-2")
    rows = own_kube.active(name, 2)
    assert {row[3:] for row in rows.values()} == {(4000, 8192)}


def test_pods_of_others_take_their_part(own_kube):
    affinity = {"nodeSelector": {"kubernetes.io/hostname": "node-1"}}
    own_kube.cluster.create_pod("other", NAMESPACE, cpu="1", memory="1Gi", **affinity)
    name = own_kube.environment("node-1")
    row = own_kube.active(name, 1)["node-1"]
    assert row[3:] == (3000, 7168)
    own_kube.cluster.delete_pod("other", grace=0)

    def is_whole():
        return own_kube.active(name)["node-1"][3:] == (4000, 8192)

    wait_for("its whole size", is_whole, 90)


def test_a_size_that_changes(own_kube):
    name = own_kube.environment("node-1")
    own_kube.active(name, 1)
    own_kube.cluster.resize_node("node-1", cpu="2")
    wait_for("2 vCPUs", lambda: own_kube.active(name)["node-1"][3] == 2000)
    queue = own_kube.queue(name)
    large = own_kube.submit(queue, definition=own_kube.definition(container(cpu="3")))
    own_kube.wait(large, "RUNNABLE")
    own_kube.cluster.resize_node("node-1", cpu="4")
    own_kube.succeeded(large)


@pytest.mark.parametrize("how", ["cordoned", "without its label"])
def test_a_node_that_is_taken_away_drains(own_kube, how):
    """What runs there goes on; nothing new comes; it is an instance again when it is given back."""
    cluster = own_kube.cluster
    name = own_kube.environment("node-1")
    queue = own_kube.queue(name)
    uuid = own_kube.ce(name)["uuid"]
    before = own_kube.active(name, 1)["node-1"]
    running, pod = own_kube.running(queue, "sleep 4; exit 0")
    if how == "cordoned":
        cluster.cordon("node-1")
    else:
        cluster.set_label("node-1", "batch.amazonaws.com/compute-environment-uuid")
    wait_for("no instance is ACTIVE", lambda: not own_kube.active_now(name))
    waiting = own_kube.submit(queue)
    own_kube.succeeded(running)
    assert own_kube.job(waiting)["status"] == "RUNNABLE"
    if how == "cordoned":
        cluster.cordon("node-1", on=False)
    else:
        cluster.label_nodes(uuid, "node-1")
    own_kube.succeeded(waiting)
    after = own_kube.active(name, 1)["node-1"]
    assert after[0] == before[0] or ended(own_kube, name, before[0])


def test_a_node_that_is_gone_is_lost(own_kube):
    """Its jobs run elsewhere; a node of its name is another one."""
    cluster = own_kube.cluster
    name = own_kube.environment()
    queue = own_kube.queue(name)
    before = own_kube.active(name, 2)
    job_id, pod = own_kube.running(queue, HOLD, retryStrategy={"attempts": 2})
    node = cluster.pod(pod)["spec"]["nodeName"]
    cluster.crash_node(node)
    cluster.delete_node(node)
    instance = before[node][0]

    def again():
        attempts = own_kube.job(job_id)["eksAttempts"]
        return attempts and attempts[0]["statusReason"]

    assert wait_for("another attempt", again) == f"Host EC2 (instance {instance}) terminated."
    assert ended(own_kube, name, instance)
    job = own_kube.wait(job_id, "RUNNING")
    assert job["eksProperties"]["podProperties"]["nodeName"] != node
    own_kube.check_lives(job_id, 2)
    wait_for("its old pod is gone", lambda: not cluster.pod(pod))
    cluster.add_node(node)
    cluster.label_nodes(own_kube.ce(name)["uuid"], node)
    assert own_kube.active(name, 2)[node][0] != instance


def test_a_silent_node_is_lost_and_its_pods_end_when_it_is_back(own_kube):
    """What it runs goes on unseen until then, as on a host of EC2 that is cut off."""
    cluster = own_kube.cluster
    name = own_kube.environment()
    queue = own_kube.queue(name)
    before = own_kube.active(name, 2)
    job_id, pod = own_kube.running(queue, HOLD)
    node = cluster.pod(pod)["spec"]["nodeName"]
    cluster.kill_kubelet(node)
    job = own_kube.failed(job_id, timeout=120)
    assert job["statusReason"] == f"Host EC2 (instance {before[node][0]}) terminated."
    assert cluster.running_containers() == 1
    assert cluster.pod(pod)["metadata"].get("deletionGracePeriodSeconds") != 0
    cluster.start_kubelet(node)
    wait_for("its container ends", lambda: not cluster.running_containers(), 60)
    wait_for("its pod is gone", lambda: not cluster.pod(pod), 60)
    assert own_kube.active(name, 2)[node][0] != before[node][0]


def test_a_short_silence_harms_nobody(own_kube):
    cluster = own_kube.cluster
    name = own_kube.environment("node-1")
    queue = own_kube.queue(name)
    before = own_kube.active(name, 1)["node-1"][0]
    job_id, _ = own_kube.running(queue, "sleep 3; exit 4")
    cluster.kill_kubelet("node-1")
    cluster.start_kubelet("node-1")
    job = own_kube.failed(job_id)
    assert job["eksProperties"]["podProperties"]["containers"][0]["exitCode"] == 4
    assert own_kube.active(name, 1)["node-1"][0] == before


def test_a_namespace_that_is_missing(own_kube):
    name = own_kube.environment(settled="INVALID", label=False, namespace="batch-others")
    text = "CLIENT_ERROR - Unable to validate Kubernetes Namespace"
    says(own_kube, name, "INVALID", text)
    own_kube.cluster.add_namespace("batch-others")
    own_kube.cluster.give_rights("batch-others")
    says(own_kube, name, "VALID", "ComputeEnvironment Healthy")


def test_rights_that_are_taken_away(own_kube):
    name = own_kube.environment()
    own_kube.cluster.take_rights(NAMESPACE)
    says(own_kube, name, "INVALID", "CLIENT_ERROR - Unable to validate Kubernetes Namespace")
    own_kube.cluster.give_rights(NAMESPACE)
    says(own_kube, name, "VALID", "ComputeEnvironment Healthy")


def test_a_cluster_that_nobody_has_described(own_kube, stack):
    """Until the operator gives its file."""
    path = own_kube.cluster.write_kubeconfig(stack.settings[FOLDER])
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write("{")
    name = own_kube.environment(settled="INVALID", label=False)
    with open(path, "w") as file:
        file.write(text)
    says(own_kube, name, "VALID", "ComputeEnvironment Healthy")


def test_a_cluster_that_does_not_answer(own_kube):
    name = own_kube.environment()
    own_kube.cluster.close_server()
    says(own_kube, name, "INVALID")
    own_kube.cluster.open_server()
    says(own_kube, name, "VALID", "ComputeEnvironment Healthy")


def test_a_version_that_is_not_supported(own_kube):
    own_kube.cluster.version = "v1.19.16"
    name = own_kube.environment(settled="INVALID", label=False)
    says(own_kube, name, "INVALID", "EKS Cluster version [1.19] is unsupported")


def test_a_deleted_environment_leaves_nothing(own_kube):
    """Pods of others stay."""
    cluster = own_kube.cluster
    queue = own_kube.queue()
    cluster.create_pod("other", NAMESPACE)
    for _ in range(3):
        own_kube.running(queue)
    for job in own_kube.jobs:
        own_kube.batch.terminate_job(jobId=job, reason="tested")
    own_kube.delete()
    wait_for("ours are gone", lambda: [p["metadata"]["name"] for p in cluster.pods()] == ["other"])
    cluster.delete_pod("other", grace=0)


def test_what_no_instance_knows_goes_with_its_environment(own_kube):
    """It is gone when the environment is."""
    cluster = own_kube.cluster
    own_kube.leave_pod(own_kube.environment())
    own_kube.delete()
    assert not cluster.pods() and not cluster.running_containers()


def test_a_dead_node_does_not_keep_an_environment(own_kube):
    """Kubernetes keeps the pod, which nothing of ours holds, until its node is back."""
    cluster = own_kube.cluster
    node = own_kube.leave_pod(own_kube.environment())
    cluster.kill_kubelet(node)
    own_kube.delete()
    [pod] = cluster.pods()
    assert pod["metadata"]["deletionTimestamp"] and not pod["metadata"].get("finalizers")
    assert cluster.running_containers() == 1
    cluster.start_kubelet(node)
    wait_for("it ends", lambda: not cluster.pods() and not cluster.running_containers())


def test_the_vcpus_of_an_environment_are_capped(own_kube):
    name = own_kube.environment(unmanagedvCpus=1)
    queue = own_kube.queue(name)
    definition = own_kube.definition(container(HOLD, cpu="1"))
    first = own_kube.submit(queue, definition=definition)
    own_kube.wait(first, "RUNNING")
    second = own_kube.submit(queue, definition=definition)
    wait_for("a reason", lambda: own_kube.job(second).get("statusReason"))
    assert own_kube.job(second)["status"] == "RUNNABLE"
    own_kube.batch.terminate_job(jobId=first, reason="tested")
    own_kube.wait(second, "RUNNING")


def test_two_environments_share_a_cluster(own_kube):
    one = own_kube.environment("node-1")
    other = own_kube.environment("node-2")
    assert list(own_kube.active(one, 1)) == ["node-1"]
    assert list(own_kube.active(other, 1)) == ["node-2"]
    queue = own_kube.queue(other)
    job = own_kube.succeeded(own_kube.submit(queue))
    assert job["eksProperties"]["podProperties"]["nodeName"] == "node-2"


def test_gpus_of_a_node(own_kube):
    own_kube.cluster.add_node("gpu", nvidia_com_gpu=1)
    name = own_kube.environment("gpu", "node-1")
    own_kube.active(name, 2)
    queue = own_kube.queue(name)
    one = container()
    one["resources"]["limits"]["nvidia.com/gpu"] = "1"
    job = own_kube.succeeded(own_kube.submit(queue, definition=own_kube.definition(one)))
    assert job["eksProperties"]["podProperties"]["nodeName"] == "gpu"


def test_an_unknown_cluster_is_invalid(own_kube, batch):
    kube, name = own_kube, new_name()
    configuration = {
        "eksClusterArn": "arn:aws:eks:us-east-1:123456789012:cluster/nobody-knows",
        "kubernetesNamespace": NAMESPACE,
    }
    batch.create_compute_environment(
        computeEnvironmentName=name, type="UNMANAGED", eksConfiguration=configuration
    )
    kube.environments.append(name)
    says(kube, name, "INVALID", "nobody-knows")
