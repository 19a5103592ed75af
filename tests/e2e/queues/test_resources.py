"""Queues, scheduling policies, tags, pages: what AWS's clients send, and the texts that they get.
Environments and definitions have files of their own."""

import concurrent.futures
import http.client
import json
import urllib.parse

import botocore.exceptions
from resources import (
    CONTAINER,
    RESOURCES,
    delete_environment,
    delete_queue,
    environment,
    new_name,
    pages,
    queue,
    refused,
)
from stack import wait_for

# --- queues ---------------------------------------------------------------------------------------


def test_a_queue_lives_from_creating_to_gone(batch, made):
    first, second = made.environment(), made.environment()
    arn = environment(batch, first)["computeEnvironmentArn"]
    order = [
        {"order": 2, "computeEnvironment": arn},
        {"order": 1, "computeEnvironment": second},
    ]
    name = made.queue(computeEnvironmentOrder=order, priority=7, tags={"k": "v"}, state="ENABLED")
    seen = queue(batch, name)
    assert seen["statusReason"] == "JobQueue Healthy"
    assert (seen["priority"], seen["state"], seen["tags"]) == (7, "ENABLED", {"k": "v"})
    # As given, with ARNs.
    assert [e["order"] for e in seen["computeEnvironmentOrder"]] == [2, 1]
    assert seen["computeEnvironmentOrder"][0]["computeEnvironment"] == arn
    assert seen["computeEnvironmentOrder"][1]["computeEnvironment"].endswith("/" + second)

    batch.update_job_queue(jobQueue=seen["jobQueueArn"], priority=9)
    wait_for("VALID", lambda: queue(batch, name)["status"] == "VALID")
    assert queue(batch, name) == seen | {"priority": 9}
    batch.update_job_queue(
        jobQueue=name, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": first}]
    )
    wait_for("VALID", lambda: queue(batch, name)["status"] == "VALID")
    assert len(queue(batch, name)["computeEnvironmentOrder"]) == 1
    # The environment that was let go can be deleted.
    delete_environment(batch, second)

    refused("must be DISABLED", batch.delete_job_queue, jobQueue=name)
    batch.update_job_queue(jobQueue=name, state="DISABLED")
    wait_for("VALID", lambda: queue(batch, name)["status"] == "VALID")
    batch.delete_job_queue(jobQueue=name)
    seen = queue(batch, name)
    assert seen is None or seen["status"] == "DELETING"
    wait_for("gone", lambda: queue(batch, name) is None, 60)
    refused(f"job-queue/{name} does not exist", batch.delete_job_queue, jobQueue=name)
    batch.create_job_queue(  # the name can be used again
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": first}],
    )
    delete_queue(batch, name)


def test_queue_preconditions(batch, made):
    name = made.environment()
    arm = new_name()  # the provider `local` has machines like its host only
    batch.create_compute_environment(
        computeEnvironmentName=arm,
        type="MANAGED",
        computeResources=RESOURCES | {"instanceTypes": ["m6g"]},
    )
    made.environments.append(arm)
    wait_for("INVALID", lambda: environment(batch, arm)["status"] == "INVALID")
    assert environment(batch, arm)["statusReason"].startswith("CLIENT_ERROR - ")
    q = made.queue(name)
    create, update = batch.create_job_queue, batch.update_job_queue

    def order(*names):
        return [{"order": n, "computeEnvironment": e} for n, e in enumerate(names, 1)]

    taken = {"jobQueueName": q, "priority": 1, "computeEnvironmentOrder": order(name)}
    refused("Object already exists", create, http_status=409, **taken)
    other = {"jobQueueName": new_name(), "priority": 1}
    missing = new_name()
    refused(
        f"compute-environment/{missing} does not exist",
        create,
        **other,
        computeEnvironmentOrder=order(missing),
    )
    refused("must be valid before attaching", create, **other, computeEnvironmentOrder=order(arm))
    refused("more than once", create, **other, computeEnvironmentOrder=order(name, name))
    refused("1 to 3 entries", create, **other, computeEnvironmentOrder=[])
    refused("at most 3", create, **other, computeEnvironmentOrder=order(name, "b", "c", "d"))
    refused(
        "order 1 more than once", create, **other, computeEnvironmentOrder=order(name) + order(arm)
    )
    refused(
        "arn:x does not exist",
        create,
        **other,
        computeEnvironmentOrder=order(name),
        schedulingPolicyArn="arn:x",
    )
    refused(
        "priority must be between",
        create,
        jobQueueName="x",
        priority=-1,
        computeEnvironmentOrder=order(name),
    )
    refused("does not exist", update, jobQueue=new_name(), priority=2)
    refused(f"{missing} does not exist", update, jobQueue=q, computeEnvironmentOrder=order(missing))


