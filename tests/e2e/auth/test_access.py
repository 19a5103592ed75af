"""Keys may do what their policies say, and nothing else."""

import json
import re
import time

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import botocore.httpsession
import pytest
from keys import ARN, document, key_command, own_call, statement
from stack import HOLD, ROOT


def denied(call, **members):
    """The refusal of a call: its message."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException", error
    return error["Message"]


# Any key may call them (docs/access.md#session-keys).
ANY_KEY = {"CreateSession", "GetSessionToken", "GetCallerIdentity"}


def operations_of_the_api():
    """[(service, operation)] of the api's own table, those not built included."""
    folder = ROOT / "services/api"
    text = "".join(path.read_text() for path in sorted(folder.glob("*/*_operations.c")))
    rows = re.findall(r'\{\s*API_(BATCH|LOGS|ADMIN|STS),[^"{}]*"[^"]*",\s*"(\w+)",', text)
    assert ("BATCH", "SubmitJob") in rows and ("ADMIN", "CreateKey") in rows
    text = (folder / "unsupported.c").read_text()
    rows += [("BATCH", name) for name in re.findall(r'NOT_BUILT\(\s*"\w+",\s*"(\w+)",', text)]
    return [(protocol.lower(), name) for protocol, name in rows]


def raw_call(key, service, operation, members):
    """(error code or None, message or answer as text); members may be wrong, or too few."""
    if service == "admin":
        return admin_call(key, operation, members)
    config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 1})
    client = key.client(service, config=config)
    try:
        return None, json.dumps(client._make_api_call(operation, members), default=str)
    except botocore.exceptions.ClientError as e:
        return e.response["Error"]["Code"], e.response["Error"]["Message"]


def admin_call(key, operation, members):
    code, found = own_call(key.stack, (key.id, key.secret), operation, members)
    return code, found if code else json.dumps(found)


def state_of(batch, sides):
    """What somebody without a right must not change."""
    jobs = [side["jobs"][which] for side in sides for which in ("quick", "lasting")]
    queues = [side["queue"] for side in sides]
    return [
        [(j["jobId"], j["status"]) for j in batch.describe_jobs(jobs=jobs)["jobs"]],
        [
            (q["jobQueueName"], q["state"], q["priority"], q["tags"])
            for q in batch.describe_job_queues(jobQueues=queues)["jobQueues"]
        ],
        len(batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]),
    ]


@pytest.fixture(scope="module")
def two(shared_work):
    """Two queues with a job that ended, one that lasts and an array in each."""
    w = shared_work
    environment = w.environment(max_vcpus=8)
    sides = []
    for _ in range(2):
        queue = w.queue(environment)
        quick, lasting = w.definition(["echo", "output"]), w.definition(HOLD)
        jobs = {
            "quick": w.submit(queue, quick),
            "lasting": w.submit(queue, lasting),
            "array": w.submit(queue, quick, arrayProperties={"size": 2}),
        }
        sides.append({"queue": queue, "quick": quick, "lasting": lasting, "jobs": jobs})
    for side in sides:
        side["ended"] = w.wait(side["jobs"]["quick"])
        w.log(side["ended"])
    sides[0]["environment"] = sides[1]["environment"] = environment
    yield sides
    for side in sides:
        w.batch.terminate_job(jobId=side["jobs"]["lasting"], reason="end of test")


