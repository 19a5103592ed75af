"""Compute environments, queues, definitions and jobs of Kubernetes clusters, as far as they need no
cluster: what clients send and see, and the texts that they get."""

import hashlib

import pytest
from eks import CLUSTER, CONTAINER, create, define, store_attempt, with_queue
from keys import own_call
from resources import RESOURCES, delete_environment, environment, new_name, queue, refused
from stack import wait_for

pytestmark = pytest.mark.usefixtures("eks_clusters")


@pytest.fixture(scope="module")
def eks(batch, eks_clusters):
    """(environment, queue)"""
    yield from with_queue(batch)


@pytest.fixture(scope="module")
def definition(batch):
    return define(
        batch,
        more={"metadata": {"labels": {"team": "a"}}},
        parameters={"what": "hello"},
        retryStrategy={"attempts": 2, "evaluateOnExit": [{"action": "exit", "onExitCode": "3"}]},
    )


@pytest.fixture
def submitted(batch, eks, definition):
    """Submits a job with changes; how DescribeJobs shows it."""

    def one(**changes):
        call = {"jobName": "j", "jobQueue": eks[1], "jobDefinition": definition} | changes
        job = batch.submit_job(**call)["jobId"]
        return batch.describe_jobs(jobs=[job])["jobs"][0]

    return one


def test_an_environment_of_a_cluster(batch):
    name = new_name()
    create(batch, name, unmanagedvCpus=8)
    seen = environment(batch, name)
    assert seen["containerOrchestrationType"] == "EKS" and seen["type"] == "UNMANAGED"
    assert seen["eksConfiguration"] == {
        "eksClusterArn": CLUSTER,
        "kubernetesNamespace": "batch-jobs",
    }
    assert "ecsClusterArn" not in seen and seen["unmanagedvCpus"] == 8
    assert seen["serviceRole"].endswith("/AWSServiceRoleForBatch")
    wait_for("settled", lambda: environment(batch, name)["status"] in ("VALID", "INVALID"))
    refused(
        "serviceRole is not applicable for EKS.",
        batch.update_compute_environment,
        computeEnvironment=name,
        serviceRole="batch",
    )
    batch.update_compute_environment(computeEnvironment=name, unmanagedvCpus=4)
    assert environment(batch, name)["unmanagedvCpus"] == 4
    assert environment(batch, name)["uuid"] == seen["uuid"]
    delete_environment(batch, name)


def test_hosts_do_not_join_a_cluster(stack, eks):
    root = (stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"])
    code, answer = own_call(stack, root, "CreateJoinToken", {"computeEnvironment": eks[0]})
    assert code == "ClientException" and "is of a Kubernetes cluster" in str(answer)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("kubernetesNamespace default is not valid", {"namespace": "default"}),
        ("kubernetesNamespace kube-x is not valid", {"namespace": "kube-x"}),
        ("kubernetesNamespace A is not valid", {"namespace": "A"}),
        ("must have length less than or equal to 63", {"namespace": "a" * 64}),
        ("kubernetesNamespace is required", {"namespace": ""}),
        ("is not the ARN of an Amazon EKS cluster", {"cluster": "cluster/x"}),
        ("is not the ARN of an Amazon EKS cluster", {"cluster": CLUSTER + "/x"}),
        ("is not the ARN of an Amazon EKS cluster", {"cluster": CLUSTER.replace("eks", "ecs")}),
        ("is not the ARN of an Amazon EKS cluster", {"cluster": CLUSTER[:-4] + ".."}),
        ("serviceRole is not applicable for EKS.", {"serviceRole": "batch"}),
        ("computeResources must not be provided", {"computeResources": RESOURCES}),
        ("computeResources must be provided", {"kind": "MANAGED"}),
        (
            "allocationStrategy is required for EKS",
            {"kind": "MANAGED", "computeResources": RESOURCES},
        ),
        (
            "BEST_FIT is not applicable for EKS",
            {
                "kind": "MANAGED",
                "computeResources": RESOURCES | {"allocationStrategy": "BEST_FIT"},
            },
        ),
        (
            "MANAGED compute environments with eksConfiguration are not supported",
            {
                "kind": "MANAGED",
                "computeResources": RESOURCES | {"allocationStrategy": "BEST_FIT_PROGRESSIVE"},
            },
        ),
    ],
)
def test_environments_that_are_refused(batch, text, changes):
    refused(text, create, batch=batch, name=new_name(), **changes)


def test_at_most_five_environments_on_a_cluster(batch):
    cluster = f"arn:aws:eks:us-east-1:123456789012:cluster/{new_name()}"
    names = [new_name() for _ in range(5)]
    for name in names:
        create(batch, name, cluster=cluster)
    refused(
        "at most 5 compute environments on an Amazon EKS cluster",
        create,
        batch=batch,
        name=new_name(),
        cluster=cluster,
    )
    for name in names:
        delete_environment(batch, name)


