"""`backup` of a running copy under load, and `restore` after its machine was lost, on a copy of its
own."""

import itertools
import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from fixtures import free_ports, openbatch, own_env, share_installed
from keys import ARN, document, statement
from record import rows
from stack import Stack, wait_for
from trial import Trial
from word import lasting, parse, until


class OwnCopy:
    """A copy that a test may lose: up(), lose(), restore()."""

    def __init__(self):
        self.base = Path(tempfile.mkdtemp(prefix="openbatch-lost.", dir="/tmp"))
        self.base.chmod(0o711)
        self.home = self.base / "home"
        self.env = own_env(self.home, free_ports())
        self.home.mkdir()
        share_installed(self.home)
        (self.home / "config").write_text("made=for the backup tests\nengine=ours\n")

    def run(self, *args):
        done = openbatch(self.env, *args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def up(self):
        self.run("up")
        self.stack = Stack(self.home)
        return self.stack

    def processes(self):
        mark = f"OPENBATCH_HOME={self.home}".encode()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (path / "environ").read_bytes().split(b"\0"):
                    yield int(path.name)
            except OSError:
                continue

    def lose(self):
        """The machine is lost: everything ends at once, and nothing of the home is left."""
        wait_for(
            "the end of every process", lambda: not [self._kill(pid) for pid in self.processes()]
        )
        self.run("down", "--wipe", "--yes")
        assert not self.home.exists()
        self.home.mkdir()
        share_installed(self.home)

    @staticmethod
    def _kill(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return pid

    def end(self):
        openbatch(self.env, "down", "--wipe", "--yes")
        shutil.rmtree(self.base, ignore_errors=True)


@pytest.fixture
def own_copy():
    copy = OwnCopy()
    try:
        copy.up()
        yield copy
    finally:
        copy.end()


PLENTY = {"retryStrategy": {"attempts": 3}}


def work_before(trial):
    """Jobs in every state; returns their ids by what they are. Four vCPUs are held, so that the
    others wait."""
    quick, holding = trial.definition(lasting(0.2)), trial.definition(until("go"))
    ended = [trial.submit(quick) for _ in range(4)]
    wait_for(
        "the first to end",
        lambda: all(trial.work.job(i)["status"] == "SUCCEEDED" for i in ended),
        120,
    )
    running = [trial.submit(holding, **PLENTY) for _ in range(3)]
    once = trial.submit(holding)
    wait_for(
        "four to run",
        lambda: all(trial.work.job(i)["status"] == "RUNNING" for i in [*running, once]),
        120,
    )
    array = trial.submit(quick, arrayProperties={"size": 4})
    return {
        "ended": ended,
        "running": running,
        "once": [once],
        "array": [array],
        "waiting": [trial.submit(quick) for _ in range(6)],
        "dependent": [
            trial.submit(quick, dependsOn=[{"jobId": running[0]}]),
            trial.submit(
                quick, arrayProperties={"size": 4}, dependsOn=[{"jobId": array, "type": "N_TO_N"}]
            ),
        ],
        "hopeless": [trial.submit(quick, dependsOn=[{"jobId": once}])],
    }


def starts_and_ends(text):
    """({job: starts}, {job: ends}) of the containers' own word; a child by its array's id and
    index."""
    lines = parse(text)
    return (
        Counter(line["job"] for line in lines if line["kind"] == "start"),
        Counter(line["job"] for line in lines if line["kind"] == "end"),
    )


def members(ids, size=0):
    return [f"{i}:{n}" for i in ids for n in range(size)] if size else list(ids)


def event_ids(trial):
    """{(job, status): ids} of the events read so far."""
    found = {}
    for line in (trial.folder / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        key = (event["detail"]["jobId"], event["detail"]["status"], event["time"])
        found.setdefault(key, set()).add(event["id"])
    return found


def test_a_copy_comes_back_on_another_machine(own_copy, tmp_path):
    """A backup is taken under load; then the machine is lost. Restored, what waited runs once, what
    ran ends by its retry strategy, what had ended is not begun again: as the containers' own word
    says. Keys and output are there, and events that are published again keep their ids."""
    stack = own_copy.stack
    trial = Trial(stack, tmp_path, max_vcpus=4)
    load = Trial(stack, Path(tempfile.mkdtemp(dir=tmp_path)), max_vcpus=2)
    talker = trial.submit(trial.definition(["echo", "said once"]))
    trial.work.wait(talker, "SUCCEEDED")
    ids = work_before(trial)
    policy = tmp_path / "policy"
    policy.write_text(document(statement("batch:DescribeJobQueues", ARN + "*")))
    made = stack.openbatch("key", "create", "--name", "ci", "--policy", str(policy))
    key = dict(line.split("=", 1) for line in made.stdout.splitlines())
    stream = {
        "logGroupName": "/aws/batch/job",
        "logStreamName": trial.work.job(talker)["container"]["logStreamName"],
    }
    assert trial.work.log(trial.work.job(talker)) == ["said once"]
    wait_for(
        "the events of what ended",
        lambda: all("SUCCEEDED" in trial.events.seen.get(i, []) for i in ids["ended"]),
        60,
    )

    # Under load: short jobs are submitted, run and end meanwhile.
    short = load.definition(lasting(0.05))
    enough = threading.Event()
    submitting = load.submitting(
        (short, PLENTY) for _ in itertools.takewhile(lambda _: not enough.is_set(), range(1000))
    )
    load.wait_word(6)
    before = list(load.ids)
    file = own_copy.base / "under-load.backup"
    own_copy.run("backup", file)
    enough.set()
    epochs = dict(stack.sql("SELECT role, epoch FROM leader"))
    submitting.join(300)
    told = event_ids(trial)
    stack.docker("save", "-o", str(own_copy.base / "image.tar"), "openbatch/busybox")
    own_copy.lose()
    word, of_load = "\n".join(trial.word()), "\n".join(load.word())

    own_copy.run("restore", file)
    lost_at = time.monotonic()
    # Images that no registry has come back first: docs/operations.md.
    own_copy.run("up", "--backing-only")
    stack.docker("load", "-i", str(own_copy.base / "image.tar"))
    stack = own_copy.up()
    print(f"up again {time.monotonic() - lost_at:.0f} s after the restore")
    after = dict(stack.sql("SELECT role, epoch FROM leader"))
    assert all(int(after[role]) > int(epoch) + 1_000_000 for role, epoch in epochs.items())
    trial.release("go")
    trial.wait_all()
    load.wait_all()
    judge(trial, ids, word, "\n".join(trial.word()))
    judge_load(stack, load, before, of_load, "\n".join(load.word()))

    queues = stack.client(
        "batch",
        aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
    ).describe_job_queues()["jobQueues"]
    assert trial.queue in [queue["jobQueueName"] for queue in queues]
    events = stack.client("logs").get_log_events(**stream, startFromHead=True)["events"]
    assert [event["message"] for event in events] == ["said once"]
    again = wait_for_events(trial, ids["ended"])
    for subject, found in told.items():
        if subject[0] in ids["ended"]:
            assert found == again[subject], subject
    assert_quiet(stack, trial, load)
    wait_for("all to be well", lambda: stack.openbatch("doctor").returncode == 0, 180, every=2)
    trial.checked = load.checked = True
    for one in (trial, load):
        one.forget()


def wait_for_events(trial, ids):
    """Of these jobs, from the new topic too: each is read a second time."""
    path = trial.folder / "events.jsonl"

    def twice():
        seen = Counter(
            (event["detail"]["jobId"], event["detail"]["status"])
            for event in map(json.loads, path.read_text().splitlines())
        )
        return all(seen[i, "SUCCEEDED"] > 1 for i in ids)

    wait_for("the events of the ended jobs again", twice, 120)
    return event_ids(trial)


def judge(trial, ids, before, after):
    """Each job against its containers' own word, before the loss and after it."""
    starts, ends = starts_and_ends(after)
    began_before, _ = starts_and_ends(before)
    ended = {job["jobId"]: job for job in trial.work.jobs(trial.accepted())}
    for job in ids["ended"]:
        assert (starts[job], ends[job]) == (1, 1), "what had ended began again"
    for job in ids["running"]:
        assert (starts[job], ends[job], began_before[job]) == (2, 1, 1)
        first, second = ended[job]["attempts"]
        assert ended[job]["status"] == "SUCCEEDED" and "exitCode" not in first["container"]
        assert (
            first["statusReason"].startswith("Host EC2 (instance i-")
            and second["container"]["exitCode"] == 0
        )
    (once,) = ids["once"]
    assert (starts[once], ends[once]) == (1, 0) and ended[once]["status"] == "FAILED"
    assert ended[ids["hopeless"][0]]["status"] == "FAILED" and not starts[ids["hopeless"][0]]
    single, array = ids["dependent"]
    for job in [*ids["waiting"], single, *members(ids["array"] + [array], 4)]:
        assert (starts[job], ends[job], began_before[job]) == (1, 1, 0), job
    for job in [*ids["waiting"], *ids["array"], single, array]:
        assert ended[job]["status"] == "SUCCEEDED", ended[job]


def judge_load(stack, load, before, word, after):
    """What was accepted before the backup began is there; each has one end. One that ran between
    the backup and the loss has run again, once."""
    there = {row["id"] for row in rows(stack, "SELECT id FROM job")}
    assert set(before) <= there
    kept = [i for i in load.ids if i in there]
    print(
        f"of the load {len(before)} were accepted before the backup, {len(kept)} are in it,"
        f" {len(load.ids)} were accepted in all"
    )
    _, ended_before = starts_and_ends(word)
    _, ended = starts_and_ends(after)
    for job in load.work.jobs(kept):
        assert job["status"] == "SUCCEEDED", job
        assert ended[job["jobId"]] - ended_before[job["jobId"]] <= 1
        assert 1 <= ended[job["jobId"]] <= 2
    for job in set(load.ids) - there:
        assert ended[job] == ended_before[job], "a job that is not there began"


def assert_quiet(stack, *trials):
    """No container and no row of a living job is left."""
    for trial in trials:
        trial.wait_quiet()
    assert stack.sql("SELECT (SELECT count(*) FROM live), (SELECT count(*) FROM placement)") == [
        ["0", "0"]
    ]
