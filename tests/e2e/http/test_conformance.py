"""Every operation that is built, against the model of the API that botocore ships: each input
member is sent, each output member that the model requires is there, and none that it does not know.
Example values stand in tests/data/conformance.json, broken rules in tests/data/violations.json.

The report, conformance.txt in the copy's home, has three columns: works, stored only, refused."""

import copy
import itertools
import json
import random
import subprocess
import time

import botocore.config
import botocore.exceptions
import botocore.session
import pytest
from stack import ROOT, wait_for

DATA = json.loads((ROOT / "tests/data/conformance.json").read_text())
RULES = json.loads((ROOT / "tests/data/violations.json").read_text())
NAMES = (f"c{int(time.time()) % 100000}-{n}" for n in itertools.count())
COLUMNS = ("works", "stored", "refused")
MODELS = {
    name: botocore.session.get_session().get_service_model(name) for name in ("batch", "logs")
}


# --- the model ------------------------------------------------------------------------------------


def item_of(shape, path):
    """What is inside the lists of a shape, and its path."""
    while shape.type_name == "list":
        shape, path = shape.member, path + "[]"
    return shape, path


def members_of(shape, above="", seen=()):
    """(path, shape) of all members, at all depths."""
    for name, member in shape.members.items():
        path = f"{above}.{name}" if above else name
        yield path, member
        inner, below = item_of(member, path)
        if inner.type_name == "structure" and inner.name not in seen:
            yield from members_of(inner, below, (*seen, inner.name))


def paths_in(value, shape, above=""):
    """Paths of the members that a value holds."""
    if shape.type_name == "list":
        for one in value:
            yield from paths_in(one, shape.member, above + "[]")
    if shape.type_name == "structure":
        for name, one in value.items():
            path = f"{above}.{name}" if above else name
            yield path
            if name in shape.members:
                yield from paths_in(one, shape.members[name], path)


def is_in(path, listed):
    """Is it one of the listed paths, or below one?"""
    return any(path == one or path.startswith((one + ".", one + "[]")) for one in listed)


def leads_to(path, listed):
    return is_in(path, listed) or any(is_in(one, [path]) for one in listed)


class Operation:
    def __init__(self, table):
        self.name, self.service = table["name"], table["service"]
        self.columns = {m["path"]: m["support"] for m in table["members"]}
        self.model = MODELS[self.service].operation_model(self.name)
        self.input = self.model.input_shape
        self.cases = DATA["cases"].get(self.name, [{}])

    def refused(self):
        return [path for path, support in self.columns.items() if support == "refused"]

    def example(self, path):
        """The value of the longest end of 'Operation.path' in the table of examples."""
        parts = f"{self.name}.{path}".split(".")
        for n in range(len(parts)):
            tail = ".".join(parts[n:])
            for one in (tail, tail.removesuffix("[]")):
                if one in DATA["examples"]:
                    return copy.deepcopy(DATA["examples"][one])
        return None

    def value(self, shape, path, case, only_required=False):
        if path in case.get("set", {}):
            return case["set"][path]
        example = self.example(path) if path else None
        if example is not None:
            return example
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, path, case, only_required)
        if kind == "list":
            return [self.value(shape.member, path + "[]", case, only_required)]
        if kind == "map":
            return {"key": "value"}
        if kind == "string":
            return shape.enum[0] if shape.enum else "x"
        return {"boolean": False, "float": 0.5, "double": 0.5}.get(kind, 1)

    def structure(self, shape, above, case, only_required=False):
        out = {}
        for name, member in shape.members.items():
            path = f"{above}.{name}" if above else name
            left_out = is_in(path, case.get("without", []) + self.refused())
            if "only" in case and not leads_to(path, case["only"]):
                left_out = True
            if only_required:
                left_out = name not in shape.required_members
            if not left_out:
                out[name] = self.value(member, path, case, only_required)
        return out

    def body(self, case):
        return self.structure(self.input, "", case) if self.input else {}


@pytest.fixture(scope="module")
def operations(stack):
    program = [stack.build / "services/api/openbatch-api", "--compatibility"]
    tables = json.loads(subprocess.run(program, check=True, capture_output=True).stdout)
    built = [t for t in tables if t["built"] and t["service"] in MODELS]
    return {t["name"]: Operation(t) for t in built}


# --- a world for the examples ---------------------------------------------------------------------


