"""A compute host that is taken over can do nothing that is not its own: with all that an executor
has (its Kafka user, its key, its directory), and from a container on the host's network, no job of
another instance can be read or changed.

What is there is enumerated, so that a new topic, port, socket or file is tried by itself."""

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import raw_kafka
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from cryptography.exceptions import InvalidTag
from sealed import Key, Sender, owner
from stack import HOLD, wait_for
from topic_content import messages, topics

SECRET = "the-environment-of-another-job"
NOBODY = 65534
OWN_TOPICS = {"batch.executions", "batch.logs"}  # an executor may write them
PLACEMENTS = "batch.placements"


class Host:
    """Two instances, each with a job that runs: 'own' is the one that was taken over."""

    def __init__(self, stack, work):
        self.stack, self.work, self.jobs = stack, work, {}
        for name, secret in (("own", "mine"), ("other", SECRET)):
            environment = work.environment(2, ["m5.large"])
            queue = work.queue(environment)
            command = ["sh", "-c", f"echo {secret}; {HOLD[2]}"]
            definition = work.definition(command, environment=[{"name": "S", "value": secret}])
            job = work.wait(work.submit(queue, definition), "RUNNING", timeout=120)
            wait_for("its output", lambda j=job, s=secret: work.log(j) == [s])
            [[instance]] = stack.sql(
                f"SELECT instance_id FROM placement WHERE job_id = '{job['jobId']}'"
            )
            self.jobs[name] = (job["jobId"], instance)
        self.own, self.other = self.jobs["own"][1], self.jobs["other"][1]
        self.key = Key.of(stack, self.own)

    def other_is_untouched(self):
        job_id, instance = self.jobs["other"]
        job = self.work.job(job_id)
        assert (job["status"], len(job.get("attempts", []))) == ("RUNNING", 0)
        assert self.work.log(job) == [SECRET]
        states = self.stack.sql(f"SELECT state FROM instance WHERE id = '{instance}'")
        assert states == [["1"]]

    def secrets(self):
        """All that must show nowhere: secrets of the copy, other instances' keys, the other job's
        environment."""
        stack = self.stack
        found = {SECRET.encode(), self.jobs["other"][0].encode()}
        for file in (stack.home / "secrets").iterdir():
            if file.is_file():
                found |= {w for w in file.read_bytes().split() if len(w) >= 20}
        found.discard(stack.env["AWS_ACCESS_KEY_ID"].encode())  # the audit names keys
        for file in (stack.home / "instances").glob("*/token"):
            if file.parent.name != self.own:
                found.add(file.read_bytes().strip().split(b".")[-1])
        found.discard((stack.home / "secrets/kafka-executor.password").read_bytes().strip())
        return found


@pytest.fixture(scope="module")
def host(stack, shared_work):
    return Host(stack, shared_work)


# ---- Kafka ----


def test_of_all_topics_only_its_own_orders_can_be_read(host):
    stack, hidden = host.stack, host.secrets()
    readable = {}
    for topic, partitions in topics(stack).items():
        found = messages(stack.kafka("executor"), topic, partitions)
        if found:
            readable[topic] = found
        for data in found:
            assert not any(secret in data for secret in hidden), topic
    assert set(readable) == {PLACEMENTS}
    mine = [data for data in readable[PLACEMENTS] if owner(data) == (host.own, host.key.salt)]
    assert any(b'"mine"' in host.key.open(PLACEMENTS, data) for data in mine)
    theirs = [data for data in readable[PLACEMENTS] if owner(data) and owner(data)[0] != host.own]
    assert any(owner(data)[0] == host.other for data in theirs)
    for data in theirs:
        with pytest.raises(InvalidTag):
            host.key.open(PLACEMENTS, data)
    # In clear only what is for executors of an earlier version.
    for data in readable[PLACEMENTS]:
        assert owner(data) or not any(i.encode() in data for i in (host.own, host.other))


