"""Whatever the spelling of a resource, the policy decides about the resource that the call then
touches: with a key that may do everything but that resource, and with one that may do only that
resource."""

import itertools

import botocore.config
import botocore.exceptions
import pytest
from keys import ARN, statement
from submitting import RUNNABLE_FOR_EVER

LOGS = "arn:aws:logs:us-east-1:123456789012:"
GROUP = "/tests/spelled"
COUNTER = itertools.count()


def of_batch(kind, name):
    """Spellings of a resource's name, some of which mean it."""
    arn = f"{ARN}{kind}/{name}"
    return [
        name,
        name.upper(),
        name + " ",
        name + ":*",
        name + "/",
        f"%{ord(name[0]):02x}{name[1:]}",
        f"./{name}",
        arn,
        arn.replace("arn:aws:", "arn:aws-cn:"),
        arn.replace("arn:aws:", "arn:AWS:"),
        arn.replace("arn:", "ARN:"),
        arn.replace("aws", f"{kind}/{name}", 1),
        arn.replace(":batch:", ":logs:"),
        arn.replace("us-east-1", "eu-west-1"),
        arn.replace("123456789012", "210987654321"),
        arn.replace("123456789012", ""),
        arn.replace(f"{kind}/", f"{kind}:"),
        arn.replace(f"{kind}/", f"{kind}//"),
        arn.replace(f"{kind}/", f"x:{kind}/"),
        arn.replace(f"{kind}/", "job-thing/"),
        arn.replace("/", "%2F"),
        arn.replace("/", "%252F"),
        arn.upper(),
        arn + ":*",
        arn + "/",
        arn + " ",
        arn + "#",
    ]


def of_logs(name):
    arn = f"{LOGS}log-group:{name}"
    return [
        name,
        name + ":*",
        name.upper(),
        arn,
        arn + ":*",
        arn + ":*:*",
        arn + ":log-stream:x",
        arn + "*",
        arn.replace("arn:aws:", "arn:aws-cn:"),
        arn.replace("arn:aws:", "arn:log-group:"),
        arn.replace("arn:aws:", f"arn:log-group:{name}:"),
        arn.replace(":log-group:", ":x:log-group:"),
        arn.replace(":log-group:", ":log-group:x:log-group:"),
        arn.replace("us-east-1", "eu-west-1"),
        arn.replace("123456789012", "210987654321"),
        arn.replace("/", "%2F"),
        arn.upper(),
    ]


def outcome(client, operation, members):
    """(code or None, answer)."""
    try:
        return None, client._make_api_call(operation, members)
    except botocore.exceptions.ClientError as e:
        return e.response["Error"]["Code"], None


class Clients:
    """The root key's client, one of a key that may do all but a resource, one of a key that may do
    that resource only."""

    def __init__(self, stack, new_key, service, arns, also=()):
        config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 1})
        name = f"spelled-{next(COUNTER)}"
        self.root = stack.client(service, config=config)
        self.but = new_key(f"{name}-but", statement("*", "*"), statement("*", arns, "Deny")).client(
            service, config=config
        )
        self.only = new_key(f"{name}-only", statement("*", [*arns, *also])).client(
            service, config=config
        )

    def agree(self, operation, make, spellings, touched=lambda answer: True):
        """Calls with each spelling. make: the members, given one; called before each call. touched:
        whether an answer without an error means that the resource was touched. Returns the
        spellings that mean it."""
        meant = []
        for spelling in spellings:
            code, answer = outcome(self.root, operation, make(spelling))
            means = code is None and touched(answer)
            code, answer = outcome(self.but, operation, make(spelling))
            if means:
                assert code == "AccessDeniedException", (operation, spelling, code)
                meant.append(spelling)
            else:
                assert code or not touched(answer), (operation, spelling)
            code, answer = outcome(self.only, operation, make(spelling))
            assert means == (code is None and touched(answer)), (operation, spelling, code)
        return meant


def means(kind, name):
    return {name, f"{ARN}{kind}/{name}", f"arn:aws-cn{ARN[7:]}{kind}/{name}"}


@pytest.fixture(scope="module")
def spelled(shared_work):
    """A queue, a definition that never runs, one that has written to a group, an array of it."""
    w = shared_work
    environment = w.environment(max_vcpus=4)
    queue = w.queue(environment)
    waits = w.definition(["true"], **RUNNABLE_FOR_EVER)
    says = w.definition(
        ["sh", "-c", "echo said"],
        logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": GROUP}},
    )
    array = w.submit(queue, says, arrayProperties={"size": 2}, tags={"team": "red"})
    w.wait(array)
    stream = w.job(f"{array}:0")["container"]["logStreamName"]
    w.log_of(GROUP, stream)
    return {
        "environment": environment,
        "queue": queue,
        "waits": waits,
        "array": array,
        "stream": stream,
    }


