"""Jobs on a real cluster of two nodes end as docs/kubernetes.md says, with their output."""

import subprocess

import pytest
from kube_real import container
from stack import wait_for


def pod_of(job):
    return job["eksProperties"]["podProperties"]


def code(job, part="containers"):
    return [one.get("exitCode") for one in job["eksAttempts"][-1][part]]


def test_two_hundred_children(real, real_queue):
    """Each runs once, on both nodes, with its own index and output."""
    definition = real.definition(container("echo $AWS_BATCH_JOB_ARRAY_INDEX", memory="8Mi"))
    job_id = real.submit(real_queue, definition=definition, arrayProperties={"size": 200})
    job = real.succeeded(job_id, timeout=900)
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 200
    nodes = set()
    for at in range(0, 200, 100):
        children = [f"{job_id}:{n}" for n in range(at, at + 100)]
        for child in real.batch.describe_jobs(jobs=children)["jobs"]:
            assert len(child["eksAttempts"]) == 1, child
            nodes.add(pod_of(child)["nodeName"])
    assert nodes == {node.name for node in real.cluster.cluster.nodes}
    for index in range(200):
        real.check_output(f"{job_id}:{index}", [str(index)])


def test_retries(real, real_queue):
    script = "echo try $AWS_BATCH_JOB_ATTEMPT; exit $((AWS_BATCH_JOB_ATTEMPT < 3 ? 7 : 0))"
    job_id = real.submit(real_queue, script, retryStrategy={"attempts": 3})
    job = real.succeeded(job_id)
    assert [a["containers"][0]["exitCode"] for a in job["eksAttempts"]] == [7, 7, 0]
    assert len({a["podName"] for a in job["eksAttempts"]}) == 3
    for attempt in range(3):
        real.check_output(job_id, [f"try {attempt + 1}"], attempt)


def test_memory_that_runs_out(real, real_queue):
    job = real.failed(real.submit(real_queue, "exec tail /dev/zero"))
    assert code(job) == [137]
    assert job["eksAttempts"][0]["containers"][0]["reason"] == "OOMKilled"


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("localhost/is-not-there:1", "CannotPullContainerError"),
        ("localhost/NoImageHasCapitals:1", "CannotPullContainerError"),
    ],
)
def test_an_image_that_there_is_not(real, real_queue, image, text):
    definition = real.definition(container() | {"image": image, "imagePullPolicy": "IfNotPresent"})
    job_id = real.submit(real_queue, definition=definition)
    job = real.failed(job_id, timeout=500)  # a pull may stall for OPENBATCH_PULL_STALL_MS
    assert job["statusReason"] == "Task failed to start"
    assert job["eksAttempts"][0]["containers"][0]["reason"].startswith(text), job
    assert pod_of(job)["containers"][0]["reason"].startswith(text), job
    assert "startedAt" not in job
    real.check_pods_gone()


def test_a_command_that_there_is_not(real, real_queue):
    definition = real.definition(container() | {"command": ["/no/such/program"]})
    job = real.failed(real.submit(real_queue, definition=definition))
    assert job["statusReason"] == "Task failed to start"
    assert job["eksAttempts"][0]["containers"][0]["reason"] == "StartError", job
    assert "startedAt" not in job


def test_a_timeout(real, real_queue):
    script = "trap 'echo term; exit 9' TERM; while :; do sleep 0.2; done"
    job_id = real.submit(real_queue, script, timeout={"attemptDurationSeconds": 60})
    job = real.failed(job_id, timeout=180)
    assert job["statusReason"] == "Job attempt duration exceeded timeout"
    assert code(job) == [9]
    real.check_output(job_id, ["term"])


def test_a_terminated_job(real, real_queue):
    script = "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.2; done"
    job_id, _ = real.running(real_queue, script)
    real.batch.terminate_job(jobId=job_id, reason="enough")
    job = real.failed(job_id)
    assert (job["statusReason"], code(job)) == ("enough", [9])
    real.check_output(job_id, ["up", "bye"])


def test_a_terminated_job_that_ignores_sigterm_is_killed(real, real_queue):
    job_id, _ = real.running(real_queue, "trap '' TERM; while :; do sleep 0.2; done")
    real.batch.terminate_job(jobId=job_id, reason="enough")
    assert code(real.failed(job_id, timeout=120)) == [137]


SHARED = {"volumes": [{"name": "shared", "emptyDir": {}}]}
MOUNT = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}


