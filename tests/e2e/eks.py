"""Environments, queues and definitions of a Kubernetes cluster that does not exist, for tests that
need none."""

import json

from resources import delete_environment, delete_queue, environment, new_name, queue
from stack import wait_for

CLUSTER = "arn:aws:eks:us-east-1:123456789012:cluster/none"
CONTAINER = {
    "image": "busybox",
    "command": ["echo", "Ref::what"],
    "resources": {"limits": {"cpu": "1", "memory": "900000Mi"}},
}


def create(batch, name, kind="UNMANAGED", cluster=CLUSTER, namespace="batch-jobs", **more):
    configuration = {"eksClusterArn": cluster, "kubernetesNamespace": namespace}
    return batch.create_compute_environment(
        **{"computeEnvironmentName": name, "type": kind, "eksConfiguration": configuration} | more
    )


def with_queue(batch):
    """Yields (environment, queue), and deletes them: for a fixture."""
    ce, jq = new_name(), new_name()
    create(batch, ce)
    wait_for("VALID", lambda: environment(batch, ce)["status"] == "VALID")
    batch.create_job_queue(
        jobQueueName=jq,
        priority=1,
        jobQueueType="EKS",
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": ce}],
    )
    wait_for("VALID", lambda: queue(batch, jq)["status"] == "VALID")
    yield ce, jq
    for job in batch.list_jobs(jobQueue=jq, jobStatus="RUNNABLE")["jobSummaryList"]:
        batch.terminate_job(jobId=job["jobId"], reason="tested")
    delete_queue(batch, jq)
    delete_environment(batch, ce)


def define(batch, containers=(CONTAINER,), more=None, **members):
    pod = {"containers": list(containers)} | (more or {})
    return batch.register_job_definition(
        jobDefinitionName=new_name(),
        type="container",
        eksProperties={"podProperties": pod},
        **members,
    )["jobDefinitionArn"]


def store_attempt(stack, job, pod, attempt=1):
    """As the scheduler stores what an executor has reported: an attempt that has failed, and its
    pod (None: nothing is known of it). The first run was given back."""
    stack.sql(
        "INSERT INTO attempt (job_id, idx, attempt, run, instance_id, cluster, exit_code, reason,"
        f" started_at_ms, stopped_at_ms) VALUES ('{job}', -1, {attempt}, {attempt + 1}, 'i-1',"
        f" '{CLUSTER}', 3, 'why', 1000, 2000)"
    )
    if pod:
        stack.sql(
            "INSERT INTO pod (job_id, idx, attempt, run, body)"
            f" VALUES ('{job}', -1, {attempt}, {attempt + 1}, '{json.dumps(pod)}')"
        )
