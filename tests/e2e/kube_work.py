"""Environments, queues, definitions and jobs on a small Kubernetes cluster of our own
(tests/fakes/kube)."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "fakes"))

from eks import create  # noqa: E402
from keys import own_call  # noqa: E402
from kube.cluster import FakeCluster, Times  # noqa: E402
from resources import delete_environment, delete_queue, environment, new_name, queue  # noqa: E402
from stack import wait_for  # noqa: E402
from work import ENDED  # noqa: E402

NAMESPACE = "batch-jobs"
FOLDER = "OPENBATCH_KUBERNETES_DIR"
ACTIVE = 1  # of an instance (ob/rows.h)
HOLD = "trap 'exit 143' TERM; while :; do sleep 0.1; done"
TIMES = Times(heartbeat_s=1.0, node_grace_s=3.0, pod_gc_s=2.0, pull_backoff_s=0.5)


def start_cluster(stack, name=None, nodes=2, **more):
    """A cluster whose file the copy has; of this test's own, if it has no name."""
    folder = stack.settings.get(FOLDER)
    assert folder, f"start the copy with {FOLDER}"
    cluster = FakeCluster(name or new_name("c"), nodes=nodes, **({"times": TIMES} | more))
    cluster.write_kubeconfig(folder)
    return cluster


def stop_cluster(stack, cluster):
    cluster.stop()
    (Path(stack.settings[FOLDER]) / f"{cluster.name}.json").unlink(missing_ok=True)


def container(script="exit 0", cpu="0.25", memory="64Mi", **more):
    """Of a definition, which runs a script."""
    resources = {"limits": {"cpu": cpu, "memory": memory}}
    return {"image": "busybox", "command": ["sh", "-c", script], "resources": resources} | more