def test_a_key_limited_to_one_queue_can_do_nothing_else(stack, batch, two, new_key):
    """Every operation of the api is tried on what is not the key's; the list is the api's own."""
    mine, other = two
    key = new_key(
        "one-queue",
        statement("*", [f"{ARN}job-queue/{mine['queue']}", f"{ARN}job-definition/{mine['quick']}"]),
    )
    b, logs = key.client("batch"), key.client("logs")

    own = b.submit_job(jobName="own", jobQueue=mine["queue"], jobDefinition=mine["quick"])["jobId"]
    b.submit_job(jobName="own", jobQueue=mine["queue"], jobDefinition=mine["quick"] + ":1")
    asked = [own, *mine["jobs"].values(), *other["jobs"].values(), other["jobs"]["array"] + ":1"]
    seen = b.describe_jobs(jobs=asked)["jobs"]
    assert {j["jobId"] for j in seen} == {own, *mine["jobs"].values()}
    child = b.describe_jobs(jobs=[mine["jobs"]["array"] + ":0"])["jobs"]
    assert [j["jobId"] for j in child] == [mine["jobs"]["array"] + ":0"]
    assert b.list_jobs(jobQueue=mine["queue"], jobStatus="SUCCEEDED")["jobSummaryList"]
    b.list_jobs(arrayJobId=mine["jobs"]["array"], jobStatus="SUCCEEDED")
    stream = mine["ended"]["container"]["logStreamName"]
    events = logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
    assert [e["message"] for e in events] == ["output"]
    b.cancel_job(jobId=own, reason="not needed")

    for call, member, name in (
        (b.describe_job_queues, "jobQueues", "jobQueueName"),
        (b.describe_job_definitions, "jobDefinitions", "jobDefinitionName"),
        (b.describe_compute_environments, "computeEnvironments", "computeEnvironmentName"),
    ):
        shown = {entry[name] for entry in call()[member]}
        assert shown <= {mine["queue"], mine["quick"]}, shown
    named = b.describe_job_queues(jobQueues=[mine["queue"], other["queue"]])["jobQueues"]
    assert [q["jobQueueName"] for q in named] == [mine["queue"]]
    for queues in ({}, {"jobQueues": [mine["queue"], other["queue"]]}):
        code, counted = own_call(stack, (key.id, key.secret), "CountJobs", queues)
        assert code is None, counted
        assert [q["jobQueueName"] for q in counted["jobQueues"]] == [mine["queue"]]

    foreign, name = other["jobs"], "access-none"
    tried = {
        "CreateComputeEnvironment": [{"computeEnvironmentName": name, "type": "MANAGED"}],
        "UpdateComputeEnvironment": [
            {"computeEnvironment": mine["environment"], "state": "DISABLED"}
        ],
        "DeleteComputeEnvironment": [{"computeEnvironment": mine["environment"]}],
        "CreateJobQueue": [
            {"jobQueueName": name, "priority": 1, "computeEnvironmentOrder": []},
        ],
        "UpdateJobQueue": [
            {"jobQueue": other["queue"], "state": "DISABLED"},
            {"jobQueue": f"{ARN}job-queue/{other['queue']}", "priority": 7},
            {
                "jobQueue": mine["queue"],
                "computeEnvironmentOrder": [
                    {"order": 1, "computeEnvironment": mine["environment"]}
                ],
            },
        ],
        "DeleteJobQueue": [{"jobQueue": other["queue"]}],
        "GetJobQueueSnapshot": [{"jobQueue": other["queue"]}],
        "RegisterJobDefinition": [{"jobDefinitionName": name, "type": "container"}],
        "DeregisterJobDefinition": [{"jobDefinition": other["quick"] + ":1"}],
        "CreateSchedulingPolicy": [{"name": name}],
        "UpdateSchedulingPolicy": [{"arn": f"{ARN}scheduling-policy/{name}"}],
        "DeleteSchedulingPolicy": [{"arn": f"{ARN}scheduling-policy/{name}"}],
        "SubmitJob": [
            {"jobName": "j", "jobQueue": other["queue"], "jobDefinition": mine["quick"]},
            {"jobName": "j", "jobQueue": mine["queue"], "jobDefinition": mine["lasting"]},
            {"jobName": "j", "jobQueue": "no-such", "jobDefinition": mine["quick"]},
            {"jobName": "j", "jobQueue": mine["queue"], "jobDefinition": "no-such"},
        ],
        "StopJobs": [{"jobQueue": other["queue"], "action": "TERMINATE", "reason": "r"}],
        "DescribeStop": [{"jobQueue": other["queue"], "stopId": "1"}],
        "DescribeArray": [{"jobId": foreign["array"]}, {"jobId": "no-such"}],
        "DescribeArrayTimes": [{"jobId": foreign["array"]}, {"jobId": "no-such"}],
        "CancelJob": [{"jobId": foreign["lasting"], "reason": "r"}],
        "TerminateJob": [
            {"jobId": foreign["lasting"], "reason": "r"},
            {"jobId": foreign["array"] + ":0", "reason": "r"},
            {"jobId": "no-such", "reason": "r"},
        ],
        "ListJobs": [{"jobQueue": other["queue"]}, {"arrayJobId": foreign["array"]}, {}],
        "TagResource": [
            {"resourceArn": f"{ARN}job-queue/{other['queue']}", "tags": {"a": "b"}},
            {"resourceArn": f"{ARN}job/{foreign['quick']}", "tags": {"a": "b"}},
        ],
        "UntagResource": [
            {"resourceArn": f"{ARN}job-queue/{other['queue']}", "tagKeys": ["a"]},
        ],
        "ListTagsForResource": [{"resourceArn": f"{ARN}job-queue/{other['queue']}"}],
        "GetLogEvents": [
            {
                "logGroupName": "/aws/batch/job",
                "logStreamName": other["ended"]["container"]["logStreamName"],
            },
            {"logGroupName": "/aws/batch/job", "logStreamName": "no-such"},
        ],
        "FilterLogEvents": [
            {"logGroupName": "/aws/batch/job"},
            {
                "logGroupName": "/aws/batch/job",
                "logStreamNames": [
                    stream,
                    other["ended"]["container"]["logStreamName"],
                ],
            },
        ],
        "DescribeLogStreams": [{"logGroupName": "/aws/batch/job"}],
        "CreateKey": [{"name": "mine"}],
        "ListKeys": [{}],
        "CheckAccess": [
            {"operation": "SubmitJob"},
            {"operation": "SubmitJob", "accessKeyId": stack.env["AWS_ACCESS_KEY_ID"]},
        ],
        "DescribeSystem": [{}],
        "RevokeKey": [{"accessKeyId": stack.env["AWS_ACCESS_KEY_ID"]}],
        "PutKeyPolicy": [{"accessKeyId": key.id, "policy": document(statement("*", "*"))}],
        "InterruptInstance": [{"instanceId": "i-0123456789abcdef0"}],
        "CreateJoinToken": [{"computeEnvironment": other["environment"]}],
        "ListInstances": [{"computeEnvironment": other["environment"]}],
        "DescribeInstance": [
            {"computeEnvironment": other["environment"], "instanceId": "i-0123456789abcdef0"}
        ],
        "ListDependents": [
            {"jobId": foreign["lasting"]},
            {"jobId": foreign["array"] + ":0"},
            {"jobId": "00000000-0000-4000-8000-000000000000"},
        ],
        "GetJobQueueUsage": [{"jobQueue": other["queue"]}],
        "GetComputeEnvironmentUsage": [{"computeEnvironment": other["environment"]}],
    }
    job_by_job = {"CancelJobs": "CancelJob", "TerminateJobs": "TerminateJob"}
    shown_only = {
        "CountJobs",
        "DescribeComputeEnvironments",
        "DescribeJobQueues",
        "DescribeJobDefinitions",
        "DescribeSchedulingPolicies",
        "ListSchedulingPolicies",
        "DescribeJobs",
        "DescribeAttempts",
        "DescribeLogGroups",
    }
    operations = [one for one in operations_of_the_api() if one[1] not in ANY_KEY]
    not_built = re.compile("Consumable|Service(Job|Environment)|QuotaShare")
    for operation in {name for _, name in operations} - {*tried, *shown_only, *job_by_job}:
        assert not_built.search(operation), f"{operation} is not tried"
        tried[operation] = [{}]
    before = state_of(batch, two)
    for service, operation in operations:
        for members in tried.get(operation, []):
            code, message = raw_call(key, service, operation, members)
            assert code == "AccessDeniedException", (operation, members, message)
            assert f":{operation} on resource: " in message
            # Nothing that would tell whether there is one: the latest revision neither.
            assert f"job-definition/{mine['lasting']}:" not in message
        if operation in job_by_job:
            jobs = [own, foreign["lasting"], foreign["array"] + ":0"]
            members = {"jobs": jobs, "reason": "r"}
            answer = json.loads(raw_call(key, service, operation, members)[1])
            assert answer["successful"] == [own]
            refusals = [(e["job"], e["code"]) for e in answer["errors"]]
            assert refusals == [(job, "AccessDenied") for job in jobs[1:]]
            for error in answer["errors"]:
                action = job_by_job[operation]
                assert f"batch:{action} on resource: {ARN}job/{error['job']}" in error["message"]
        if operation in shown_only:
            members = {
                "DescribeJobs": {"jobs": [foreign["quick"]]},
                "DescribeAttempts": {"jobs": [foreign["quick"], foreign["array"] + ":0"]},
                "CountJobs": {"jobQueues": [mine["queue"], other["queue"]]},
                "DescribeSchedulingPolicies": {"arns": [f"{ARN}scheduling-policy/{name}"]},
            }.get(operation, {})
            code, text = raw_call(key, service, operation, members)
            assert code is None, (operation, text)
            for secret in (other["queue"], other["quick"], foreign["quick"], "/aws/batch"):
                assert secret not in text, operation
    assert state_of(batch, two) == before


