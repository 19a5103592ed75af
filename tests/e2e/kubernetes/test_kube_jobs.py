"""Jobs run as pods, and end as their pods do."""

import re

import pytest
from kube_work import HOLD, NAMESPACE, container
from stack import wait_for

SAY = "env | grep ^AWS_BATCH | sort; echo $HOSTNAME"


def pod_of(job):
    return job["eksProperties"]["podProperties"]


def test_a_job_is_a_pod(kube, kube_queue, cluster):
    """It is shown as AWS shows it; its output is in the log service; its pod goes."""
    job_id = kube.submit(kube_queue, SAY)
    job = kube.succeeded(job_id)
    shown = pod_of(job)
    assert re.fullmatch(r"aws-batch\.[0-9a-f-]{36}", shown["podName"])
    assert shown["podName"] != f"aws-batch.{job_id}"
    assert shown["nodeName"] in ("node-1", "node-2")
    one = shown["containers"][0]
    assert (one["exitCode"], one["reason"]) == (0, "Completed")
    assert "container" not in job and job["attempts"] == []
    [attempt] = job["eksAttempts"]
    assert attempt["eksClusterArn"] == cluster.arn
    assert attempt["podNamespace"] == NAMESPACE
    assert attempt["podName"] == shown["podName"]
    assert attempt["containers"][0]["containerID"].startswith("containerd://")
    assert job["startedAt"] <= job["stoppedAt"]
    node = cluster.node(shown["nodeName"])["metadata"]
    queue = job["jobQueue"].split("/")[1]
    kube.check_output(
        job_id,
        [
            f"AWS_BATCH_CE_NAME={kube.environments[0]}",
            "AWS_BATCH_JOB_ATTEMPT=1",
            f"AWS_BATCH_JOB_ID={job_id}",
            f"AWS_BATCH_JOB_KUBERNETES_NODE_UID={node['uid']}",
            f"AWS_BATCH_JQ_NAME={queue}",
            node["name"],
        ],
    )
    wait_for("the pod is gone", lambda: not cluster.pod(shown["podName"]))
    kube.check_lives(job_id, 1)