class KubeWork:
    """What it has made is deleted by forget(), which checks that nothing of it is left in the
    cluster."""

    def __init__(self, stack, batch, logs, cluster):
        self.stack, self.batch, self.logs, self.cluster = stack, batch, logs, cluster
        self.environments, self.queues, self.jobs = [], [], []

    def environment(self, *nodes, settled="VALID", label=True, **more):
        """A new one, to which these nodes (all by default) are given."""
        name = new_name()
        create(self.batch, name, cluster=self.cluster.arn, **more)
        self.environments.append(name)
        wait_for(f"{name} is {settled}", lambda: self.ce(name)["status"] == settled)
        if label:
            self.cluster.label_nodes(self.ce(name)["uuid"], *nodes)
        return name

    def ce(self, name):
        return environment(self.batch, name)

    def queue(self, *environments):
        name = new_name()
        order = enumerate(environments or (self.environment(),), 1)
        self.batch.create_job_queue(
            jobQueueName=name,
            priority=1,
            jobQueueType="EKS",
            computeEnvironmentOrder=[{"order": n, "computeEnvironment": e} for n, e in order],
        )
        self.queues.append(name)
        wait_for(f"{name} is VALID", lambda: queue(self.batch, name)["status"] == "VALID")
        return name

    def instances(self, name):
        """(id, state, node, mcpu, mem_mib) of the instances of an environment that ever were."""
        rows = self.stack.sql(
            "SELECT i.id, i.state, i.node_name, i.mcpu, i.mem_mib FROM instance i"
            " JOIN compute_environment c ON c.id = i.ce_id"
            f" WHERE c.name = '{name}' ORDER BY i.launched_at"
        )
        return [(row[0], int(row[1]), row[2], int(row[3]), int(row[4])) for row in rows]

    def active(self, name, count=None):
        """The instances that jobs are placed on, once there are so many: by node."""

        def found():
            rows = {row[2]: row for row in self.instances(name) if row[1] == ACTIVE}
            return rows if count is None or len(rows) == count else None

        return wait_for(f"{count} nodes of {name}", found)

    def active_now(self, name):
        """Whether jobs can be placed on an instance of it."""
        return any(row[1] == ACTIVE for row in self.instances(name))

    def leave_pod(self, environment, name="left"):
        """A pod of an environment that no instance knows, as the loss of one may leave it; once it
        runs, its node."""
        labels = {"batch.amazonaws.com/compute-environment-uuid": self.ce(environment)["uuid"]}
        metadata = {"labels": labels, "finalizers": ["openbatch.io/run"]}
        command = ("sh", "-c", HOLD)
        self.cluster.create_pod(name, NAMESPACE, command=command, metadata=metadata)
        wait_for("its container", lambda: self.cluster.processes(name))
        return self.cluster.pod(name)["spec"]["nodeName"]

    def definition(self, *containers, pod=None, **more):
        name = new_name()
        properties = {"containers": list(containers)} | (pod or {})
        self.batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            eksProperties={"podProperties": properties},
            **more,
        )
        return name

    def submit(self, queue, script="exit 0", **more):
        """A job of one container, or of the definition that is given."""
        definition = more.pop("definition", None) or self.definition(container(script))
        job = self.batch.submit_job(jobName="job", jobQueue=queue, jobDefinition=definition, **more)
        self.jobs.append(job["jobId"])
        return job["jobId"]

    def job(self, job_id):
        return self.batch.describe_jobs(jobs=[job_id])["jobs"][0]

    def wait(self, job_id, *states, timeout=90):
        states = states or ENDED

        def reached():
            job = self.job(job_id)
            return job if job["status"] in states else None

        return wait_for(f"job {job_id} in {states}", reached, timeout)

    def running(self, queue, script=HOLD, **more):
        """Submits a job, and waits until it runs and its container does: (job, pod's name)."""
        job_id = self.submit(queue, script, **more)
        self.wait(job_id, "RUNNING")

        def pod_name():
            return self.job(job_id)["eksProperties"]["podProperties"].get("podName")

        name = wait_for("the name of its pod", pod_name)
        wait_for("its container", lambda: self.cluster.processes(name))
        return job_id, name

    def failed(self, job_id, timeout=90):
        """Waits for its end, which must be FAILED: the job."""
        job = self.wait(job_id, timeout=timeout)
        assert job["status"] == "FAILED", job
        return job

    def succeeded(self, job_id, timeout=90):
        job = self.wait(job_id, timeout=timeout)
        assert job["status"] == "SUCCEEDED", job
        return job

    def output(self, job_id, attempt=-1):
        """The lines of a job's ended attempt (the last by default)."""
        root = (self.stack.env["AWS_ACCESS_KEY_ID"], self.stack.env["AWS_SECRET_ACCESS_KEY"])
        code, found = own_call(self.stack, root, "DescribeAttempts", {"jobs": [job_id]})
        assert code is None, found
        stream = found["jobs"][0]["attempts"][attempt]["logStreamName"]
        lines, token = [], None
        while True:
            more = {"nextToken": token} if token else {}
            page = self.logs.get_log_events(
                logGroupName="/aws/batch/job", logStreamName=stream, startFromHead=True, **more
            )
            lines += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token or not page["events"]:
                return lines
            token = page["nextForwardToken"]

    def check_output(self, job_id, wanted, attempt=-1):
        """Output comes a little later than the end of its job."""

        def is_there():
            try:
                return self.output(job_id, attempt) == wanted
            except self.logs.exceptions.ResourceNotFoundException:
                return False

        wait_for(f"the output of {job_id}", is_there, 30)

    def check_lives(self, job_id, count, index=None):
        """So many containers of a job's attempts have run, and no two at a time."""
        more = {} if index is None else {"AWS_BATCH_JOB_ARRAY_INDEX": index}
        lives = self.cluster.lives(AWS_BATCH_JOB_ID=job_id, **more)
        assert len(lives) == count, lives
        for before, after in zip(lives, lives[1:], strict=False):
            assert before.ended and before.ended <= after.began, lives

    def delete(self):
        """Its queues and environments."""
        while self.queues:
            delete_queue(self.batch, self.queues.pop())
        while self.environments:
            delete_environment(self.batch, self.environments.pop())

    def forget(self):
        for job in self.jobs:
            self.batch.terminate_job(jobId=job, reason="tested")
        had_any = bool(self.environments)
        self.delete()
        if had_any:
            wait_for("no pod is left", lambda: not self.cluster.pods(NAMESPACE))
            wait_for("no container is left", lambda: not self.cluster.running_containers())