def test_a_statement_that_denies_wins_over_the_spelling_of_a_request(two, new_key):
    """Another spelling of an ARN, the latest revision without its number: the same resource."""
    mine, other = two
    key = new_key(
        "denied",
        statement("batch:*", "*"),
        statement("batch:*", f"{ARN}job-queue/{other['queue']}", "Deny"),
        statement("batch:SubmitJob", f"{ARN}job-definition/{other['quick']}:1", "Deny"),
    )
    b = key.client("batch")
    message = denied(b.update_job_queue, jobQueue=other["queue"], priority=3)
    assert message == (
        "User: arn:aws:iam::123456789012:user/denied is not authorized to perform: "
        f"batch:UpdateJobQueue on resource: {ARN}job-queue/{other['queue']} "
        "with an explicit deny in an identity-based policy"
    )
    spelled = f"arn:aws-cn:batch:us-east-1:123456789012:job-queue/{other['queue']}"
    denied(b.update_job_queue, jobQueue=spelled, priority=3)
    denied(b.terminate_job, jobId=other["jobs"]["lasting"], reason="r")
    for name in (other["quick"], other["quick"] + ":1"):
        denied(b.submit_job, jobName="j", jobQueue=mine["queue"], jobDefinition=name)
    job = b.submit_job(jobName="j", jobQueue=mine["queue"], jobDefinition=mine["quick"])["jobId"]
    found = b.describe_jobs(jobs=[job, other["jobs"]["quick"]])["jobs"]
    assert [j["jobId"] for j in found] == [job]


