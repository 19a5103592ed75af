"""Random requests to every operation, built or not: bodies made after botocore's shapes with
values that may be of any kind and size, and bytes that are no JSON at all. The answer is never a
5xx, comes within seconds, and is JSON in AWS's shape; the api is the same process in the end. (That
no sanitizer found anything is looked up in its log when the suite ends.)

Random but the same each time; whoever wants others sets OPENBATCH_TEST_SEED."""

import collections
import json
import os
import time
import urllib.parse
import uuid

import botocore.session
import hypothesis
import hypothesis.strategies as st
import pytest
from stack import wait_for

REGION = "ap-northeast-3"
LOGS = ("GetLogEvents", "FilterLogEvents", "DescribeLogGroups", "DescribeLogStreams")
MODELS = {
    name: botocore.session.get_session().get_service_model(name) for name in ("batch", "logs")
}
OPERATIONS = [("batch", name) for name in MODELS["batch"].operation_names] + [
    ("logs", name) for name in (*LOGS, "CreateLogGroup")
]
EACH = 40  # requests of each kind to each operation
SEED = int(os.environ.get("OPENBATCH_TEST_SEED", "20160810"))
settings = hypothesis.settings(
    max_examples=EACH,
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)

ARN = f"arn:aws:batch:{REGION}:123456789012:"
KNOWN = [  # names and ids that may be there, and such as look alike
    "known",
    "known:1",
    ARN + "job-queue/known",
    ARN + "job-definition/known:1",
    ARN + "compute-environment/known",
    ARN + "scheduling-policy/known",
    "00000000-0000-4000-8000-000000000000",
    "00000000-0000-4000-8000-000000000000:1",
    "/aws/batch/job",
    *("EC2", "container", "m5", "1", "64", "VCPU", "MEMORY", "openbatch/busybox", "Ref::x", "*"),
]
texts = st.sampled_from(KNOWN) | st.text(max_size=20) | st.text("x%:/*\\\"'\x00\ud800é", max_size=5)
texts |= st.builds(lambda n: "y" * n, st.sampled_from([128, 129, 256, 1025, 8193]))
numbers = st.integers(-2, 100) | st.sampled_from([2**31, -(2**31) - 1, 2**63, 10**40, 1.5, 1e308])
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def values(shape, odd, depth=0):
    """Values of a shape; one in 'odd' is something else."""
    kind = shape.type_name
    if kind == "structure":
        right = structures(shape, odd, depth)
    elif kind == "list":
        right = st.lists(values(shape.member, odd, depth + 1), max_size=3)
    elif kind == "map":
        right = st.dictionaries(texts, values(shape.value, odd, depth + 1), max_size=3)
    elif kind == "string":
        right = st.sampled_from(shape.enum if shape.enum else KNOWN)
    elif kind == "boolean":
        right = st.booleans()
    else:
        right = st.integers(0, 100)
    wrong = anything | (texts if kind == "string" else numbers)
    return st.integers(1, odd).flatmap(lambda dice: wrong if dice == odd else right)


def structures(shape, odd, depth=0):
    """With what is required and up to three other members."""
    members = {
        n: st.deferred(lambda m=m: values(m, odd, depth + 1)) for n, m in shape.members.items()
    }
    if depth > 8:
        return st.just({})
    required = {n: members.pop(n) for n in shape.required_members}
    if not members:
        return st.fixed_dictionaries(required)
    some = st.lists(st.sampled_from(sorted(members)), max_size=3, unique=True)
    return some.flatmap(
        lambda names: st.fixed_dictionaries(required | {n: members[n] for n in names})
    )


def texts_of_json(value):
    """As JSON, now and then damaged: cut off, doubled, with a byte changed, behind spaces."""
    text = json.dumps(value).encode()

    def damaged(how):
        kind, at = how
        at %= len(text)
        return {
            "cut": text[:at],
            "twice": text + text,
            "changed": text[:at] + b"\xff" + text[at + 1 :],
            "nul": text[:at] + b"\x00" + text[at:],
            "spaces": b" " * at + text,
        }.get(kind, text)

    kinds = st.sampled_from(["whole"] * 20 + ["cut", "twice", "changed", "nul", "spaces"])
    return st.tuples(kinds, st.integers(0, 10**6)).map(damaged)


