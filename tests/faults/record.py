"""Records what happened in a trial as a history: a folder of JSON lines that checker.py reads. Four
witnesses speak in it, who know nothing of each other: the client (what it asked, what it was
answered), batch.job-state, the containers, and in the end PostgreSQL, Redis and Docker.

    meta.json       what the trial was, and what of the history must be there
    calls.jsonl     each SubmitJob, CancelJob, TerminateJob: arguments, answer or error
    events.jsonl    each message of batch.job-state, in the order of its arrival
    word            the containers' own word (word.py)
    names.jsonl     the name of each container by its id
    faults.jsonl    what was done to the copy
    jobs.jsonl      DescribeJobs of each job and child at the end
    TABLE.jsonl     rows of PostgreSQL at the end
    redis.jsonl     the scaler's counters at the end
    containers.jsonl what Docker has at the end, or what is left of containers without it
    begun.jsonl     runs that executors saw to have begun, by /proc, where the engine did not know
"""

import contextlib
import json
import subprocess
import threading
import time
import uuid

import oci_left
from confluent_kafka import Consumer, TopicCollection
from confluent_kafka.admin import AdminClient
from harm import monotonic

TABLES = {
    "job": "id",
    "live": "job_id",
    "done": "job_id",
    "attempt": "job_id",
    "placement": "job_id",
    "inbox": "job_id",
    "job_event": "job_id",
}


class Lines:
    """A file of JSON lines, for several threads."""

    def __init__(self, path):
        self.file, self.lock = path.open("a", buffering=1), threading.Lock()

    def add(self, **members):
        with self.lock:
            self.file.write(json.dumps(members, default=str) + "\n")


class Calls:
    """A client of batch whose submissions and stops are written down. Other operations pass."""

    LOGGED = {"submit_job": "SubmitJob", "cancel_job": "CancelJob", "terminate_job": "TerminateJob"}

    def __init__(self, client, lines):
        self._client, self._lines, self._local = client, lines, threading.local()
        for operation in self.LOGGED.values():
            client.meta.events.register(f"before-send.batch.{operation}", self._sent)

    def _sent(self, request, **_):
        invocation = request.headers.get("amz-sdk-invocation-id", "")
        self._local.invocation = (
            invocation.decode() if isinstance(invocation, bytes) else invocation
        )

    def __getattr__(self, name):
        call = getattr(self._client, name)
        if name not in self.LOGGED:
            return call

        def logged(**arguments):
            begun, self._local.invocation = monotonic(), None
            said = {"op": self.LOGGED[name], "begun": begun, "arguments": arguments}
            try:
                answer = call(**arguments)
            except Exception as err:
                self._lines.add(**said, **self._end(), error=repr(err))
                raise
            self._lines.add(
                **said, **self._end(), answer={k: answer.get(k) for k in ("jobId", "jobName")}
            )
            return answer

        return logged

    def submitted(self, arguments, begun, invocation, answer):
        """Writes down a submission that somebody else has made."""
        self._lines.add(
            op="SubmitJob",
            begun=begun,
            arguments=arguments,
            ended=monotonic(),
            invocation=invocation,
            answer={name: answer[name] for name in ("jobId", "jobName")},
        )

    def _end(self):
        return {"ended": monotonic(), "invocation": self._local.invocation}