def test_calls_for_many_jobs_ask_for_the_right_to_one(two, new_key):
    """They have no actions of their own, and answer for each job by itself."""
    mine, other = [side["jobs"]["quick"] for side in two]
    own_queue = f"{ARN}job-queue/{two[0]['queue']}"
    named = ["batch:CancelJobs", "batch:TerminateJobs"]
    cases = [  # what is stopped by CancelJobs, by TerminateJobs
        ([statement("*", "*"), statement("batch:TerminateJob", "*", "Deny")], [mine, other], []),
        ([statement("batch:CancelJob", own_queue)], [mine], []),
        ([statement("batch:TerminateJob", own_queue)], [], [mine]),
        ([statement(named, "*")], [], []),
    ]
    for n, (statements, *stopped) in enumerate(cases):
        b = new_key(f"many-{n}", *statements).client("batch")
        calls = (b.cancel_jobs, "CancelJob"), (b.terminate_jobs, "TerminateJob")
        for (call, action), expected in zip(calls, stopped, strict=True):
            answer = call(jobs=[mine, "x", other], reason="r")
            assert answer["successful"] == expected, (n, action)
            refused = {error["job"]: error for error in answer["errors"]}
            assert set(refused) == {mine, "x", other} - set(expected), (n, action)
            assert refused.pop("x")["code"] == "ValidationException"
            for job, error in refused.items():
                assert error["code"] == "AccessDenied"
                assert f"batch:{action} on resource: {ARN}job/{job} " in error["message"]
                assert ("explicit deny" in error["message"]) == (n == 0)


@pytest.mark.parametrize("how", ["Deny", "NotResource"])
def test_a_group_shows_no_streams_of_a_queue_that_is_taken_out(two, new_key, how):
    mine, other = [side["ended"]["container"]["logStreamName"] for side in two]
    out = f"{ARN}job-queue/{two[1]['queue']}"
    statements = {
        "Deny": [statement("logs:*", "*"), statement("*", out, "Deny")],
        "NotResource": [{"Effect": "Allow", "Action": "logs:*", "NotResource": out}],
    }
    logs = new_key("taken-out", *statements[how]).client("logs")
    group = {"logGroupName": "/aws/batch/job"}
    streams = set()
    for page in logs.get_paginator("describe_log_streams").paginate(**group):
        streams |= {stream["logStreamName"] for stream in page["logStreams"]}
    assert mine in streams and other not in streams
    streams = set()
    for page in logs.get_paginator("filter_log_events").paginate(**group):
        streams |= {event["logStreamName"] for event in page["events"]}
    assert mine in streams and other not in streams
    denied(logs.get_log_events, **group, logStreamName=other)
    denied(logs.filter_log_events, **group, logStreamNames=[mine, other])
    found = logs.filter_log_events(**group, logStreamNames=[mine])["events"]
    assert [event["message"] for event in found] == ["output"]


