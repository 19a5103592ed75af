"""Recipes (crash_recipes.py) with jobs that are pods of a small Kubernetes cluster of our own
(tests/fakes/kube)."""

import contextlib

import word
from crash_case import LIGHT
from kube_work import KubeWork, container, start_cluster, stop_cluster
from stack import wait_for

VOLUME = [{"name": "word", "mountPath": word.FOLDER}]
LABEL = "openbatch.io/instance"  # of a pod


@contextlib.contextmanager
def on_cluster(case, **more):
    """Gives a KubeWork, whose cluster is the case's own, with an environment and a queue. At the
    end each job of submit() has run once, and nothing of ours is left in the cluster."""
    cluster = start_cluster(case.stack, **({"nodes": 1} | more))
    kube = KubeWork(case.stack, case.batch, None, cluster)
    # What a case that fails leaves here is deleted with the case.
    kube.queues, kube.environments = case.work.queues, case.work.environments
    try:
        case.queues.append(kube.queue())
        yield kube
        case.wait_all(180)
        check_runs(case, kube)
        wait_for("no pod is left", lambda: not cluster.pods(), 60)
        kube.delete()
        assert cluster.running_containers() == 0
    finally:
        stop_cluster(case.stack, cluster)


def submit(case, kube, command, **more):
    """A job whose pod says its own word (word.py), in the queue of the cluster: its id."""
    folder = {"name": "word", "hostPath": {"path": str(case.folder / "word")}}
    one = container(volumeMounts=VOLUME) | {"command": command}
    definition = kube.definition(one, pod={"volumes": [folder]})
    kube.jobs.append(case.submit(definition, queue=case.queues[-1], **more))
    return kube.jobs[-1]


def running(case, kube, seconds):
    """A job whose container has begun: (job, the name of its pod)."""
    job = submit(case, kube, word.lasting(seconds))
    case.wait_word(1, 120)
    kube.wait(job, "RUNNING", timeout=120)
    [pod] = kube.cluster.pods()
    return job, pod["metadata"]["name"]


def check_runs(case, kube):
    """Each job has run once, and has come to its end, by the word of its container and by that of
    the cluster. It need not be the first attempt: a pod that was wanted and is not there may have
    run, so it counts."""
    lines = word.parse("\n".join(case.word()))
    for job in kube.jobs:
        said = [(line["attempt"], line["kind"]) for line in lines if line["job"] == job]
        assert [kind for _, kind in said] == ["start", "end"], (job, said)
        assert said[0][0] == said[1][0], (job, said)
        kube.check_lives(job, 1)


def pod_comes_and_goes(case):
    """A job's pod is made, ends and is deleted."""
    with on_cluster(case) as kube:
        case.arm()
        submit(case, kube, word.lasting(1), **LIGHT)
        case.wait_died(120)


def pod_stopped(case):
    """A job is stopped while its pod runs."""
    with on_cluster(case) as kube:
        job, _ = running(case, kube, 600)
        case.arm()
        case.terminate(job)
        case.wait_died()


def pod_without_its_label(case):
    """Somebody takes our label off a pod that runs."""
    with on_cluster(case) as kube:
        _, pod = running(case, kube, 8)
        case.arm()
        kube.cluster.label_pod(pod, LABEL)
        case.wait_died()


def pod_left_behind(case):
    """An environment is deleted, and a pod of it is there that no instance knows."""
    with on_cluster(case) as kube:
        kube.succeeded(submit(case, kube, word.lasting(1), **LIGHT))
        kube.leave_pod(kube.environments[-1])
        case.arm()
        kube.delete()
        case.wait_died(90)


def node_gets_another_size(case):
    """A node of the cluster becomes smaller, and then runs a job."""
    with on_cluster(case) as kube:
        [node] = kube.active(kube.environments[-1], 1)
        case.arm()
        kube.cluster.resize_node(node, cpu="2")
        case.wait_died(90)
        submit(case, kube, word.lasting(1), **LIGHT)
