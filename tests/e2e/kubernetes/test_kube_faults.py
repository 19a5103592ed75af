"""What goes wrong between us and a cluster, or is done to our pods, ends no job wrongly and runs
none twice."""

import pytest
from kube_work import HOLD, NAMESPACE, container
from stack import wait_for

SHORT = "echo begin; sleep 2; echo end; exit 4"
POSTS = rf"/namespaces/{NAMESPACE}/pods"


def code(job):
    return job["eksProperties"]["podProperties"]["containers"][0]["exitCode"]


@pytest.mark.parametrize("kind", ["lose", "refuse", "twice", "half"])
def test_a_creation_that_goes_wrong(kube, kube_queue, cluster, kind):
    """The pod is made once, and the job runs once."""
    rule = cluster.fault(kind, "POST", POSTS)
    job_id = kube.submit(kube_queue, SHORT)
    job = kube.failed(job_id)
    assert cluster.fault_hits(rule) == 1
    assert code(job) == 4 and len(job["eksAttempts"]) == 1
    kube.check_lives(job_id, 1)
    kube.check_output(job_id, ["begin", "end"])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_refuses_for_a_while(kube, kube_queue, cluster, status):
    cluster.fault("error", "POST", POSTS, times=3, code=status, seconds=1)
    job_id = kube.submit(kube_queue, SHORT)
    assert code(kube.failed(job_id)) == 4
    kube.check_lives(job_id, 1)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("kind", ["lose", "refuse", "error"])
def test_a_removal_that_goes_wrong(kube, kube_queue, cluster, method, kind):
    cluster.fault(kind, method, "/pods/")
    job_id = kube.submit(kube_queue, SHORT)
    name = kube.failed(job_id)["eksAttempts"][0]["podName"]
    wait_for("the pod is gone", lambda: not cluster.pod(name))
    cluster.clear_faults()


@pytest.mark.parametrize(
    "harm", ["expire_watches", "cut_connections", "silence_watches", "close_server"]
)
def test_watches_that_end_while_a_job_runs(kube, kube_queue, cluster, harm):
    """The end is seen, with its code."""
    job_id, name = kube.running(kube_queue, SHORT)
    getattr(cluster, harm)()
    wait_for("its container has ended", lambda: not cluster.processes(name), 30)
    if harm == "close_server":
        assert kube.job(job_id)["status"] == "RUNNING"
        cluster.open_server()
    # A silent watch is believed dead after 150 s without a byte.
    job = kube.failed(job_id, timeout=240 if harm == "silence_watches" else 60)
    cluster.silence_watches(on=False)
    assert code(job) == 4
    kube.check_lives(job_id, 1)
    kube.check_output(job_id, ["begin", "end"])


def test_a_watch_is_refused_with_410(kube, kube_queue, cluster):
    cluster.fault("expire", "GET", "watch=true", times=2)
    cluster.cut_connections()
    assert code(kube.failed(kube.submit(kube_queue, SHORT))) == 4
    cluster.clear_faults()


def test_a_kubelet_that_is_away_while_a_job_ends(kube, kube_queue, cluster):
    job_id, name = kube.running(kube_queue, SHORT)
    node = cluster.pod(name)["spec"]["nodeName"]
    cluster.kill_kubelet(node)
    wait_for("its container has ended", lambda: not cluster.processes(name), 30)
    cluster.start_kubelet(node)
    job = kube.failed(job_id)
    assert code(job) == 4
    kube.check_output(job_id, ["begin", "end"])


@pytest.mark.parametrize("service", ["scheduler", "scaler", "executor"])
def test_a_service_dies_while_a_job_runs(kube, kube_queue, cluster, stack, service):
    """Its pod is found again: same attempt, true end, whole output."""
    job_id, name = kube.running(kube_queue, "echo begin; sleep 4; echo end; exit 4")
    node = cluster.pod(name)["spec"]["nodeName"]
    stack.kill(kube.active(kube.environments[0])[node][0] if service == "executor" else service)
    job = kube.failed(job_id)
    assert code(job) == 4 and len(job["eksAttempts"]) == 1
    assert job["eksAttempts"][0]["podName"] == name
    kube.check_lives(job_id, 1)
    kube.check_output(job_id, ["begin", "end"])


def test_a_label_that_is_taken_off_a_pod(kube, kube_queue, cluster):
    """The pod leaves what we watch; its job goes on and ends as it does."""
    job_id, name = kube.running(kube_queue, "sleep 4; exit 4")
    cluster.label_pod(name, "openbatch.io/instance")
    cluster.label_pod(name, "batch.amazonaws.com/compute-environment-uuid")
    job = kube.failed(job_id)
    assert code(job) == 4
    kube.check_lives(job_id, 1)
    wait_for("the pod is gone", lambda: not cluster.pod(name))


def test_a_pod_that_is_deleted_by_others(kube, kube_queue, cluster):
    """As a host that is lost: not the job's fault."""
    job_id, name = kube.running(kube_queue, HOLD, retryStrategy={"attempts": 2})
    cluster.delete_pod(name)
    wait_for("another attempt", lambda: kube.job(job_id)["eksAttempts"])
    reason = kube.job(job_id)["eksAttempts"][0]["statusReason"]
    assert reason.startswith("Host EC2 (instance i-"), reason
    wait_for("another pod", lambda: len(cluster.lives(AWS_BATCH_JOB_ID=job_id)) == 2)
    kube.check_lives(job_id, 2)
    kube.batch.terminate_job(jobId=job_id, reason="the test is done")
    kube.failed(job_id)