def test_an_environment_must_be_valid_before_a_queue_takes_it(batch):
    name = new_name()
    batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", computeResources=RESOURCES
    )
    try:
        batch.create_job_queue(
            jobQueueName=name,
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}],
        )
        made = True  # it became VALID in between
    except botocore.exceptions.ClientError as e:
        assert "must be created and valid before attaching" in e.response["Error"]["Message"]
        made = False
    if made:
        delete_queue(batch, name)
    delete_environment(batch, name)


# --- pages ----------------------------------------------------------------------------------------


def test_environments_and_queues_come_in_pages(batch, made):
    names = [made.environment() for _ in range(3)]
    queues = [made.queue(names[0]) for _ in range(3)]
    every = pages(batch.describe_compute_environments, "computeEnvironments", 2)
    seen = [e["computeEnvironmentName"] for e in every]
    assert len(seen) == len(set(seen)) and set(names) <= set(seen)
    every = pages(batch.describe_job_queues, "jobQueues", 1)
    seen = [q["jobQueueName"] for q in every]
    assert len(seen) == len(set(seen)) and set(queues) <= set(seen)
    most = batch.describe_job_queues(maxResults=101)["jobQueues"]
    assert set(queues) <= {q["jobQueueName"] for q in most}

    # By names and ARNs, unknown ones left out.
    arn = environment(batch, names[2])["computeEnvironmentArn"]
    found = batch.describe_compute_environments(
        computeEnvironments=[names[1], new_name(), arn, arn.replace(":batch:", ":ecs:")]
    )["computeEnvironments"]
    assert [e["computeEnvironmentName"] for e in found] == [names[1], names[2]]
    refused(
        "ComputeEnvironments and MaxResults cannot both be set",
        batch.describe_compute_environments,
        computeEnvironments=names,
        maxResults=1,
    )
    refused(
        "JobQueues and MaxResults cannot both be set",
        batch.describe_job_queues,
        jobQueues=queues,
        maxResults=1,
    )


def test_a_token_that_was_not_given_out_is_refused(batch):
    name = new_name("d")
    for _ in range(3):
        batch.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=CONTAINER
        )
    token = batch.describe_job_definitions(jobDefinitionName=name, maxResults=1)["nextToken"]
    for call in (
        batch.describe_job_definitions,
        batch.describe_compute_environments,
        batch.describe_job_queues,
    ):
        refused("nextToken", call, nextToken="garbage")
        refused("nextToken", call, nextToken=token[:-4] + "AAAA")
    refused("nextToken", batch.describe_job_queues, nextToken=token)
    assert batch.describe_job_definitions(jobDefinitionName=name, nextToken="", maxResults=1)[
        "jobDefinitions"
    ]


# --- scheduling policies and tags -----------------------------------------------------------------


def test_policies_are_made_changed_used_and_deleted(batch, made):
    name = new_name("p")
    fair = {
        "shareDecaySeconds": 60,
        "computeReservation": 10,
        "shareDistribution": [
            {"shareIdentifier": "a", "weightFactor": 0.5},
            {"shareIdentifier": "b*"},
        ],
    }
    create, update = batch.create_scheduling_policy, batch.update_scheduling_policy
    arn = create(name=name, fairsharePolicy=fair, tags={"k": "v"})["arn"]
    assert arn.endswith(f":scheduling-policy/{name}")
    refused("Object already exists", create, http_status=409, name=name)

    def seen():
        [one] = batch.describe_scheduling_policies(arns=[arn, arn + "x"])["schedulingPolicies"]
        return one

    assert seen() == {"name": name, "arn": arn, "fairsharePolicy": fair, "tags": {"k": "v"}}
    update(arn=arn, fairsharePolicy={"computeReservation": 1})
    empty = {"shareDecaySeconds": 0, "computeReservation": 1, "shareDistribution": []}
    assert seen()["fairsharePolicy"] == empty
    listed = pages(batch.list_scheduling_policies, "schedulingPolicies", 1)
    assert {"arn": arn} in listed
    quota = {"idleResourceAssignmentStrategy": "FIFO"}
    refused("kind of a scheduling policy", update, arn=arn, quotaSharePolicy=quota)
    refused("Only one of", create, name="x", fairsharePolicy={}, quotaSharePolicy=quota)
    overlapping = [{"shareIdentifier": "a1"}, {"shareIdentifier": "a*"}]
    refused("overlap", create, name="x", fairsharePolicy={"shareDistribution": overlapping})

    ce = made.environment()
    q = made.queue(ce, schedulingPolicyArn=arn)
    assert queue(batch, q)["schedulingPolicyArn"] == arn
    refused("found existing JobQueue relationship", batch.delete_scheduling_policy, arn=arn)
    other = create(name=name + "-2")["arn"]
    batch.update_job_queue(jobQueue=q, schedulingPolicyArn=other)
    wait_for("VALID", lambda: queue(batch, q)["status"] == "VALID")
    assert queue(batch, q)["schedulingPolicyArn"] == other
    batch.delete_scheduling_policy(arn=arn)
    refused(f"{arn} does not exist", batch.delete_scheduling_policy, arn=arn)
    fifo = made.queue(ce)
    refused("cannot be added", batch.update_job_queue, jobQueue=fifo, schedulingPolicyArn=other)
    limits = [
        {
            "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
            "state": "RUNNABLE",
            "maxTimeSeconds": 600,
            "action": "CANCEL",
        }
    ]
    batch.update_job_queue(jobQueue=fifo, jobStateTimeLimitActions=limits)
    wait_for("VALID", lambda: queue(batch, fifo)["status"] == "VALID")
    assert queue(batch, fifo)["jobStateTimeLimitActions"] == limits
    made.queues.remove(q)
    delete_queue(batch, q)
    batch.delete_scheduling_policy(arn=other)