@pytest.fixture(scope="module")
def region(stack):
    """A region of its own with a queue and a definition 'known'; all that was made goes again."""
    batch = stack.client("batch", region_name=REGION)
    resources = {"type": "EC2", "minvCpus": 0, "maxvCpus": 1, "instanceTypes": ["m5.large"]}
    resources |= {"instanceRole": "r", "subnets": ["s"], "securityGroupIds": ["g"]}
    batch.create_compute_environment(
        computeEnvironmentName="known", type="MANAGED", computeResources=resources
    )

    def environments():
        return batch.describe_compute_environments()["computeEnvironments"]

    def queues():
        return batch.describe_job_queues()["jobQueues"]

    def settled():
        return not any(x["status"].endswith("ING") for x in environments() + queues())

    wait_for("VALID", settled)
    batch.create_job_queue(
        jobQueueName="known",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "known"}],
    )
    batch.register_job_definition(
        jobDefinitionName="known",
        type="container",
        containerProperties={"image": "openbatch/busybox", "vcpus": 4, "memory": 64},
    )
    wait_for("VALID", settled)
    yield
    wait_for("all is settled", settled)
    for q in queues():
        batch.update_job_queue(jobQueue=q["jobQueueArn"], state="DISABLED")
    wait_for("all is settled", settled)
    for q in queues():
        batch.delete_job_queue(jobQueue=q["jobQueueArn"])
    wait_for("no queues", lambda: queues() == [], 60)
    for e in environments():
        batch.update_compute_environment(
            computeEnvironment=e["computeEnvironmentArn"], state="DISABLED"
        )
    wait_for("all is settled", settled)
    for e in environments():
        batch.delete_compute_environment(computeEnvironment=e["computeEnvironmentArn"])
    wait_for("no environments", lambda: environments() == [], 60)


@pytest.fixture(scope="module")
def send(stack, raw, region):
    """Sends a request and looks at the answer; at the end, whether the api is still the same."""
    count, slowest, pid = collections.Counter(), 0.0, stack.pid("api")

    def one(service, name, body, path=None):
        nonlocal slowest
        operation = MODELS[service].operation_model(name)
        headers = {"Content-Type": "application/json"}
        if service == "logs":
            headers = {
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"Logs_20140328.{name}",
            }
        began = time.monotonic()
        status, answer, text = raw(
            path or operation.http["requestUri"],
            body,
            method=operation.http["method"],
            service=service,
            headers=headers,
            region=REGION,
        )
        took = time.monotonic() - began
        count[status] += 1
        slowest = max(slowest, took)
        assert status in (200, 400, 404, 409, 413), (name, status, text)
        assert took < 10, (name, took)
        said = json.loads(text)
        assert isinstance(said, dict), text
        if status != 200:
            code = answer.get("x-amzn-ErrorType") or said.get("__type")
            assert code and "Server" not in code and said["message"], (name, text)

    yield one
    print(f"{dict(count)}, the slowest took {slowest * 1000:.0f} ms")
    assert stack.pid("api") == pid
    assert count[200] > 100  # some were right


@pytest.mark.parametrize("service, name", OPERATIONS)
def test_bodies_after_the_model(send, service, name):
    operation = MODELS[service].operation_model(name)
    shape = operation.input_shape
    bodies = st.sampled_from([10**6, 20, 5]).flatmap(lambda odd: structures(shape, odd))
    bodies = bodies.flatmap(texts_of_json)
    in_path = "{" in operation.http["requestUri"]

    @hypothesis.seed(SEED)
    @settings
    @hypothesis.given(bodies, texts)
    def check(body, text):
        path = None
        if in_path:
            # A request line of more than 16 KiB is refused before anybody knows what it asks for.
            quoted = urllib.parse.quote(text[:2000].encode(errors="replace"), safe="")
            keys = "?tagKeys=" + quoted if operation.http["method"] == "DELETE" else ""
            path = f"/v1/tags/{quoted or 'x'}{keys}"
        send(service, name, body, path)

    check()


@pytest.mark.parametrize("service", MODELS)
def test_bodies_that_are_nothing(send, service):
    """Any bytes, any JSON, to an operation drawn by lot."""
    names = [name for of, name in OPERATIONS if of == service and not name.endswith("Resource")]
    deep = st.sampled_from([b"[", b'{"a":', b'{"a":[']).map(lambda part: part * 3000)
    bodies = st.binary(max_size=60) | anything.flatmap(texts_of_json) | deep

    @hypothesis.seed(SEED)
    @hypothesis.settings(settings, max_examples=150)
    @hypothesis.given(st.sampled_from(names), bodies)
    def check(name, body):
        send(service, name, body)

    check()


def test_paths_that_are_nothing(raw, region):
    for path in ("/v1/", "/v1/nothing", "/", "/v1/tags/", f"/v1/{uuid.uuid4()}", "/v1/submitjob/x"):
        status, _, text = raw(path, b"{}", region=REGION)
        assert status in (400, 403, 404, 405), (path, status, text)
