"""Recipes (crash_recipes.py) with operations on everything but jobs."""

import contextlib
import json
import subprocess
import time

import botocore.config
from crash_case import LIGHT
from crash_hosts import join_script
from keys import own_call
from stack import ROOT
from word import lasting


def asked(call, holds):
    """Calls until what was asked for is there: an answer may be lost with the process."""
    end = time.monotonic() + 60
    while True:
        error = None
        try:
            call()
        except Exception as err:
            error = err
        with contextlib.suppress(Exception):
            if holds():
                return
        assert time.monotonic() < end, f"still not done: {error}"
        time.sleep(0.3)


def own_client(case):
    """Without tries of its own: what an answer lost with the process leaves is seen."""
    config = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=15, connect_timeout=5)
    return case.stack.client("batch", config=config)


def policies(case):
    batch, name = own_client(case), f"p-{time.time_ns()}"
    arn = f"arn:aws:batch:us-east-1:123456789012:scheduling-policy/{name}"

    def there():
        found = batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"]
        return found[0] if found else None

    asked(
        lambda: batch.create_scheduling_policy(
            name=name, fairsharePolicy={"shareDecaySeconds": 60}
        ),
        there,
    )
    asked(
        lambda: batch.update_scheduling_policy(arn=arn, fairsharePolicy={"shareDecaySeconds": 90}),
        lambda: there()["fairsharePolicy"]["shareDecaySeconds"] == 90,
    )
    asked(
        lambda: batch.tag_resource(resourceArn=arn, tags={"a": "b"}),
        lambda: there()["tags"] == {"a": "b"},
    )
    asked(lambda: batch.delete_scheduling_policy(arn=arn), lambda: not there())


def queues(case):
    batch, name = own_client(case), f"q-{time.time_ns()}"
    environment = case.work.unmanaged()

    def there():
        found = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        return found[0] if found else None

    def is_valid(**members):
        found = there()
        return found["status"] == "VALID" and members.items() <= found.items()

    order = [{"order": 1, "computeEnvironment": environment}]
    asked(
        lambda: batch.create_job_queue(
            jobQueueName=name, priority=1, computeEnvironmentOrder=order
        ),
        is_valid,
    )
    asked(
        lambda: batch.update_job_queue(jobQueue=name, priority=7, state="DISABLED"),
        lambda: is_valid(priority=7, state="DISABLED"),
    )
    asked(lambda: batch.delete_job_queue(jobQueue=name), lambda: not there())


def environments(case):
    batch, name = own_client(case), f"e-{time.time_ns()}"
    role = "arn:aws:iam::123456789012:role/AWSBatchServiceRole"

    def there():
        found = batch.describe_compute_environments(computeEnvironments=[name])
        return (found["computeEnvironments"] or [None])[0]

    asked(
        lambda: batch.create_compute_environment(
            computeEnvironmentName=name, type="UNMANAGED", serviceRole=role
        ),
        lambda: there()["status"] == "VALID",
    )
    asked(
        lambda: batch.update_compute_environment(computeEnvironment=name, state="DISABLED"),
        lambda: there()["state"] == "DISABLED" and there()["status"] == "VALID",
    )
    asked(lambda: batch.delete_compute_environment(computeEnvironment=name), lambda: not there())


def definitions(case):
    batch, name = own_client(case), f"d-{time.time_ns()}"
    properties = {
        "image": "openbatch/busybox",
        "resourceRequirements": [
            {"type": "VCPU", "value": "1"},
            {"type": "MEMORY", "value": "16"},
        ],
    }

    def revisions(status):
        return batch.describe_job_definitions(jobDefinitionName=name, status=status)[
            "jobDefinitions"
        ]

    asked(
        lambda: batch.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=properties
        ),
        lambda: revisions("ACTIVE"),
    )
    for one in revisions("ACTIVE"):
        asked(
            lambda one=one: batch.deregister_job_definition(jobDefinition=one["jobDefinitionArn"]),
            lambda one=one: one["revision"] not in [r["revision"] for r in revisions("ACTIVE")],
        )


def access_keys(case):
    """Of a name of its own; a key that was made without an answer is revoked, too."""
    name = f"k-{time.time_ns()}"

    def run(*arguments, text=None):
        done = subprocess.run(
            [ROOT / "openbatch", "key", *arguments],
            env=case.stack.own_env(),
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mine():
        return [line.split()[0] for line in run("list").splitlines() if name in line]

    policy = {"Version": "2012-10-17"}
    policy["Statement"] = [{"Effect": "Allow", "Action": "batch:Describe*", "Resource": "*"}]
    asked(lambda: run("create", "--name", name), mine)
    for key in mine():
        asked(
            lambda key=key: run("policy", key, "-", text=json.dumps(policy)),
            lambda key=key: "batch:Describe*" in run("policy", key),
        )
        asked(lambda key=key: run("revoke", key), lambda key=key: key not in mine())


def join_tokens(case):
    environment = case.work.unmanaged()
    folder = case.folder / "joins"
    asked(
        lambda: join_script(case, environment, folder).index("JOIN_TOKEN"),
        lambda: "JOIN_TOKEN" in join_script(case, environment, folder),
    )


def mass_stops(case):
    """Of a queue without jobs: what was stored is carried out."""
    queue = case.work.queue(case.work.unmanaged())
    env = case.stack.env
    credentials = env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    members = {"jobQueue": queue, "action": "CANCEL", "reason": "none is needed"}

    def ask():
        code, answer = own_call(case.stack, credentials, "StopJobs", members)
        assert code is None, answer

    asked(
        ask,
        lambda: case.stack.sql(
            "SELECT 1 FROM stop_progress p JOIN stop_request r ON r.id = p.stop_id"
            " JOIN job_queue q ON q.id = r.queue_id"
            f" WHERE q.name = '{queue}' AND p.finished_at_ms IS NOT NULL"
        ),
    )


def questions(case):
    """Who waits for a job that has not ended? Nobody."""
    job = case.submit(case.definition(lasting(8)), **LIGHT)
    root = (case.stack.env["AWS_ACCESS_KEY_ID"], case.stack.env["AWS_SECRET_ACCESS_KEY"])
    answers = []

    def ask():
        code, found = own_call(case.stack, root, "ListDependents", {"jobId": job})
        assert code is None, found
        answers.append(found)

    asked(ask, lambda: answers)
    assert answers[-1] == {"dependents": [], "more": False}


def asking(operations):
    def recipe(case):
        """Operations, each until what it asks for is there, and a job beside them."""
        case.arm()
        operations(case)
        case.one_job()
        case.wait_died()

    recipe.__name__ = f"asking_for_{operations.__name__}"
    return recipe