def test_queues(stack, shared_work, spelled, new_key):
    w, queue = shared_work, spelled["queue"]
    texts = of_batch("job-queue", queue)
    c = Clients(stack, new_key, "batch", [f"{ARN}job-queue/{queue}"], [f"{ARN}job-definition/*"])
    wanted = means("job-queue", queue)
    assert set(c.agree("ListJobs", lambda t: {"jobQueue": t}, texts)) == wanted
    assert set(c.agree("GetJobQueueSnapshot", lambda t: {"jobQueue": t}, texts)) == wanted
    submitted = c.agree(
        "SubmitJob",
        lambda t: {"jobName": "j", "jobQueue": t, "jobDefinition": spelled["waits"]},
        texts,
    )
    assert set(submitted) == wanted
    for state in ("SUBMITTED", "RUNNABLE"):
        for job in w.batch.list_jobs(jobQueue=queue, jobStatus=state)["jobSummaryList"]:
            w.batch.terminate_job(jobId=job["jobId"], reason="tested")

    def update(text):
        w.settle(queue)
        return {"jobQueue": text, "priority": 1}

    assert set(c.agree("UpdateJobQueue", update, texts)) == wanted
    for text in texts:
        for client, seen in ((c.root, text in wanted), (c.but, False), (c.only, text in wanted)):
            assert bool(client.describe_job_queues(jobQueues=[text])["jobQueues"]) == seen, text


def test_definitions(stack, shared_work, spelled, new_key):
    w, queue, name = shared_work, spelled["queue"], spelled["waits"]
    arns = [f"{ARN}job-definition/{name}:1"]
    texts = of_batch("job-definition", name) + of_batch("job-definition", name + ":1")
    texts += [name + ":01", name + ":2", name + ":+1", f"{ARN}job-definition/{name}:1:1"]
    c = Clients(stack, new_key, "batch", arns, [f"{ARN}job-queue/{queue}"])
    wanted = means("job-definition", name) | means("job-definition", name + ":1")
    submitted = c.agree(
        "SubmitJob", lambda t: {"jobName": "j", "jobQueue": queue, "jobDefinition": t}, texts
    )
    assert set(submitted) == wanted
    for state in ("SUBMITTED", "RUNNABLE"):
        for job in w.batch.list_jobs(jobQueue=queue, jobStatus=state)["jobSummaryList"]:
            w.batch.terminate_job(jobId=job["jobId"], reason="tested")
    only = means("job-definition", name + ":1") - {name + ":1"}
    tags = c.agree(
        "ListTagsForResource", lambda t: {"resourceArn": t}, [t for t in texts if "/" in t]
    )
    assert set(tags) == only
    again = means("job-definition", name + ":1")
    ended = c.agree("DeregisterJobDefinition", lambda t: {"jobDefinition": t}, texts)
    assert set(ended) == again


def test_environments_policies_and_tags(stack, shared_work, spelled, new_key):
    w, environment = shared_work, spelled["environment"]
    texts = of_batch("compute-environment", environment)
    c = Clients(stack, new_key, "batch", [f"{ARN}compute-environment/{environment}"])

    def update(text):
        w.settle_environment(environment)
        return {"computeEnvironment": text, "state": "ENABLED"}

    wanted = means("compute-environment", environment)
    assert set(c.agree("UpdateComputeEnvironment", update, texts)) == wanted
    for operation, more in (
        ("TagResource", {"tags": {"seen": "yes"}}),
        ("ListTagsForResource", {}),
        ("UntagResource", {"tagKeys": ["seen"]}),
    ):
        meant = c.agree(
            operation,
            lambda t, more=more: {"resourceArn": t} | more,
            [t for t in texts if "/" in t],
        )
        assert set(meant) == wanted - {environment}, operation

    policy = f"spelled-{environment}"
    arn = w.batch.create_scheduling_policy(name=policy)["arn"]
    try:
        c = Clients(stack, new_key, "batch", [arn])
        texts = of_batch("scheduling-policy", policy)
        meant = c.agree("UpdateSchedulingPolicy", lambda t: {"arn": t}, texts)
        assert set(meant) == means("scheduling-policy", policy) - {policy}
    finally:
        w.batch.delete_scheduling_policy(arn=arn)