def test_only_reports_and_output_can_be_written(host):
    allowed = set()
    for topic in topics(host.stack):
        if Sender(host.stack).send(topic, b"{}") is None:
            allowed.add(topic)
    assert allowed == OWN_TOPICS


def something(answer):
    """The client makes an empty list of a refusal."""
    if not answer:
        raise KafkaException("nothing")


def others(stack):
    """Groups that are not executors'."""
    admin = AdminClient(stack.kafka("admin"))  # no answer comes once it is gone
    found = admin.list_consumer_groups().result(timeout=20).valid
    return [g.group_id for g in found if not g.group_id.startswith("openbatch-executor")]


def administration(stack):
    """What a client could ask of Kafka, by name: a function that raises when it is refused."""
    admin = AdminClient(stack.kafka("executor"))
    there = topics(stack)
    groups = wait_for("the api's group", lambda: "openbatch-api" in (g := others(stack)) and g)

    def all_of(futures):
        for future in futures.values():
            future.result(timeout=20)

    def config(kind, name):
        resource = ConfigResource(
            kind,
            name,
            incremental_configs=[
                ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
            ],
        )
        return lambda: all_of(admin.incremental_alter_configs([resource]))

    for topic in there:
        yield f"delete {topic}", lambda t=topic: all_of(admin.delete_topics([t]))
        yield (
            f"grow {topic}",
            lambda t=topic: all_of(admin.create_partitions([NewPartitions(t, 9)])),
        )
        yield f"alter {topic}", config(ConfigResource.Type.TOPIC, topic)
        yield (
            f"empty {topic}",
            lambda t=topic: all_of(admin.delete_records([TopicPartition(t, 0, 1)])),
        )
    for group in groups:
        yield f"delete {group}", lambda g=group: all_of(admin.delete_consumer_groups([g]))
        at = [ConsumerGroupTopicPartitions(group, [TopicPartition("batch.logs", 0, 0)])]
        yield f"move {group}", lambda a=at: all_of(admin.alter_consumer_group_offsets(a))
    yield "create", lambda: all_of(admin.create_topics([NewTopic("batch.own", 1, 1)]))
    yield "alter the broker", config(ConfigResource.Type.BROKER, "1")
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    yield "rules", lambda: something(admin.describe_acls(everything).result(timeout=20))
    yield (
        "no rules",
        lambda: something(admin.delete_acls([everything])[everything].result(timeout=20)),
    )
    yield (
        "a transaction",
        lambda: Producer(stack.kafka("executor") | {"transactional.id": "t"}).init_transactions(20),
    )


def test_kafka_obeys_it_in_nothing(host):
    tried = 0
    for what, ask in administration(host.stack):
        tried += 1
        with pytest.raises(KafkaException):
            ask()
            pytest.fail(f"Kafka obeyed: {what}")
    assert tried > 4 * len(OWN_TOPICS)
    assert PLACEMENTS in topics(host.stack)


def refusals(stack):
    scheduler, scaler = stack.health("scheduler")["info"], stack.health("scaler")["info"]
    api = json.loads(stack.healthz()[1])["info"]
    return {
        "scheduler forged": scheduler["forgedMessages"],
        "scheduler repeated": scheduler["repeatedMessages"],
        "scaler forged": scaler["forgedMessages"],
        "scaler repeated": scaler["repeatedMessages"],
        "api": api.get("logChunksRefused", 0),
    }