def test_a_queue_has_one_orchestrator(batch, eks, work):
    other = work.environment()
    call = {"priority": 1, "jobQueueName": new_name()}
    order = [{"order": n, "computeEnvironment": ce} for n, ce in enumerate((eks[0], other))]
    refused(
        "ECS and of EKS cannot be mixed",
        batch.create_job_queue,
        computeEnvironmentOrder=order,
        **call,
    )
    refused(
        "of EKS cannot be attached to a job queue of type ECS.",
        batch.create_job_queue,
        computeEnvironmentOrder=order[:1],
        jobQueueType="ECS",
        **call,
    )
    refused(
        "of EC2 cannot be attached to a job queue of type EKS.",
        batch.update_job_queue,
        jobQueue=eks[1],
        computeEnvironmentOrder=order[1:],
    )
    assert queue(batch, eks[1])["jobQueueType"] == "EKS"


def test_a_definition_shows_what_was_given(batch):
    bare = {"image": "a", "resources": {"requests": {"cpu": "0.25", "memory": "4Mi"}}}
    arn = define(batch, [bare])
    seen = batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"][0]
    assert seen["containerOrchestrationType"] == "EKS" and seen["platformCapabilities"] == []
    empty = {"args": [], "command": [], "env": [], "volumeMounts": []}
    assert seen["eksProperties"] == {
        "podProperties": {
            "hostNetwork": True,
            "imagePullSecrets": [],
            "volumes": [],
            "containers": [bare | empty],
        }
    }


def limits(**amounts):
    return {
        "resources": {"limits": {k.replace("gpu", "nvidia.com/gpu"): v for k, v in amounts.items()}}
    }


@pytest.mark.parametrize(
    ("text", "container"),
    [
        ("limits.cpu 100m is not valid", limits(cpu="100m")),
        ("limits.cpu 0.3 is not valid", limits(cpu="0.3")),
        ("limits.cpu 0 is not valid", limits(cpu="0")),
        ("limits.cpu 1e1 is not valid", limits(cpu="1e1")),
        ("limits.memory 1Gi is not valid", limits(memory="1Gi")),
        ("limits.memory 3Mi is not valid", limits(memory="3Mi")),
        ("limits.memory 4.5Mi is not valid", limits(memory="4.5Mi")),
        ("limits.nvidia.com/gpu 0.5 is not valid", limits(gpu="0.5")),
        ("limits.disk is not a known resource", limits(disk="1")),
        (
            "limits of cpu must be at least as large",
            {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
        ),
        (
            "of memory must be equal",
            {"resources": {"limits": {"memory": "8Mi"}, "requests": {"memory": "4Mi"}}},
        ),
        ("may not start with AWS_BATCH", {"env": [{"name": "AWS_BATCH_X", "value": "1"}]}),
        ("env[0].name a=b is not valid", {"env": [{"name": "a=b"}]}),
        ("name A_b is not valid", {"name": "A_b"}),
        ("is not a valid image name", {"image": "a b"}),
        ("no volume is named v", {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}),
        ("must be an absolute path", {"volumeMounts": [{"name": "v", "mountPath": "v"}]}),
        (
            "subPath must be a relative path",
            {"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a/../.."}]},
        ),
        ("imagePullPolicy x is not valid", {"imagePullPolicy": "x"}),
        ("runAsUser must be between 0 and 2147483647", {"securityContext": {"runAsUser": -1}}),
        (
            "cannot have allowPrivilegeEscalation false",
            {"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}},
        ),
    ],
)
def test_containers_that_are_refused(batch, text, container):
    refused(text, define, batch=batch, containers=[CONTAINER | container])