def test_tags_of_every_kind_of_resource(batch, made, raw):
    ce = made.environment()
    q = made.queue(ce)
    name = new_name("d")
    definition = batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )["jobDefinitionArn"]
    policy = batch.create_scheduling_policy(name=name)["arn"]
    ce_arn, q_arn = environment(batch, ce)["computeEnvironmentArn"], queue(batch, q)["jobQueueArn"]
    batch.update_job_queue(jobQueue=q, state="DISABLED")  # a change of tags is no UPDATING
    wait_for("VALID", lambda: queue(batch, q)["status"] == "VALID")

    def described(arn):
        if arn == ce_arn:
            return environment(batch, ce)
        if arn == q_arn:
            return queue(batch, q)
        if arn == policy:
            return batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"][0]
        return batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"][0]

    for arn in (ce_arn, q_arn, definition, policy):
        batch.tag_resource(resourceArn=arn, tags={"a": "1", "b c": "2", "ü": "ö"})
        batch.tag_resource(resourceArn=arn, tags={"a": "3"})
        batch.untag_resource(resourceArn=arn, tagKeys=["b c", "none"])
        assert batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "3", "ü": "ö"}
        seen = described(arn)
        assert seen["tags"] == {"a": "3", "ü": "ö"}
        assert seen.get("status", "VALID") in ("VALID", "ACTIVE")
        full = {str(n): "x" for n in range(48)}
        batch.tag_resource(resourceArn=arn, tags=full)
        refused("less than or equal to 50", batch.tag_resource, resourceArn=arn, tags={"more": ""})
    # Tags of a job show in DescribeJobs; those it was submitted with are the first.
    batch.update_job_queue(jobQueue=q, state="ENABLED")
    wait_for("VALID", lambda: queue(batch, q)["status"] == "VALID")
    job = batch.submit_job(
        jobName="tagged", jobQueue=q, jobDefinition=definition, tags={"first": "1", "b": "2"}
    )
    batch.tag_resource(resourceArn=job["jobArn"], tags={"b": "3"})
    batch.untag_resource(resourceArn=job["jobArn"], tagKeys=["first"])
    assert batch.list_tags_for_resource(resourceArn=job["jobArn"])["tags"] == {"b": "3"}
    [seen] = batch.describe_jobs(jobs=[job["jobId"]])["jobs"]
    assert seen["tags"] == {"b": "3"} and seen["container"]["image"] == CONTAINER["image"]
    child = job["jobArn"] + ":1"
    refused("does not exist", batch.tag_resource, resourceArn=child, tags={"a": "b"})
    # An ARN may come unencoded, too.
    status, _, text = raw(f"/v1/tags/{q_arn}", b"", method="GET")
    assert status == 200 and json.loads(text)["tags"]["a"] == "3"
    gone = q_arn + "x"
    refused(f"{gone} does not exist", batch.list_tags_for_resource, resourceArn=gone)
    refused("Invalid resource ARN", batch.list_tags_for_resource, resourceArn="arn:aws:s3:::x")
    refused("reserved", batch.tag_resource, resourceArn=q_arn, tags={"aws:x": "1"})
    batch.delete_scheduling_policy(arn=policy)
    batch.deregister_job_definition(jobDefinition=definition)