def test_init_containers(real, real_queue):
    first = [
        container("echo 1 >/shared/x", name="one", **MOUNT),
        container("echo 2 >>/shared/x", name="two", **MOUNT),
    ]
    main = container("cat /shared/x", name="main", **MOUNT)
    definition = real.definition(main, pod={"initContainers": first} | SHARED)
    job_id = real.submit(real_queue, definition=definition)
    job = real.succeeded(job_id)
    assert code(job, "initContainers") == [0, 0]
    # Where a pod has several containers, a line says whose output follows.
    real.check_output(job_id, ["[OpenBatch: output of the container main]", "1", "2"])


def test_an_init_container_that_fails(real, real_queue):
    first = [container("exit 6", name="first")]
    definition = real.definition(
        container("echo never", name="main"), pod={"initContainers": first}
    )
    job = real.failed(real.submit(real_queue, definition=definition))
    assert code(job, "initContainers") == [6]


@pytest.mark.parametrize(("codes", "status"), [((0, 0), "SUCCEEDED"), ((0, 5), "FAILED")])
def test_two_containers(real, real_queue, codes, status):
    both = [container(f"sleep {n}; exit {c}", name=f"c{n}") for n, c in enumerate(codes)]
    job = real.wait(real.submit(real_queue, definition=real.definition(*both)))
    assert job["status"] == status
    found = {c["name"]: c["exitCode"] for c in job["eksAttempts"][0]["containers"]}
    assert found == dict(zip(("c0", "c1"), codes, strict=True))


def test_a_folder_of_the_host(real, real_queue, tmp_path):
    tmp_path.chmod(0o777)
    volume = {"volumes": [{"name": "out", "hostPath": {"path": str(tmp_path)}}]}
    mount = {"volumeMounts": [{"name": "out", "mountPath": "/out"}]}
    definition = real.definition(container("echo here >/out/file", **mount), pod=volume)
    real.succeeded(real.submit(real_queue, definition=definition))
    assert (tmp_path / "file").read_text() == "here\n"


def test_a_claim_of_a_volume(real, real_queue, tmp_path):
    """A persistentVolumeClaim, whose volume is a folder of the host."""
    tmp_path.chmod(0o777)
    claim = {"claimName": real.cluster.claim(tmp_path)}
    volume = {"volumes": [{"name": "out", "persistentVolumeClaim": claim}]}
    mount = {"volumeMounts": [{"name": "out", "mountPath": "/out"}]}
    definition = real.definition(container("echo kept >/out/file", **mount), pod=volume)
    real.succeeded(real.submit(real_queue, definition=definition))
    assert (tmp_path / "file").read_text() == "kept\n"
    reads = real.definition(container("cat /out/file", **mount), pod=volume)
    job_id = real.submit(real_queue, definition=reads)
    real.succeeded(job_id)
    real.check_output(job_id, ["kept"])


def test_a_secret(real, real_queue):
    real.cluster.secret("word", key="open sesame")
    volume = {"volumes": [{"name": "word", "secret": {"secretName": "word"}}]}
    mount = {"volumeMounts": [{"name": "word", "mountPath": "/etc/word"}]}
    definition = real.definition(container("cat /etc/word/key; echo", **mount), pod=volume)
    job_id = real.submit(real_queue, definition=definition)
    real.succeeded(job_id)
    real.check_output(job_id, ["open sesame"])


def test_gpus_that_no_node_has(real, real_queue):
    """The job waits, and says for what."""
    one = container()
    one["resources"]["limits"]["nvidia.com/gpu"] = "1"
    job_id = real.submit(real_queue, definition=real.definition(one))

    def says():
        job = real.job(job_id)
        return job["status"] == "RUNNABLE" and "GPU" in job.get("statusReason", "")

    wait_for("a reason that names GPUs", says)
    real.batch.cancel_job(jobId=job_id, reason="never mind")
    real.failed(job_id)


def test_output_through_the_aws_command(real, real_queue, stack):
    """`aws logs`, and `./openbatch logs --job`."""
    job_id = real.submit(real_queue, "for i in 1 2 3; do echo line $i; done")
    real.succeeded(job_id)
    real.check_output(job_id, ["line 1", "line 2", "line 3"])
    program = stack.home / "venv/bin/aws"
    said = subprocess.run(
        [
            *(program, "logs", "get-log-events", "--log-group-name", "/aws/batch/job"),
            *("--log-stream-name", real.stream(job_id), "--start-from-head"),
            *("--query", "events[].message", "--output", "text"),
        ],
        env=stack.env,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said.strip().split("\t") == ["line 1", "line 2", "line 3"]
    lines = stack.openbatch("logs", "--job", job_id).stdout.splitlines()
    assert lines[-3:] == ["line 1", "line 2", "line 3"]