def test_a_pod_says_whose_it_is(kube, kube_queue, cluster):
    job_id, name = kube.running(kube_queue)
    pod = cluster.pod(name)
    labels = pod["metadata"]["labels"]
    prefix = "batch.amazonaws.com"
    ce = kube.ce(kube.environments[0])
    node = cluster.node(pod["spec"]["nodeName"])
    assert labels[f"{prefix}/job-id"] == job_id
    assert labels[f"{prefix}/compute-environment-uuid"] == ce["uuid"]
    assert labels[f"{prefix}/node-uid"] == node["metadata"]["uid"]
    spec = pod["spec"]
    assert (spec["restartPolicy"], spec["hostNetwork"]) == ("Never", True)
    assert spec["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert "activeDeadlineSeconds" not in spec
    assert spec["containers"][0]["name"] == "default"
    assert spec["containers"][0]["resources"]["limits"] == {"cpu": "0.25", "memory": "64Mi"}
    kube.batch.terminate_job(jobId=job_id, reason="seen")
    assert kube.failed(job_id)["statusReason"] == "seen"


def test_an_exit_code_fails_a_job_and_is_tried_again(kube, kube_queue):
    job_id = kube.submit(kube_queue, "exit 3", retryStrategy={"attempts": 3})
    job = kube.failed(job_id)
    assert job["statusReason"] == "Essential container in task exited"
    codes = [attempt["containers"][0]["exitCode"] for attempt in job["eksAttempts"]]
    reasons = {attempt["containers"][0]["reason"] for attempt in job["eksAttempts"]}
    assert codes == [3, 3, 3] and reasons == {"Error"}
    assert len({attempt["podName"] for attempt in job["eksAttempts"]}) == 3
    kube.check_lives(job_id, 3)


def test_children_of_an_array(kube, kube_queue, cluster):
    job_id = kube.submit(
        kube_queue, "echo $AWS_BATCH_JOB_ARRAY_INDEX", arrayProperties={"size": 12}
    )
    job = kube.succeeded(job_id, timeout=120)
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 12
    for index in range(12):
        kube.check_output(f"{job_id}:{index}", [str(index)])
    lives = [life for life in cluster.lives() if life.env["AWS_BATCH_JOB_ID"].startswith(job_id)]
    assert len(lives) == 12


def test_a_terminated_job_gets_sigterm(kube, kube_queue, cluster):
    script = "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.1; done"
    job_id, name = kube.running(kube_queue, script)
    kube.batch.terminate_job(jobId=job_id, reason="enough")
    job = kube.failed(job_id, timeout=20)
    assert job["statusReason"] == "enough"
    assert pod_of(job)["containers"][0]["exitCode"] == 9
    kube.check_output(job_id, ["up", "bye"])
    wait_for("the pod is gone", lambda: not cluster.pod(name))


def test_a_job_that_ignores_sigterm_is_killed(kube, kube_queue):
    job_id, name = kube.running(kube_queue, "trap '' TERM; while :; do sleep 0.1; done")
    kube.batch.terminate_job(jobId=job_id, reason="enough")
    job = kube.failed(job_id, timeout=60)
    assert pod_of(job)["containers"][0]["exitCode"] == 137
    kube.check_lives(job_id, 1)


@pytest.mark.long
def test_a_timeout(kube, kube_queue):
    job_id = kube.submit(kube_queue, HOLD, timeout={"attemptDurationSeconds": 60})
    job = kube.failed(job_id, timeout=120)
    assert job["statusReason"] == "Job attempt duration exceeded timeout"
    assert 59_000 < job["stoppedAt"] - job["startedAt"] < 75_000


def test_a_job_that_waits_says_why_and_can_be_cancelled(kube, kube_queue):
    definition = kube.definition(container(cpu="64", memory="900000Mi"))
    job_id = kube.submit(kube_queue, definition=definition)
    wait_for("RUNNABLE", lambda: kube.job(job_id)["status"] == "RUNNABLE")
    wait_for("a reason", lambda: kube.job(job_id).get("statusReason"))
    kube.batch.cancel_job(jobId=job_id, reason="never mind")
    assert kube.failed(job_id)["statusReason"] == "never mind"


MOUNT = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
SHARED = {"volumes": [{"name": "shared", "emptyDir": {}}]}


def test_init_containers_run_first(kube, kube_queue):
    first = [
        container("echo 1 >/shared/x", name="one", **MOUNT),
        container("echo 2 >>/shared/x", name="two", **MOUNT),
    ]
    definition = kube.definition(
        container("cat /shared/x", name="main", **MOUNT), pod={"initContainers": first} | SHARED
    )
    job_id = kube.submit(kube_queue, definition=definition)
    job = kube.succeeded(job_id)
    kube.check_output(job_id, ["[OpenBatch: output of the container main]", "1", "2"])
    [attempt] = job["eksAttempts"]
    assert [c["name"] for c in attempt["initContainers"]] == ["one", "two"]
    assert [c["exitCode"] for c in attempt["initContainers"]] == [0, 0]


def test_a_failed_init_container_fails_the_job(kube, kube_queue):
    definition = kube.definition(
        container("echo never", name="main"),
        pod={"initContainers": [container("exit 6", name="first")]},
    )
    job_id = kube.submit(kube_queue, definition=definition)
    [attempt] = kube.failed(job_id)["eksAttempts"]
    assert attempt["initContainers"][0]["exitCode"] == 6
    assert "exitCode" not in (attempt["containers"] or [{}])[0]


@pytest.mark.parametrize(("codes", "status"), [((0, 0), "SUCCEEDED"), ((0, 5), "FAILED")])
def test_two_containers(kube, kube_queue, codes, status):
    """A job succeeds if all its containers do."""
    both = [container(f"exit {code}", name=f"c{n}") for n, code in enumerate(codes)]
    job = kube.wait(kube.submit(kube_queue, definition=kube.definition(*both)))
    assert job["status"] == status
    found = {c["name"]: c["exitCode"] for c in job["eksAttempts"][0]["containers"]}
    assert found == {"c0": codes[0], "c1": codes[1]}


def test_a_name_that_is_no_image(kube):
    """Kubernetes would wait without an end."""
    with pytest.raises(kube.batch.exceptions.ClientException, match="not a valid image name"):
        kube.definition(container() | {"image": "Not An Image"})


def test_an_image_that_comes_late(kube, kube_queue, cluster):
    definition = kube.definition(container("echo here") | {"image": "late/comer"})
    job_id = kube.submit(kube_queue, definition=definition)
    kube.wait(job_id, "STARTING")
    wait_for("it is asked for", lambda: any("late/comer" in str(p) for p in cluster.pods()))
    cluster.images.add("late/comer")
    kube.succeeded(job_id)
    kube.check_lives(job_id, 1)


def test_a_command_that_does_not_exist(kube, kube_queue):
    definition = kube.definition(container() | {"command": ["/no/such/program"]})
    job = kube.failed(kube.submit(kube_queue, definition=definition))
    assert job["statusReason"] == "Task failed to start"
    assert "CannotStartContainerError" in str(job["eksAttempts"]) or "StartError" in str(
        job["eksAttempts"]
    )


def test_a_secret_is_mounted(kube, kube_queue, cluster):
    cluster.add_secret(NAMESPACE, "word", key="open sesame")
    volume = {"volumes": [{"name": "word", "secret": {"secretName": "word"}}]}
    mount = {"volumeMounts": [{"name": "word", "mountPath": "/etc/word"}]}
    definition = kube.definition(container("cat /etc/word/key; echo", **mount), pod=volume)
    job_id = kube.submit(kube_queue, definition=definition)
    kube.succeeded(job_id)
    kube.check_output(job_id, ["open sesame"])


@pytest.mark.long
def test_a_missing_secret_ends_the_attempt(kube, kube_queue):
    """Kubernetes would wait without an end."""
    volume = {"volumes": [{"name": "word", "secret": {"secretName": "absent"}}]}
    mount = {"volumeMounts": [{"name": "word", "mountPath": "/etc/word"}]}
    definition = kube.definition(container(**mount), pod=volume)
    job = kube.failed(kube.submit(kube_queue, definition=definition), timeout=400)
    assert job["statusReason"] == "Task failed to start"
    assert "startedAt" not in job


def test_memory_that_runs_out(kube, kube_queue, cluster):
    job_id, name = kube.running(kube_queue)
    cluster.run_out_of_memory(name)
    job = kube.failed(job_id)
    one = pod_of(job)["containers"][0]
    assert (one["exitCode"], one["reason"]) == (137, "OOMKilled")


def test_the_kernel_may_kill_a_child_of_a_job_that_succeeds(kube, kube_queue, cluster):
    job_id, name = kube.running(kube_queue, "sleep 1000; exit 0")
    wait_for("its child", lambda: cluster.children(name))
    cluster.run_out_of_memory(name, child=True)
    assert pod_of(kube.succeeded(job_id))["containers"][0]["reason"] == "OOMKilled"


def test_what_the_kubelet_expands(kube, kube_queue):
    env = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}]}
    definition = kube.definition(
        container() | {"command": ["echo"], "args": ["$(B)", "$$(B)", "$(NONE)"]} | env
    )
    job_id = kube.submit(kube_queue, definition=definition)
    kube.succeeded(job_id)
    kube.check_output(job_id, ["12 $(B) $(NONE)"])


def test_overrides(kube, kube_queue):
    change = {
        "command": ["sh", "-c", "echo $WORD"],
        "env": [{"name": "WORD", "value": "other"}],
        "resources": {"limits": {"cpu": "0.5", "memory": "128Mi"}},
    }
    job_id = kube.submit(
        kube_queue,
        "echo never",
        eksPropertiesOverride={"podProperties": {"containers": [change]}},
    )
    kube.succeeded(job_id)
    kube.check_output(job_id, ["other"])


def test_all_output_comes_in_order(kube, kube_queue):
    job_id = kube.submit(kube_queue, "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done")
    kube.succeeded(job_id)
    kube.check_output(job_id, [str(n + 1) for n in range(3000)])