def test_fifty_queues_and_environments_in_a_region(stack):
    """The quotas hold when creations race; the fiftieth is made, the next is not."""
    other = stack.client("batch", region_name="eu-south-2")

    def create_environment(n):
        other.create_compute_environment(
            computeEnvironmentName=f"quota-{n}",
            type="MANAGED",
            state="DISABLED",
            computeResources=RESOURCES,
        )

    def environments():
        return other.describe_compute_environments()["computeEnvironments"]

    def queues():
        return other.describe_job_queues()["jobQueues"]

    def name_of(one):
        return one.get("jobQueueName") or one["computeEnvironmentName"]

    def fifty(what, create, every):
        def is_made(n):
            try:
                create(n)
            except botocore.exceptions.ClientError as e:
                text = e.response["Error"]["Message"]
                assert text == f"There may be at most 50 {what} in a region."
                return 0
            return 1

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(is_made, range(56))) == 50
        wait_for("all are VALID", lambda: all(e["status"] == "VALID" for e in every()), 60)

    fifty("compute environments", create_environment, environments)
    order = [{"order": 1, "computeEnvironment": name_of(environments()[0])}]

    def create_queue(n):
        other.create_job_queue(
            jobQueueName=f"quota-{n}", priority=1, state="DISABLED", computeEnvironmentOrder=order
        )

    fifty("job queues", create_queue, queues)
    for one in queues():
        other.delete_job_queue(jobQueue=name_of(one))
    wait_for("all queues are gone", lambda: queues() == [], 60)
    for one in environments():
        other.delete_compute_environment(computeEnvironment=name_of(one))
    wait_for("all environments are gone", lambda: environments() == [], 60)


# --- scope and wire -------------------------------------------------------------------------------


def test_a_region_has_its_own_resources(batch, stack):
    other = stack.client("batch", region_name="eu-north-1")
    name = new_name("d")
    batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )
    assert other.describe_job_definitions(jobDefinitionName=name)["jobDefinitions"] == []
    made = other.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=CONTAINER
    )
    assert made["revision"] == 1
    assert made["jobDefinitionArn"].startswith("arn:aws:batch:eu-north-1:")
    refused("not found", batch.deregister_job_definition, jobDefinition=made["jobDefinitionArn"])
    other.deregister_job_definition(jobDefinition=made["jobDefinitionArn"])
    batch.deregister_job_definition(jobDefinition=f"{name}:1")


def test_what_is_no_request_is_answered_as_aws_does(raw):
    status, headers, text = raw("/v1/nosuchoperation")
    assert (status, headers["x-amzn-ErrorType"]) == (404, "UnknownOperationException")
    assert headers["Content-Type"] == "application/json" and headers["x-amzn-RequestId"]
    assert raw("/v1/describejobqueues", b"", method="GET")[0] == 404
    assert raw("/v1/describejobqueues", b"")[0] == 200
    for body in (b"{", b"[]", b'"x"', b"\xff", b"[" * 5000, b'{"a":' * 1000):
        status, headers, _ = raw("/v1/describejobqueues", body)
        assert (status, headers["x-amzn-ErrorType"]) == (400, "SerializationException")
    big = b'{"jobQueues":["' + b"x" * 300000 + b'"]}'
    status, headers, _ = raw("/v1/describejobqueues", big)
    assert (status, headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")
    status, headers, text = raw(
        "/", b"{}", service="logs", headers={"X-Amz-Target": "Logs_20140328.Nothing"}
    )
    assert (status, headers["Content-Type"]) == (400, "application/x-amz-json-1.1")
    assert json.loads(text)["__type"] == "UnknownOperationException"
    status, headers, text = raw("/v1/describejobqueues", service="logs")
    assert (status, headers["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")
    # What is known and not built is named.
    status, headers, text = raw("/v1/createquotashare")
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ClientException")
    assert json.loads(text)["message"] == "CreateQuotaShare is not supported by OpenBatch yet."


def test_more_connections_than_threads_are_all_served(stack, endpoint):
    """Idle connections that are kept open do not keep the others out."""
    address = urllib.parse.urlsplit(endpoint).netloc
    held = [http.client.HTTPConnection(address, timeout=20) for _ in range(300)]
    for connection in held:
        connection.request("GET", "/healthz")
    for connection in held:
        assert connection.getresponse().read()
    for connection in held:
        connection.close()