class World:
    """What the examples name: $queue, $environment, $job ..."""

    def __init__(self, stack, work):
        as_it_is = botocore.config.Config(parameter_validation=False)
        self.clients = {n: stack.client(n, config=as_it_is) for n in MODELS}
        batch, self.work = work.batch, work
        environment = work.environment(allocationStrategy="BEST_FIT_PROGRESSIVE")
        queue = work.queue(environment)
        definition = work.definition(["echo", "hello"])
        job = work.submit(queue, definition)
        done = work.wait(job)
        assert work.log(done) == ["hello"]
        stream = done["container"]["logStreamName"]
        policy = batch.create_scheduling_policy(name=next(NAMES))["arn"]
        quota = batch.create_scheduling_policy(
            name=next(NAMES), quotaSharePolicy={"idleResourceAssignmentStrategy": "FIFO"}
        )["arn"]
        self.policies = [policy, quota]
        fair = self.fair_queue(environment, policy)
        array = work.submit(queue, definition, arrayProperties={"size": 2})
        unmanaged = self.unmanaged(serviceRole="r")
        eks = self.unmanaged(
            eksConfiguration={
                "eksClusterArn": DATA["examples"]["eksClusterArn"],
                "kubernetesNamespace": "batch-jobs",
            }
        )
        self.names = {
            "$environment": environment,
            "$idle": work.environment(allocationStrategy="BEST_FIT_PROGRESSIVE"),
            "$unmanaged": unmanaged,
            "$eks": eks,
            "$eksQueue": work.queue(eks),
            "$eksDefinition": self.eks_definition(),
            "$queue": queue,
            "$fairQueue": fair,
            "$queueArn": work.jq(queue)["jobQueueArn"],
            "$definition": definition,
            "$definitionArn": f"{definition}:1",
            "$oldDefinition": f"{work.definition()}:1",
            "$policy": policy,
            "$quotaPolicy": quota,
            "$job": array,
            "$array": array,
            "$stream": stream,
            "$forward": self.clients["logs"].get_log_events(
                logGroupName="/aws/batch/job", logStreamName=stream
            )["nextForwardToken"],
        }

    def fair_queue(self, environment, policy):
        name = next(NAMES)
        self.work.batch.create_job_queue(
            jobQueueName=name,
            priority=1,
            schedulingPolicyArn=policy,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
        )
        self.work.queues.append(name)
        wait_for(f"{name} VALID", lambda: self.work.jq(name)["status"] == "VALID")
        return name

    def eks_definition(self):
        name = next(NAMES)
        self.clients["batch"].register_job_definition(
            jobDefinitionName=name,
            type="container",
            eksProperties={
                "podProperties": {
                    "containers": [{"image": "x", "name": "x"}],
                    "initContainers": [{"image": "x", "name": "first"}],
                }
            },
        )
        return name

    def unmanaged(self, **members):
        name = next(NAMES)
        self.clients["batch"].create_compute_environment(
            computeEnvironmentName=name, type="UNMANAGED", **members
        )
        self.work.environments.append(name)
        wait_for(f"{name} VALID", lambda: self.work.ce(name)["status"] == "VALID")
        return name

    def filled(self, value):
        if isinstance(value, dict):
            return {k: self.filled(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.filled(v) for v in value]
        return (
            next(NAMES)
            if value == "$new"
            else self.names.get(value, value)
            if isinstance(value, str)
            else value
        )

    def settle(self):
        def settled():
            batch = self.clients["batch"]
            return all(
                one["status"] in ("VALID", "INVALID")
                for one in batch.describe_compute_environments()["computeEnvironments"]
                + batch.describe_job_queues()["jobQueues"]
            )

        wait_for("all is settled", settled)

    def call(self, operation, body):
        if operation.name.startswith("Update"):
            self.settle()
        client = self.clients[operation.service]
        answer = getattr(client, botocore.xform_name(operation.name))(**body)
        self.note(operation, body, answer)
        return answer

    def note(self, operation, body, answer):
        """What is to be deleted afterwards."""
        if operation.name == "CreateComputeEnvironment":
            self.work.environments.append(body["computeEnvironmentName"])
        elif operation.name == "CreateJobQueue":
            self.work.queues.append(body["jobQueueName"])
        elif operation.name == "CreateSchedulingPolicy":
            self.policies.append(answer["arn"])


@pytest.fixture(scope="module")
def world(stack, shared_work, eks_clusters):
    made = World(stack, shared_work)
    yield made
    made.settle()
    shared_work.forget()
    shared_work.queues.clear()
    shared_work.environments.clear()
    for arn in made.policies:
        made.clients["batch"].delete_scheduling_policy(arn=arn)


# --- the checks -----------------------------------------------------------------------------------


def check_output(shape, value, above=""):
    """Members that the model requires are there, and none that it does not know."""
    shape, below = item_of(shape, above)
    for one in value if isinstance(value, list) else [value]:
        if shape.type_name != "structure":
            continue
        for name in shape.required_members:
            path = f"{below}.{name}" if below else name
            assert name in one or path in DATA["absent"], f"{path} is required in an answer"
        for name, inner in one.items():
            path = f"{below}.{name}" if below else name
            assert name in shape.members, f"{path} is no member of an answer"
            check_output(shape.members[name], inner, path)


def check_echo(sent, seen, path):
    """What is described holds what was sent (empty values may be left out)."""
    if isinstance(sent, dict) and isinstance(seen, dict):
        for name, value in sent.items():
            if value not in ("", [], {}, None):
                assert name in seen, f"{path}.{name} is not shown"
                check_echo(value, seen[name], f"{path}.{name}")
    elif isinstance(sent, list) and isinstance(seen, list):
        assert len(sent) == len(seen), f"{path}: {sent} is shown as {seen}"
        for one, other in zip(sent, seen, strict=True):
            check_echo(one, other, path + "[]")
    elif isinstance(sent, str):
        # ARNs are full, actions in lower case.
        assert sent == seen or sent.lower() == seen or seen.endswith("/" + sent), f"{path}: {seen}"
    else:
        assert sent == seen, f"{path}: {sent} is shown as {seen}"


def described(batch, operation, body, answer):
    """The resource that a call has made or changed, and how its name was sent."""
    if operation.name in ("CreateComputeEnvironment", "UpdateComputeEnvironment"):
        arn = answer["computeEnvironmentArn"]
        [one] = batch.describe_compute_environments(computeEnvironments=[arn])[
            "computeEnvironments"
        ]
        resources = body.get("computeResources", {})
        body.pop("computeEnvironment", None)
        resources.pop("updateToLatestImageVersion", None)
        for image in resources.get("ec2Configuration", []):
            image.pop("batchImageStatus", None)
        if one["type"] == "MANAGED" and "desiredvCpus" in resources:
            resources["desiredvCpus"] = one["computeResources"]["desiredvCpus"]
        return one
    if operation.name in ("CreateJobQueue", "UpdateJobQueue"):
        [one] = batch.describe_job_queues(jobQueues=[answer["jobQueueArn"]])["jobQueues"]
        body.pop("jobQueue", None)
        return one
    if operation.name in ("CreateSchedulingPolicy", "UpdateSchedulingPolicy"):
        arns = [answer.get("arn", body.get("arn"))]
        return batch.describe_scheduling_policies(arns=arns)["schedulingPolicies"][0]
    if operation.name == "RegisterJobDefinition":
        arns = [answer["jobDefinitionArn"]]
        return batch.describe_job_definitions(jobDefinitions=arns)["jobDefinitions"][0]
    return None


def in_order(operations):
    """Making first, unmaking last; but for the operations that the fixtures call at the end."""
    first, last = DATA["first"], DATA["last"]
    others = [n for n in operations if n not in first + last + DATA["by fixtures"]]
    return first + others + last


def test_every_member_of_the_model_is_in_a_column(operations, stack):
    """The report: each member of each operation works, is stored only, or is refused."""
    report, lost = [f"{'operation':32}" + "".join(f"{c:>14}" for c in COLUMNS)], []
    for op in operations.values():
        counts = dict.fromkeys(COLUMNS, 0)
        for path, _ in members_of(op.input) if op.input else ():
            if is_in(path, op.refused()):
                counts["refused"] += 1
            elif path in op.columns:
                counts[op.columns[path]] += 1
            else:
                lost.append(f"{op.name}: {path}")
        report.append(f"{op.name:32}" + "".join(f"{counts[c]:14}" for c in COLUMNS))
    (stack.home / "conformance.txt").write_text("\n".join(report) + "\n")
    assert not lost, "\n".join(lost)


def test_every_member_is_sent_and_every_required_one_comes_back(operations, world):
    """All cases of all operations succeed; together they send each member that is not refused."""
    batch, unsent, wrong = world.clients["batch"], [], []
    for name in in_order(operations):
        op, sent = operations[name], set()
        for n, case in enumerate(op.cases):
            body = world.filled(op.body(case))
            if op.input:
                sent.update(paths_in(body, op.input))
            try:
                answer = world.call(op, copy.deepcopy(body))
                answer.pop("ResponseMetadata")
                if op.model.output_shape:
                    check_output(op.model.output_shape, answer)
                seen = described(batch, op, body, answer)
                if seen:
                    check_echo(body, seen, name)
                assert "says" not in case, f"must be refused: {case['says']}"
            except (AssertionError, botocore.exceptions.ClientError) as e:
                if "says" in case and case["says"] in str(e):
                    continue
                wrong.append(f"{name} case {n}: {e}")
        every = {path for path, _ in members_of(op.input)} if op.input else set()
        unsent += [f"{name}: {p}" for p in sorted(every - sent) if not is_in(p, op.refused())]
    assert not wrong, "\n".join(wrong)
    assert not unsent, "\n".join(unsent)


def put(body, path, value):
    """Sets a member in an example; false when what it is to stand in is not there."""
    name, _, rest = path.partition(".")
    if not rest:
        body[name.removesuffix("[]")] = value
        return True
    inner = body.get(name.removesuffix("[]"))
    if isinstance(inner, list):
        inner = inner[0] if inner else None
    return isinstance(inner, dict) and put(inner, rest, value)


def test_every_refused_member_is_named(operations, world, raw):
    wrong = []
    for op in operations.values():
        shapes = dict(members_of(op.input)) if op.input else {}
        for path in op.refused():
            value = Operation.value(op, shapes[path], path, {}, only_required=True) or {"x": "x"}
            bodies = (world.filled(op.body(case)) for case in op.cases)
            body = next(b for b in bodies if put(b, path, value))
            status, _, text = raw(op.model.http["requestUri"], json.dumps(body).encode())
            last = path.rpartition(".")[2]
            if status != 400 or last not in json.loads(text)["message"]:
                wrong.append(f"{op.name} {path}: {status} {text[:200]}")
    assert not wrong, "\n".join(wrong)


def test_every_rule_broken_once_is_answered_by_name(operations, world, raw):
    """tests/data/violations.json: what is set in (null: taken out of) a request that is in order,
    and what the answer must say."""
    wrong = []
    for rule in RULES:
        op = operations[rule["operation"]]
        body = world.filled(op.body(op.cases[rule.get("case", 0)]))
        for path, value in rule["set"].items():
            assert put(body, path, None if value is None else world.filled(expanded(value))), path
        status, headers, text = raw(op.model.http["requestUri"], json.dumps(body).encode())
        message = json.loads(text).get("message", "")
        code = headers["x-amzn-ErrorType"]
        expected = (rule.get("status", 400), "ClientException")
        if (status, code) != expected or rule["says"] not in message:
            wrong.append(f"{rule['rule']}: {status} {code} {message[:200]}")
    assert not wrong, "\n".join(wrong)


def expanded(value):
    """{"$repeat": [text or list, n]}: it n times over; {"$count": n}: n tags; {"$key": n}: a tag
    with a key of n characters."""
    if isinstance(value, list):
        return [expanded(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$repeat" in value:
        one, n = value["$repeat"]
        return one * n
    if "$count" in value:
        return {str(n): "x" for n in range(value["$count"])}
    if "$key" in value:
        return {"k" * value["$key"]: "x"}
    return {name: expanded(one) for name, one in value.items()}


ODD = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**63,
        -(2**63),
        1.5,
        1e308,
        "",
        "x",
        "x" * 300,
        "é\u0001",
    ),
    *("Ref::x", "arn:aws:batch:::job/x", "a:b", "\ud83d\ude00", "%00", "$Latest", "*"),
    *([], {}, [None], [[]], [{}], {"": ""}, {"x": None}, ["x"] * 60, {"a": {"b": {"c": [1]}}}),
]


def places(value):
    """(container, key) of everything inside a value."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@pytest.fixture
def elsewhere(stack):
    """A region of its own; what is made there is deleted."""
    client = stack.client("batch", region_name="ap-south-2")
    yield "ap-south-2"

    def environments():
        return client.describe_compute_environments()["computeEnvironments"]

    wait_for("all is settled", lambda: all("ING" not in e["status"] for e in environments()))
    for one in environments():
        name = one["computeEnvironmentArn"]
        if one["state"] == "ENABLED":
            client.update_compute_environment(computeEnvironment=name, state="DISABLED")
    wait_for("all is settled", lambda: all("ING" not in e["status"] for e in environments()))
    for one in environments():
        client.delete_compute_environment(computeEnvironment=one["computeEnvironmentArn"])
    wait_for("all is gone", lambda: environments() == [], 60)


def test_odd_bodies_are_never_the_services_fault(operations, world, raw, elsewhere):
    """Requests in order with one to three values replaced by odd ones: no 5xx, no crash."""
    dice, wrong = random.Random(20161008), []
    for op in operations.values():
        if op.service != "batch":
            continue
        for case, _ in itertools.product(op.cases, range(max(4, 40 // len(op.cases)))):
            body = world.filled(op.body(case))
            for _ in range(dice.randint(1, 3)):
                spots = list(places(body))
                if spots:
                    container, key = dice.choice(spots)
                    container[key] = copy.deepcopy(dice.choice(ODD))
            text = json.dumps(body).encode()
            path = op.model.http["requestUri"].replace("{resourceArn}", "arn%3aaws%3abatch")
            status, _, answer = raw(path, text, method=op.model.http["method"], region="ap-south-2")
            if status >= 500:
                wrong.append(f"{op.name} {status} {text.decode()[:600]}")
    assert not wrong, "\n".join(wrong)
    assert raw("/v1/describejobqueues", b"{}")[0] == 200