def test_the_output_of_a_job_that_is_gone_is_not_for_keys_limited_by_queue(
    stack, shared_work, two, new_key
):
    """Retention has deleted the job, and with it what queue its stream was of."""
    w, side = shared_work, two[1]
    job = w.wait(w.submit(side["queue"], side["quick"]))
    stream = job["container"]["logStreamName"]
    w.log(job)
    out = f"{ARN}job-queue/{side['queue']}"
    team = {"StringNotEqualsIfExists": {"aws:ResourceTag/team": "other"}}
    limited = {
        "denied": [statement("logs:*", "*"), statement("logs:*", out, "Deny")],
        "not-resource": [{"Effect": "Allow", "Action": "logs:*", "NotResource": out}],
        "queue": [statement("logs:*", out)],
        "tags": [statement("logs:*", "*", Condition=team)],
    }
    keys = {name: new_key(name, *rules).client("logs") for name, rules in limited.items()}
    all_logs = [statement("logs:*", "*"), statement("batch:*", out, "Deny")]
    logs = new_key("all-logs", *all_logs).client("logs")
    group = {"logGroupName": "/aws/batch/job"}
    named = group | {"logStreamName": stream}
    assert keys["queue"].get_log_events(**named)["events"]
    stack.sql(f"DELETE FROM job WHERE id = '{job['jobId']}'")
    for client in keys.values():
        denied(client.get_log_events, **named)
        denied(client.filter_log_events, **group, logStreamNames=[stream])
    for name in ("denied", "not-resource", "tags"):
        events = keys[name].get_paginator("filter_log_events").paginate(**group)
        assert stream not in [e["logStreamName"] for page in events for e in page["events"]]
        pages = keys[name].get_paginator("describe_log_streams").paginate(**group)
        assert stream not in [s["logStreamName"] for page in pages for s in page["logStreams"]]
    assert logs.get_log_events(**named)["events"][0]["message"] == "output"
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        keys["denied"].get_log_events(**group, logStreamName="no-such")


def test_what_no_statement_allows_is_refused_in_awss_words(two, new_key):
    key = new_key("nobody", statement("logs:*", "*"))
    message = denied(key.client("batch").list_jobs, jobQueue=two[0]["queue"])
    assert message == (
        "User: arn:aws:iam::123456789012:user/nobody is not authorized to perform: batch:ListJobs "
        "on resource: * because no identity-based policy allows the batch:ListJobs action"
    )
    streams = key.client("logs").describe_log_streams(logGroupName="/aws/batch/job")
    assert streams["logStreams"]


def test_tags_of_requests_and_resources_decide(batch, shared_work, two, new_key):
    """A team's key makes and uses what has the team's tag."""
    w, mine = shared_work, two[0]
    key = new_key(
        "team",
        statement(
            ["batch:RegisterJobDefinition", "batch:TagResource"],
            "*",
            Condition={"StringEquals": {"aws:RequestTag/team": "red"}},
        ),
        statement("batch:SubmitJob", f"{ARN}job-queue/*"),
        statement(
            ["batch:SubmitJob", "batch:Describe*"],
            "*",
            Condition={"StringEquals": {"aws:ResourceTag/team": "red"}},
        ),
        statement(
            "batch:TerminateJob",
            "*",
            Condition={"StringLike": {"aws:ResourceTag/team": ["gr*", "r?d"]}},
        ),
    )
    b = key.client("batch")
    container = {
        "image": w.image,
        "command": ["true"],
        "resourceRequirements": [
            {"type": "VCPU", "value": "1"},
            {"type": "MEMORY", "value": "32"},
        ],
    }
    definition = {"type": "container", "containerProperties": container}
    for tags in ({}, {"team": "blue"}):
        denied(b.register_job_definition, jobDefinitionName="team-red", tags=tags, **definition)
    b.register_job_definition(jobDefinitionName="team-red", tags={"team": "red"}, **definition)
    b.submit_job(jobName="j", jobQueue=mine["queue"], jobDefinition="team-red")
    denied(b.submit_job, jobName="j", jobQueue=mine["queue"], jobDefinition=mine["quick"])
    shown = b.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    assert [d["jobDefinitionName"] for d in shown] == ["team-red"]
    batch.deregister_job_definition(jobDefinition="team-red:1")

    tagged = batch.submit_job(
        jobName="j", jobQueue=mine["queue"], jobDefinition=mine["lasting"], tags={"team": "red"}
    )["jobId"]
    denied(b.terminate_job, jobId=mine["jobs"]["lasting"], reason="r")
    b.terminate_job(jobId=tagged, reason="r")
    assert [j["jobId"] for j in b.describe_jobs(jobs=[tagged, mine["jobs"]["quick"]])["jobs"]] == [
        tagged
    ]