def test_what_it_forges_or_repeats_has_no_effect_and_is_counted(host):
    """As the other instance: in clear, under its own key with the other's name, and the other's own
    messages once more. Under its own name: about the other's run."""
    stack, sender = host.stack, Sender(host.stack)
    before = refusals(stack)
    job, instance = host.jobs["other"]
    run = f"{job}/1"
    exited = {"run": run, "state": "exited", "started": True, "exitCode": 0}
    forged = {
        "registered": {"ce": "x", "host": "x", "held": [], "last": {"epoch": 1 << 40, "seq": 0}},
        "heartbeat": {"last": {"epoch": 1 << 40, "seq": 0}, "digest": "0" * 16, "count": 0},
        "report": {"runs": [exited]},
        "interrupted": {"in": 0},
        "left": {},
        "probe": {"from": "scaler", "nonce": "0-1"},
    }
    captured = {
        topic: [
            data
            for data in messages(stack.kafka("admin"), topic, topics(stack)[topic])
            if owner(data) and owner(data)[0] == instance
        ]
        for topic in sorted(OWN_TOPICS)
    }
    assert all(captured.values())
    for kind, members in forged.items():
        message = {"v": 1, "type": kind, "epoch": 0, "session": "forged"} | members
        clear = message | {"instance": instance, "token": "", "seal": {"salt": "", "number": 1}}
        for data in (
            json.dumps(clear).encode(),
            host.key.seal("batch.executions", message, instance=instance),
            host.key.seal("batch.executions", message, instance, Key.of(stack, instance).salt),
            host.key.seal("batch.logs", message),
        ):
            assert sender.send("batch.executions", data, instance.encode()) is None
    chunk = {"v": 1, "type": "log", "epoch": 0, "run": run, "offset": len(SECRET) + 1}
    chunk |= {"lines": [[1, "forged"]], "end": True}
    for data in (
        json.dumps(chunk | {"instance": instance, "token": ""}).encode(),
        host.key.seal("batch.logs", chunk),
        host.key.seal("batch.logs", chunk, instance=instance),
    ):
        assert sender.send("batch.logs", data) is None
    for topic, all_of_it in captured.items():
        for data in all_of_it[:200]:
            assert sender.send(topic, data, instance.encode()) is None
    own = {"v": 1, "type": "report", "epoch": 0, "session": "x", "runs": [exited]}
    assert sender.send("batch.executions", host.key.seal("batch.executions", own)) is None

    def counted():
        now = refusals(stack)
        return all(now[name] > before[name] for name in before)

    wait_for(f"all to be counted, from {before}", counted, 30)
    time.sleep(2)
    host.other_is_untouched()
    stack.kill(host.own)  # its next process is heard again


def connection(stack):
    port = int(stack.env["OPENBATCH_KAFKA"].rsplit(":", 1)[1])
    password = (stack.home / "secrets/kafka-executor.password").read_text().strip()
    return raw_kafka.Connection(port, "executor", password)


def test_it_cannot_use_up_the_numbers_of_others_messages(host):
    """Kafka lets anybody send under any producer's id: it then drops the first message of that
    producer as repeated, or refuses all. So no message of ours may depend on such an id."""
    kafka, there = connection(host.stack), topics(host.stack)
    new, taken = kafka.new_producer(), 0
    for producer in range(max(0, new - 50), new + 50):
        for topic in sorted(OWN_TOPICS):
            # Those that there are cannot go on; of those to come, the first message was here.
            epoch = 32767 if producer < new else 0
            data = raw_kafka.batch(raw_kafka.record(b"x"), producer, epoch, 0)
            for partition in range(there[topic]):
                taken += kafka.produce(topic, partition, data) == 0
    assert taken > 50  # or this test knows Kafka's protocol no more
    work = host.work
    lines = ["sh", "-c", "echo one; sleep 2; echo two; sleep 2; echo three"]
    queue = work.queue(work.environment(2, ["m5.large"]))
    job = work.wait(work.submit(queue, work.definition(lines)), timeout=120)
    assert job["status"] == "SUCCEEDED"
    wait_for("all of its output", lambda: work.log(job) == ["one", "two", "three"])
    for service in ("scheduler", "scaler"):
        wait_for(f"{service} to be well", lambda s=service: host.stack.health(s)["ok"])
    host.other_is_untouched()


def test_what_it_sends_compressed_is_never_kept_so(host):
    """5 KB that unpack to 150 MB stop a reader for good: it gives up, and tries again. (With so
    many, Kafka itself would end; it refuses more than a message may have.)"""
    kafka = connection(host.stack)
    for topic in sorted(OWN_TOPICS):
        data = raw_kafka.batch(raw_kafka.zeros(20 << 20), attributes=raw_kafka.ZSTD)
        assert len(data) < 1000
        assert kafka.produce(topic, 0, data) == raw_kafka.RECORD_TOO_LARGE