def test_jobs_and_children(stack, shared_work, spelled, new_key):
    """Another case of an id, a child's; with the array's ARN, and with a condition on its tags."""
    w, queue = shared_work, spelled["queue"]
    # The definition of the other tests may be deregistered by now.
    waits = w.definition(["true"], **RUNNABLE_FOR_EVER)
    made = []

    def job(suffix="", change=str):
        def make(text):
            made.append(w.submit(queue, waits, arrayProperties={"size": 2}, tags={"team": "red"}))
            return {"jobId": text.replace("ID", change(made[-1])) + suffix, "reason": "r"}

        return make

    def was_stopped(answer):
        """The last one's parent or first child has been asked to end."""
        jobs = w.jobs([made[-1], made[-1] + ":0"])
        return any(j["isTerminated"] or j["isCancelled"] for j in jobs)

    red = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    blind = new_key(
        "spelled-blind", statement("*", "*"), statement("*", "*", "Deny", Condition=red)
    )
    sees = new_key("spelled-sees", statement("*", "*", Condition=red))
    plain = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 1})
    blind, sees = blind.client("batch", config=plain), sees.client("batch", config=plain)
    for operation in ("CancelJob", "TerminateJob"):
        for text, change, meant in (
            ("ID", str, True),
            ("ID", str.upper, True),
            ("ID:0", str, True),
            ("ID:0", str.upper, True),
            ("ID:00", str, False),
            ("ID:2", str, False),
            ("ID ", str, False),
            (f"{ARN}job/ID", str, False),
            ("ID/1", str, False),
        ):
            make = job(change=change)
            assert outcome(w.batch, operation, make(text))[0] is None
            assert was_stopped(None) == meant, (operation, text)
            code, _ = outcome(blind, operation, make(text))
            assert not was_stopped(None), (operation, text)
            assert (code == "AccessDeniedException") or not meant, (operation, text)
            code, _ = outcome(sees, operation, make(text))
            assert was_stopped(None) == meant, (operation, text)
    array = spelled["array"]
    for client, seen in ((w.batch, 2), (blind, 0), (sees, 2)):
        jobs = client.describe_jobs(jobs=[array, array + ":1"])["jobs"]
        assert len(jobs) == seen
    for text, meant in ((array, True), (array.upper(), True), (array + ":0", False)):
        members = {"arrayJobId": text, "jobStatus": "SUCCEEDED"}
        assert (outcome(w.batch, "ListJobs", members)[0] is None) == meant
        assert (outcome(blind, "ListJobs", members)[0] is None) is False
        assert (outcome(sees, "ListJobs", members)[0] is None) == meant
    for arn in (f"{ARN}job/{array}", f"{ARN}job/{array.upper()}"):
        for operation, more in (
            ("TagResource", {"tags": {"seen": "yes"}}),
            ("ListTagsForResource", {}),
        ):
            members = {"resourceArn": arn} | more
            assert outcome(w.batch, operation, members)[0] is None
            assert outcome(blind, operation, members)[0] == "AccessDeniedException"
            assert outcome(sees, operation, members)[0] is None
    child = {"resourceArn": f"{ARN}job/{array}:0", "tags": {"a": "b"}}
    assert outcome(blind, "TagResource", child)[0] == "AccessDeniedException"
    assert outcome(w.batch, "TagResource", child)[0] == "ClientException"  # it has none of its own
    many = {"jobs": [made[-1], made[-1] + ":0"], "reason": "r"}
    answer = outcome(blind, "TerminateJobs", many)[1]
    assert {e["code"] for e in answer["errors"]} == {"AccessDenied"} and not answer["successful"]

    by_arn = new_key(
        "spelled-array", statement("*", "*"), statement("*", f"{ARN}job/{array}", "Deny")
    ).client("batch")
    assert by_arn.describe_jobs(jobs=[array, array + ":1"])["jobs"] == []
    stopped = by_arn.terminate_jobs(jobs=[array + ":1"], reason="r")
    assert [e["code"] for e in stopped["errors"]] == ["AccessDenied"]
    for at in range(0, len(made), 50):
        w.batch.terminate_jobs(jobs=made[at : at + 50], reason="tested")


def test_log_groups_and_streams(stack, spelled, new_key):
    stream = spelled["stream"]
    texts = of_logs(GROUP)
    arn = f"{LOGS}log-group:{GROUP}"
    c = Clients(stack, new_key, "logs", [arn, arn + ":*"])
    arns = {arn, arn + ":*", "arn:aws-cn" + arn[7:]}
    for member, wanted in (("logGroupName", {GROUP}), ("logGroupIdentifier", {GROUP} | arns)):
        for operation, more in (
            ("GetLogEvents", {"logStreamName": stream}),
            ("DescribeLogStreams", {}),
            ("FilterLogEvents", {}),
            ("FilterLogEvents", {"logStreamNames": [stream]}),
        ):
            meant = c.agree(operation, lambda t, m=member, o=more: {m: t} | o, texts)
            assert set(meant) == wanted, (operation, more)
    both = {"logGroupName": "/aws/batch/job", "logGroupIdentifier": GROUP}
    assert outcome(c.but, "DescribeLogStreams", both)[0] == "AccessDeniedException"
    for text in texts:
        named = {"logGroupIdentifiers": [text]}
        assert c.but.describe_log_groups(**named)["logGroups"] == []
        found = c.root.describe_log_groups(**named)["logGroups"]
        assert c.only.describe_log_groups(**named)["logGroups"] == found
    for text in (stream.upper(), stream + ":*", stream + " ", stream.replace("/", "%2F")):
        members = {"logGroupName": GROUP, "logStreamName": text}
        for client in (c.root, c.but, c.only):
            assert outcome(client, "GetLogEvents", members)[0] is not None