def test_the_command_makes_shows_changes_and_ends_keys(stack, new_key):
    key = new_key("someone", statement("batch:List*", "*"))
    b = key.client("batch")
    b.list_jobs(jobQueue="default")
    listed = key_command(stack, "list")[1]
    assert re.search(rf"^{key.id} +someone .*policy of 1 statement$", listed, re.M)
    assert key.secret not in listed
    root = stack.env["AWS_ACCESS_KEY_ID"]
    assert re.search(rf"^{root} .*root", listed, re.M)
    assert json.loads(key_command(stack, "policy", key.id)[1])["Statement"][0]["Effect"] == "Allow"

    key.allow(statement("batch:Describe*", "*"))
    time.sleep(1)  # what is promised: within a second
    denied(b.list_jobs, jobQueue="default")
    b.describe_job_queues()
    for text, why in (
        ("{", "not valid JSON"),
        (document(statement("*", "*", Condition={"ForAllValues:StringLike": {}})), "ForAllValues"),
    ):
        status, _, errors = key_command(stack, "policy", key.id, "-", text=text)
        assert status != 0 and "MalformedPolicyDocumentException" in errors and why in errors

    key.revoke()
    time.sleep(1)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        b.describe_job_queues()
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"
    assert key_command(stack, "revoke", key.id)[2].endswith("does not exist\n")
    for change in (("revoke", root), ("policy", root, "-")):
        status, _, errors = key_command(stack, *change, text=document(statement("*", "*", "Deny")))
        assert status != 0 and "root key" in errors
    stack.client("batch").describe_job_queues()


def test_a_key_without_a_policy_may_do_nothing_and_an_admin_may_make_keys(stack, new_key):
    admin = new_key("admin", statement("openbatch:*", "*"))
    code, text = admin_call(admin, "CreateKey", {"name": "made"})
    assert code is None
    made = json.loads(text)
    try:
        b = stack.client(
            "batch",
            aws_access_key_id=made["accessKeyId"],
            aws_secret_access_key=made["secretAccessKey"],
        )
        denied(b.describe_job_queues)
    finally:
        assert admin_call(admin, "RevokeKey", {"accessKeyId": made["accessKeyId"]})[0] is None
    denied(admin.client("batch").describe_job_queues)
    code, _ = admin_call(admin, "CreateKey", {"name": "no blanks"})
    assert code == "ClientException"


@pytest.mark.parametrize("depth", (65, 1000, 2000, 5000))
def test_a_nested_policy_is_refused_by_a_living_api(stack, new_key, depth):
    """A policy is JSON within JSON: neither may be deeper than the api's threads can read."""
    admin = new_key("nester", statement("openbatch:*", "*"))
    target = new_key("target", statement("batch:List*", "*"))
    before = stack.pid("api")
    for nested in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        text = f'{{"Version":"2012-10-17","Statement":{nested}}}'
        for operation, members in (
            ("CreateKey", {"name": "nested", "policy": text}),
            ("PutKeyPolicy", {"accessKeyId": target.id, "policy": text}),
        ):
            code, message = admin_call(admin, operation, members)
            assert code == "MalformedPolicyDocumentException", (operation, code, message)
    assert stack.pid("api") == before