def test_without_a_password_kafka_keeps_no_memory_for_anybody(host):
    """It takes as much as a request says it has, before it knows who sends it."""
    port = int(host.stack.env["OPENBATCH_KAFKA"].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as long:
        long.sendall((64 << 10).to_bytes(4, "big"))
        assert long.recv(1) == b""  # closed


# ---- Ports, sockets, files ----

PROBES = (b"GET / HTTP/1.0\r\n\r\n", b"\n\n", b"\0\0\0\x10\0\x12\0\0\0\0\0\1\0\1x", b"INFO\r\n")


def listening(stack):
    """Ports on which a process of this copy listens."""
    out = subprocess.run(["ss", "-Hltnp"], check=True, capture_output=True, text=True).stdout
    found = set()
    for line in out.splitlines():
        port = int(line.split()[3].rsplit(":", 1)[1])
        for part in line.split("pid=")[1:]:
            with contextlib.suppress(OSError):
                environ = Path(f"/proc/{part.split(',')[0]}/environ").read_bytes()
                if f"OPENBATCH_HOME={stack.home}".encode() in environ:
                    found.add(port)
    return found


def octal(data):
    return "".join(f"\\{byte:03o}" for byte in data)


def test_a_container_on_the_hosts_network_hears_nothing_from_any_port(host):
    """It connects to whatever listens and says things of several protocols."""
    ports = listening(host.stack)
    own = int(host.stack.endpoint.rsplit(":", 1)[1])
    assert {own, own + 1, own + 2} <= ports
    asks = "".join(
        f"echo {port} $(printf '{octal(probe)}' | nc -w 2 127.0.0.1 {port} | head -c 2000"
        " | base64 | tr -d '\\n');"
        for port in sorted(ports)
        for probe in PROBES
    )
    names = (".s.PGSQL*", "*.sock", "*.health", "*.metrics")
    finds = "find / " + " -o ".join(f"-xdev -name '{name}'" for name in names) + ";"
    work = host.work
    queue = work.queue(work.environment(2))
    job = work.wait(work.submit(queue, work.definition(["sh", "-c", asks + finds])), timeout=180)
    assert job["status"] == "SUCCEEDED"
    heard, hidden = {}, host.secrets()
    wait_for("all of it", lambda: len(work.log(job)) >= len(ports) * len(PROBES))
    for line in work.log(job):
        port, _, answer = line.partition(" ")
        assert port.isdigit(), line  # a socket of the host
        heard.setdefault(int(port), b"")
        heard[int(port)] += base64.b64decode(answer)
    assert set(heard) == ports
    for port, said in heard.items():
        assert not any(secret in said for secret in hidden), port
        if port in (own, own + 5):  # the api, the console
            statuses = set(re.findall(rb"^HTTP/1.1 (\d+)", said, re.M))
            assert statuses and statuses <= {b"100", b"400", b"403", b"404"}, said
        else:
            assert len(said) < 200, (port, said)


AS_NOBODY = """
import json, os, socket, sys
asked = json.load(sys.stdin)
told = {"read": {}, "written": [], "connected": [], "listed": []}
for path in asked["files"]:
    try:
        with open(path, "rb") as f:
            data = f.read(1 << 24)
        told["read"][path] = [s for s in asked["secrets"] if s.encode() in data]
    except OSError:
        pass
    try:
        os.close(os.open(path, os.O_WRONLY))
        told["written"].append(path)
    except OSError:
        pass
for path in asked["folders"]:
    try:
        with open(path + "/.taken", "w"):
            told["written"].append(path)
    except OSError:
        pass
for path in asked["sockets"]:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect("\\0" + path[1:] if path.startswith("@") else path)
        told["connected"].append(path)
    except OSError:
        pass
json.dump(told, sys.stdout)
"""


def unix_sockets():
    """All that listen on this host: paths, and abstract names, which begin with @."""
    out = subprocess.run(["ss", "-Hlx"], check=True, capture_output=True, text=True).stdout
    return {line.split()[4] for line in out.splitlines()} - {"*"}


def test_no_file_and_no_socket_of_the_copy_is_open_to_its_user(host):
    """As a user who has the executor's password, token and directory, and no more on this host."""
    stack = host.stack
    places = [stack.home, stack.run_dir, Path(f"{stack.run_dir}.pg")]
    pg = Path(stack.settings["OB_PGDATA"])
    if not pg.is_relative_to(stack.home):
        places.append(pg)
    files, folders, sockets = [], [], []
    shared = {stack.home / name for name in ("venv", "node_modules", "kafka/libs", "web")}
    shared |= set(stack.home.glob("build*"))  # programs, as everybody may read them
    for place in places:
        for folder, names, inside in os.walk(place):
            names[:] = [n for n in names if Path(folder) / n not in shared]
            folders.append(folder)
            for name in inside:
                path = Path(folder) / name
                (sockets if path.is_socket() else files).append(str(path))
    known = {Path(p).name for p in sockets}
    assert len(files) > 100
    assert {"redis.sock", "scheduler.health", "scheduler.metrics", "scaler.metrics"} <= known
    mine = tuple(map(str, places))
    sockets += [s for s in unix_sockets() if s.startswith("@openbatch") or s.startswith(mine)]
    asked = {"files": files, "folders": folders, "sockets": sockets}
    asked["secrets"] = [s.decode() for s in host.secrets()]
    done = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        + [sys.executable.replace(str(stack.home), os.path.realpath(stack.home))]
        + ["-c", AS_NOBODY],
        input=json.dumps(asked), capture_output=True, text=True, cwd="/", env={},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["written"] == [] and told["connected"] == []
    assert {path: s for path, s in told["read"].items() if s} == {}
    # What others may read says nothing of jobs.
    open_to_all = {str(Path(p).relative_to(stack.home)) for p in told["read"]}
    assert open_to_all <= {"config", "docker.json", "lock", "runsvdir.pid"}, open_to_all


def test_keys_and_secrets_show_in_no_process_container_or_log(host):
    stack, hidden = host.stack, host.secrets() - {SECRET.encode(), host.jobs["other"][0].encode()}
    hidden.add(host.key.key.hex().encode())

    def holds_none(what, data):
        assert not any(secret in data for secret in hidden), what

    services = [stack.pid(s) for s in ("api", "scheduler", "scaler", host.own)]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            holds_none(process, (process / "cmdline").read_bytes())
            if int(process.name) in services:
                holds_none(process, (process / "environ").read_bytes())
                limits = (process / "limits").read_text()
                [core] = [li for li in limits.splitlines() if li.startswith("Max core")]
                assert core.split()[4:6] == ["0", "0"], core  # no core file
    for name in ("own", "other"):
        job = host.jobs[name][0]
        if stack.runtime == "oci":
            for file in (stack.home / "oci").glob(f"*/ob-{job}-1/*"):
                holds_none(file, file.read_bytes() if file.is_file() else b"")
        else:
            holds_none(name, stack.docker("inspect", f"ob-{job}-1").encode())
    for file in (stack.home / "log").rglob("*"):
        if file.is_file():
            holds_none(file, file.read_bytes())
    for token in (stack.home / "instances").glob("*/token"):
        assert token.stat().st_mode & 0o077 == 0, token
    # The database has what names a key, and no key.
    rows = stack.sql("SELECT key_salt, token_hash FROM instance WHERE state < 4")
    assert all(len(salt) in (48, 80) and token_hash == "" for salt, token_hash in rows)
    dump = subprocess.run(stack.psql("-c", "SELECT * FROM instance"), capture_output=True).stdout
    holds_none("instance", dump)