@pytest.mark.parametrize(
    ("text", "pod"),
    [
        ("containers must have at least 1 entry", {"containers": []}),
        ("containers may have at most 10 entries", {"containers": [{"image": "a"}] * 11}),
        ("Container name Default is used more than once", {"initContainers": [{"image": "a"}]}),
        (
            "Container name Default is used more than once",
            {"initContainers": [{"image": "a", "name": "default"}]},
        ),
        ("dnsPolicy None is not valid", {"dnsPolicy": "None"}),
        ("volumes[0] must have one of", {"volumes": [{"name": "v"}]}),
        (
            "volumes[0] must have one of",
            {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]},
        ),
        ("name V is not valid", {"volumes": [{"name": "V", "emptyDir": {}}]}),
        (
            "which no container may use",
            {"volumes": [{"name": "v", "hostPath": {"path": "/proc/1"}}]},
        ),
        ("hostPath.path a is not valid", {"volumes": [{"name": "v", "hostPath": {"path": "a"}}]}),
        (
            "emptyDir.medium disk is not valid",
            {"volumes": [{"name": "v", "emptyDir": {"medium": "disk"}}]},
        ),
        (
            "sizeLimit a is not valid",
            {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "a"}}]},
        ),
        (
            "secretName is required",
            {"volumes": [{"name": "v", "secret": {"secretName": ""}}]},
        ),
        ("the value a b is not valid", {"metadata": {"labels": {"a": "a b"}}}),
        ("the key a b is not valid", {"metadata": {"labels": {"a b": "a"}}}),
        (
            "the key batch.amazonaws.com/job-id is not valid",
            {"metadata": {"labels": {"batch.amazonaws.com/job-id": "a"}}},
        ),
        (
            "must have length less than or equal to 255",
            {"metadata": {"annotations": {"a": "b" * 256}}},
        ),
        ("namespace kubes is not valid", {"metadata": {"namespace": "kubes"}}),
        ("serviceAccountName A is not valid", {"serviceAccountName": "A"}),
    ],
)
def test_pods_that_are_refused(batch, text, pod):
    refused(text, define, batch=batch, more=pod)


def test_members_that_are_not_for_eks(batch):
    refused("propagateTags is not applicable for EKS.", define, batch=batch, propagateTags=True)
    refused(
        "platformCapabilities is not applicable for EKS.",
        define,
        batch=batch,
        platformCapabilities=["EC2"],
    )


def test_a_job_shows_a_pod_in_place_of_a_container(batch, eks, submitted):
    job = submitted()
    assert "container" not in job
    assert job["attempts"] == [] and job["eksAttempts"] == []
    assert job["platformCapabilities"] == [] and job["propagateTags"] is False
    pod = job["eksProperties"]["podProperties"]
    assert pod["containers"][0]["command"] == ["echo", "hello"]
    assert "podName" not in pod and "nodeName" not in pod
    wait_for(
        "RUNNABLE",
        lambda: batch.describe_jobs(jobs=[job["jobId"]])["jobs"][0]["status"] == "RUNNABLE",
    )
    listed = batch.list_jobs(jobQueue=eks[1], jobStatus="RUNNABLE")["jobSummaryList"]
    one = next(j for j in listed if j["jobId"] == job["jobId"])
    assert "container" not in one
    assert one["capacityUsage"] == [{"capacityUnit": "cpu", "quantity": 1.0}]
    used = batch.get_job_queue_snapshot(jobQueue=eks[1])["queueUtilization"]
    assert used["totalCapacityUsage"][0]["capacityUnit"] == "cpu"


def test_children_of_an_array_show_pods_too(batch, submitted):
    job = submitted(arrayProperties={"size": 3})
    child = batch.describe_jobs(jobs=[job["jobId"] + ":2"])["jobs"][0]
    assert child["arrayProperties"] == {"index": 2} and child["jobArn"].endswith(":2")
    assert child["eksProperties"] == job["eksProperties"] and child["eksAttempts"] == []