def test_a_pod_that_is_removed_by_force_never_succeeds(kube, kube_queue, cluster):
    job_id, name = kube.running(kube_queue, "sleep 1000; exit 0")
    cluster.strip_finalizers(name)
    cluster.remove_pod(name)
    job = kube.failed(job_id)
    assert job["statusReason"].startswith("Host EC2 (instance i-")


@pytest.mark.parametrize("reason", ["Evicted", "NodeShutdown", "Preempting"])
def test_a_pod_that_its_kubelet_ends(kube, kube_queue, cluster, reason):
    job_id, name = kube.running(kube_queue, HOLD)
    cluster.evict_pod(name, reason=reason)
    job = kube.failed(job_id)
    if reason != "Evicted":
        assert job["statusReason"].startswith("Host EC2 (instance i-")
    wait_for("the pod is gone", lambda: not cluster.pod(name))


def test_a_container_that_ran_is_not_said_to_have_failed_to_start(kube, kube_queue, cluster):
    """Kubernetes may say StartError of it after a kubelet has died."""
    job_id, name = kube.running(kube_queue, "echo it runs; sleep 1000")
    cluster.spoil_start(name)
    job = kube.failed(job_id)
    assert job["statusReason"] != "Task failed to start"
    kube.check_lives(job_id, 1)


def test_a_job_that_is_terminated_while_its_pod_is_being_made(kube, kube_queue, cluster):
    cluster.fault("delay_answer", "POST", POSTS, seconds=3)
    job_id = kube.submit(kube_queue, HOLD)
    kube.wait(job_id, "STARTING")
    kube.batch.terminate_job(jobId=job_id, reason="at once")
    assert kube.failed(job_id, timeout=60)["statusReason"] == "at once"
    wait_for("its pod is gone", lambda: not any(job_id in str(p) for p in cluster.pods()))
    assert all(life.ended for life in cluster.lives(AWS_BATCH_JOB_ID=job_id))


def test_one_job_too_large_for_a_quota_stops_no_other(kube, kube_queue, cluster):
    cluster.set_quota(NAMESPACE, requests_cpu="1")
    try:
        large = kube.submit(kube_queue, definition=kube.definition(container(cpu="2")))
        small = [kube.submit(kube_queue) for _ in range(4)]
        for job_id in small:
            kube.succeeded(job_id)
        assert kube.job(large)["status"] in ("RUNNABLE", "STARTING", "FAILED")
    finally:
        cluster.set_quota(NAMESPACE)
    if kube.job(large)["status"] != "FAILED":
        kube.succeeded(large)


def test_rights_that_are_away_for_a_while(own_kube):
    """The job's end is seen when they are back."""
    cluster = own_kube.cluster
    queue = own_kube.queue()
    job_id, name = own_kube.running(queue, SHORT)
    cluster.take_rights(NAMESPACE)
    cluster.deny(resource="pods")
    wait_for("its container has ended", lambda: not cluster.processes(name), 30)
    cluster.give_rights(NAMESPACE)
    cluster.allow_again()
    assert code(own_kube.failed(job_id, timeout=120)) == 4
    own_kube.check_lives(job_id, 1)


def test_nobody_schedules_pods(own_kube):
    """A pod that finds no place is given back, which costs no attempt."""
    cluster = own_kube.cluster
    queue = own_kube.queue()
    affinity = {"nodeSelector": {"kubernetes.io/hostname": "node-1"}}
    for node in ("node-1", "node-2"):
        affinity = {"nodeSelector": {"kubernetes.io/hostname": node}}
        cluster.create_pod(f"greedy-{node}", NAMESPACE, cpu="3500m", **affinity)
    job_id = own_kube.submit(queue, definition=own_kube.definition(container(cpu="1")))
    wait_for("it has been tried, or waits", lambda: own_kube.job(job_id).get("statusReason"))
    for node in ("node-1", "node-2"):
        cluster.delete_pod(f"greedy-{node}", grace=0)
    job = own_kube.succeeded(job_id, timeout=120)
    assert len(job["eksAttempts"]) == 1
    own_kube.check_lives(job_id, 1)


def test_a_random_storm(own_kube):
    """Many jobs, while all kinds of answers are lost: each runs once, and ends as it does."""
    cluster = own_kube.cluster
    queue = own_kube.queue()
    for number, kind in enumerate(("lose", "refuse", "half", "error", "twice", "delay") * 3):
        method = ("POST", "DELETE", "PATCH", "GET")[number % 4]
        cluster.fault(kind, method, "/pods", skip=number * 3, times=2, seconds=0.5, code=500)
    jobs = [own_kube.submit(queue, f"exit {n % 2}") for n in range(30)]
    for number, job_id in enumerate(jobs):
        job = own_kube.wait(job_id, timeout=180)
        assert (job["status"], code(job)) == (("SUCCEEDED", "FAILED")[number % 2], number % 2)
        own_kube.check_lives(job_id, 1)
    cluster.clear_faults()
    wait_for("no pod is left", lambda: not cluster.pods())