class Events:
    """Reads batch.job-state from its beginning; begins again when the topic is another one."""

    def __init__(self, stack, lines):
        self.stack, self.lines = stack, lines
        self.ending, self.failed = threading.Event(), None
        self.seen = {}  # job: statuses, for those who wait
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _settings(self):
        return self.stack.kafka() | {
            "group.id": f"reader-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }

    def _topic(self, admin):
        """Which topic of that name it is; None while nobody says."""
        with contextlib.suppress(Exception):
            names = TopicCollection(["batch.job-state"])
            found = admin.describe_topics(names, request_timeout=5)
            return str(found["batch.job-state"].result(timeout=5).topic_id)
        return None

    def _run(self):
        try:
            self._read()
        except Exception as err:
            self.failed = err

    def _read(self):
        admin, consumer, topic, looked = (
            AdminClient(self.stack.kafka("admin")),
            None,
            None,
            0,
        )
        while not self.ending.is_set():
            if time.monotonic() - looked > 2:
                looked, now = time.monotonic(), self._topic(admin)
                if now and now != topic:
                    if consumer:
                        consumer.close()
                    consumer, topic = Consumer(self._settings()), now
                    consumer.subscribe(["batch.job-state"])
            if consumer is None:
                self.ending.wait(0.2)
                continue
            for message in consumer.consume(500, 0.2):
                if message.error() is None:
                    self._take(message)
        if consumer:
            consumer.close()

    def _take(self, message):
        event = json.loads(message.value())
        detail = event.get("detail", {})
        self.seen.setdefault(detail.get("jobId"), []).append(detail.get("status"))
        self.lines.add(
            at=monotonic(),
            partition=message.partition(),
            offset=message.offset(),
            id=event["id"],
            kind=event["detail-type"],
            time=event["time"],
            detail={
                name: detail.get(name)
                for name in (
                    *("jobId", "jobName", "status", "statusReason", "createdAt", "startedAt"),
                    *("stoppedAt", "attempts"),
                )
            }
            # A job of a Kubernetes cluster has them under another name.
            | ({"attempts": detail["eksAttempts"]} if "eksAttempts" in detail else {})
            | {"exitCode": (detail.get("container") or {}).get("exitCode")},
        )

    def end(self):
        self.ending.set()
        self.thread.join(30)
        if self.failed:
            raise self.failed


class Names:
    """The names of the containers of this copy's own engine, from the engine's files: an engine
    that is being killed answers nobody, and a container may be gone before it is asked for."""

    def __init__(self, stack, lines):
        self.folder, self.lines = stack.home / "docker/containers", lines
        self.known, self.ending = set(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def look(self):
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                if path.name in self.known:
                    continue
                with contextlib.suppress(OSError, ValueError):
                    made = json.loads((path / "config.v2.json").read_text())
                    self.lines.add(container=path.name, name=made["Name"].lstrip("/"))
                    self.known.add(path.name)

    def _run(self):
        while not self.ending.wait(0.02):
            self.look()

    def end(self):
        self.ending.set()
        self.thread.join(30)


def rows(stack, query):
    """Rows of a query as JSON objects. The query may be long: it may name a hundred thousand
    jobs."""
    return [
        json.loads(line)
        for line in subprocess.run(
            stack.psql(),
            input=f"SELECT row_to_json(t) FROM ({query}) t;",
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    ]


def write(path, objects):
    path.write_text("".join(json.dumps(one, default=str) + "\n" for one in objects))


def redis(stack):
    """The scaler's hashes, {key: {field: value}}."""

    def ask(*args):
        return subprocess.run(
            ["redis-cli", "-s", stack.run_dir / "redis.sock", *args],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()

    found = {}
    for key in ask("smembers", "openbatch:counters:keys"):
        flat = ask("hgetall", key)  # of a key that has just gone: one empty line
        found[key] = dict(zip(flat[::2], flat[1::2], strict=False))
    return found


def of_jobs(table, ids):
    quoted = ", ".join(f"'{i}'" for i in ids) or "NULL"
    return f"SELECT * FROM {table} WHERE {TABLES[table]} IN ({quoted})"


def collect(stack, folder, batch, ids):
    """Writes what PostgreSQL, Docker and DescribeJobs say of these jobs now."""
    for table in TABLES:
        write(folder / f"{table}.jsonl", rows(stack, of_jobs(table, ids)))
    write(folder / "containers.jsonl", listed(stack))
    write(folder / "jobs.jsonl", described(batch, folder))
    write(folder / "begun.jsonl", begun(stack))


def listed(stack):
    """All containers, as Docker describes them."""
    if stack.runtime == "oci":
        return [{"Names": name, "Status": what} for name, what in oci_left.look(stack.home)]
    lines = stack.docker("ps", "-a", "--no-trunc", "--format", "{{json .}}").splitlines()
    return [json.loads(line) for line in lines]


def begun(stack):
    found = []
    for path in (stack.home / "log").glob("executor-*/*"):
        for line in path.read_text(errors="replace").splitlines():
            if '"event":"container.doubted"' in line:
                found.append(json.loads(line))
    return [{"run": at["run"]} for at in found if at["begun"] == "yes"]


def collect_counters(stack, folder):
    """Redis, and what it is a view of."""
    write(folder / "instance.jsonl", rows(stack, "SELECT * FROM instance WHERE state < 4"))
    write(folder / "compute_environment.jsonl", rows(stack, "SELECT * FROM compute_environment"))
    write(
        folder / "placements_counted.jsonl",
        rows(stack, "SELECT instance_id, count(*) AS runs FROM placement GROUP BY 1"),
    )
    write(
        folder / "redis.jsonl", [{"key": key, "fields": hash} for key, hash in redis(stack).items()]
    )


def described(batch, folder):
    """DescribeJobs of all jobs of the job table, and of their children."""
    keys = []
    for line in (folder / "job.jsonl").read_text().splitlines():
        job = json.loads(line)
        keys += [job["id"], *(f"{job['id']}:{n}" for n in range(job["array_size"]))]
    found = []
    for at in range(0, len(keys), 100):
        found += batch.describe_jobs(jobs=keys[at : at + 100])["jobs"]
    return found