def test_attempts_show_their_pods(batch, stack, submitted):
    job = submitted()["jobId"]

    def seen():
        return batch.describe_jobs(jobs=[job])["jobs"][0]

    wait_for("RUNNABLE", lambda: seen()["status"] == "RUNNABLE")
    containers = [
        {"name": "default", "containerID": "c1", "exitCode": 3, "reason": "Error"},
        {"name": "another", "exitCode": 0},
    ]
    pod = {"name": "aws-batch.1", "namespace": "batch-jobs", "node": "n", "containers": containers}
    store_attempt(stack, job, pod)
    store_attempt(stack, job, None, attempt=2)
    stack.sql(f"INSERT INTO pod VALUES ('{job}', -1, 2, 1, '{{}}')")  # of a run that was given back
    one = seen()
    ends = {"eksClusterArn": CLUSTER, "startedAt": 1000, "stoppedAt": 2000, "statusReason": "why"}
    first, second = one["eksAttempts"]
    assert first == ends | {
        "podName": "aws-batch.1",
        "podNamespace": "batch-jobs",
        "nodeName": "n",
        "containers": containers,
        "initContainers": [],
    }
    assert second == ends | {"containers": [], "initContainers": []}
    assert "podName" not in one["eksProperties"]["podProperties"]  # of the last one it is not known
    stack.sql(f"DELETE FROM attempt WHERE job_id = '{job}' AND attempt = 2")
    shown = seen()["eksProperties"]["podProperties"]
    assert (shown["podName"], shown["nodeName"]) == ("aws-batch.1", "n")
    assert (shown["containers"][0]["exitCode"], shown["containers"][0]["reason"]) == (3, "Error")
    root = (stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"])
    code, found = own_call(stack, root, "DescribeAttempts", {"jobs": [job]})
    assert code is None, found
    name = batch.describe_jobs(jobs=[job])["jobs"][0]["jobDefinition"].split("/")[1].split(":")[0]
    task = hashlib.sha256(f"{job}/2".encode()).hexdigest()[:32]
    assert found["jobs"][0]["attempts"][0]["logStreamName"] == f"{name}/default/{task}"


def override(*containers, **more):
    return {"eksPropertiesOverride": {"podProperties": {"containers": list(containers)} | more}}


def test_overrides(submitted):
    job = submitted(
        parameters={"what": "there"},
        tags={"a": "b"},
        **override(
            {
                "image": "other",
                "args": ["Ref::what"],
                "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
                "resources": {"requests": {"memory": "800000Mi"}},
            },
            metadata={"labels": {"more": "x"}, "annotations": {"a": "b"}, "namespace": "other"},
        ),
    )
    pod = job["eksProperties"]["podProperties"]
    assert pod["metadata"] == {
        "labels": {"team": "a", "more": "x"},
        "annotations": {"a": "b"},
        "namespace": "other",
    }
    container = pod["containers"][0]
    assert (container["image"], container["args"]) == ("other", ["there"])
    assert container["command"] == ["echo", "there"]
    assert container["env"] == [{"name": "A", "value": "2"}]
    assert container["resources"] == {
        "limits": {"cpu": "1"},
        "requests": {"memory": "800000Mi"},
    }
    assert job["tags"] == {"a": "b"}


def test_overrides_name_their_containers(batch, eks, submitted):
    two = define(batch, [CONTAINER | {"name": "a"}, {"image": "b", "name": "b"}])
    call = {"jobDefinition": two, "parameters": {"what": "x"}}
    job = submitted(**call, **override({"name": "b", "image": "c"}))
    images = [c["image"] for c in job["eksProperties"]["podProperties"]["containers"]]
    assert images == ["busybox", "c"]
    refused("containers[0].name is required", submitted, **call, **override({"image": "c"}))
    refused("no entry of containers is named c", submitted, **call, **override({"name": "c"}))
    refused(
        "has an entry of containers more than once",
        submitted,
        **call,
        **override({"name": "b"}, {"name": "b"}),
    )
    refused("No parameter found for reference what", submitted, jobDefinition=two)


def test_the_size_of_a_job_is_that_of_its_pod(batch, eks, submitted):
    """The containers together, or the largest init container."""
    needs = [("1", "100Mi"), ("0.5", "100Mi"), ("1.25", "900000Mi")]
    a, b, init = (
        {"image": "x", "name": n, "resources": {"requests": {"cpu": c, "memory": m}}}
        for n, (c, m) in zip("abc", needs, strict=True)
    )
    job = submitted(jobDefinition=define(batch, [a, b], {"initContainers": [init]}))
    listed = batch.list_jobs(
        jobQueue=eks[1], filters=[{"name": "JOB_NAME", "values": [job["jobName"]]}]
    )["jobSummaryList"]
    one = next(j for j in listed if j["jobId"] == job["jobId"])
    assert one["capacityUsage"][0]["quantity"] == 1.5
    nothing = define(batch, [{"image": "x"}])
    refused("vCPU is not provided.", submitted, jobDefinition=nothing)
    half = define(batch, [{"image": "x", "resources": {"limits": {"cpu": "1"}}}])
    refused("Memory is not provided.", submitted, jobDefinition=half)
    refused(
        "limits.cpu 10m is not valid",
        submitted,
        **override({"resources": {"limits": {"cpu": "10m"}}}),
    )


def test_members_of_a_submission_that_are_not_for_eks(batch, eks, submitted, work):
    refused(
        "Container overrides or node overrides should not be set for Batch on EKS jobs.",
        submitted,
        containerOverrides={"command": ["x"]},
    )
    refused("propagateTags is not applicable for EKS.", submitted, propagateTags=True)
    plain = work.definition()
    refused("can only be set for Batch on EKS jobs", submitted, jobDefinition=plain, **override({}))
    refused("can not run Jobs with capability EC2.", submitted, jobDefinition=plain)
    refused("can not run Jobs with capability EKS.", submitted, jobQueue=work.queue())


def test_a_long_parameter_cannot_be_used_many_times(batch, submitted):
    words = CONTAINER | {"command": ["Ref::a"] * 200}
    many = define(batch, [words], parameters={"a": "x" * 2000})
    refused("Job size must be less than 60 KiB", submitted, jobDefinition=many)
