"""Data that nobody should send, and that somebody does: it hurts its sender's jobs at most.

What the api refuses today may have been stored by an older version: such rows are written here."""

import json
import time

from job_events import consumer, read
from sealed import Key, Sender
from stack import HOLD, frozen, wait_for

MESSAGE_MAX = 512 * 1024
MESSAGE_ROOM = MESSAGE_MAX - 64 * 1024


def one_instance(stack, work, vcpus):
    """A queue whose one instance is there and has room for that many vCPUs, with its executor."""
    before = set(stack.instances())
    types = {2: "m5.large", 8: "m5.2xlarge"}
    environment = work.environment(vcpus, [types[vcpus]], minvCpus=vcpus)
    queue = work.queue(environment)
    work.wait(work.submit(queue, work.definition()), timeout=120)
    (instance,) = set(stack.instances()) - before
    return queue, instance


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def test_a_text_that_is_cut_within_a_character_ends_its_job_only(stack, work):
    """The executor goes on: the same process, and the others' jobs start and end."""
    queue, instance = one_instance(stack, work, 2)
    pid = stack.pid(instance)
    good = work.definition()
    bad = work.definition(
        volumes=[{"name": "v"}], mountPoints=[{"sourceVolume": "v", "containerPath": "/path"}]
    )
    path = json.dumps("/:a" + 150 * "é", ensure_ascii=False)
    stack.sql(
        f"""UPDATE job_definition SET body = replace(body, '"/path"', {quoted(path)})
        WHERE name = '{bad}'"""
    )
    running = work.submit(queue, work.definition(HOLD, memory=64))
    work.wait(running, "RUNNING")
    job = work.wait(work.submit(queue, bad))
    assert job["status"] == "FAILED"
    assert "is not an absolute path without colons" in job["container"]["reason"]
    assert work.wait(work.submit(queue, good))["status"] == "SUCCEEDED"
    work.batch.terminate_job(jobId=running, reason="enough")
    assert work.wait(running)["statusReason"] == "enough"
    assert stack.pid(instance) == pid


def test_a_user_named_like_a_failure_of_the_engine_is_none(stack, work):
    """The engine's answer holds the name: the job fails by its own fault, the instance stays."""
    queue, instance = one_instance(stack, work, 2)
    job = work.wait(work.submit(queue, work.definition(user="unavailable")))
    assert job["status"] == "FAILED"
    assert len(job["attempts"]) == 1
    reason = job["attempts"][0]["container"]["reason"]
    assert reason.startswith("CannotStartContainerError: ") and "unavailable" in reason, reason
    assert "may have run" not in reason
    log = stack.home / "log" / f"executor-{instance}" / "current"
    assert "engine.failed" not in log.read_text()
    assert work.wait(work.submit(queue, work.definition()))["status"] == "SUCCEEDED"


def grow(stack, jobs, length):
    """Makes the value of their variable as long as only an older version would have accepted."""
    ids = ", ".join(f"'{job}'" for job in jobs)
    stack.sql(
        f"UPDATE job SET detail = replace(detail, '\"short\"', '\"' || repeat('x', {length})"
        f" || '\"') WHERE id IN ({ids})"
    )


def spec_size(stack, job_id):
    """What a job takes in a message: nearly all of it is its container."""
    ((detail,),) = stack.sql(f"SELECT detail FROM job WHERE id = '{job_id}'")
    return len(json.dumps(json.loads(detail)["container"], separators=(",", ":")))


def test_descriptions_that_do_not_fit_one_message_all_run(stack, work):
    """Six of them fit one message, the seventh would make it longer than executors read. In one
    round with a small one of somebody else's."""
    queue, _ = one_instance(stack, work, 8)
    definition = work.definition(environment=[{"name": "A", "value": "short"}])
    with frozen(stack.pid("scheduler")):
        jobs = [work.submit(queue, definition) for _ in range(7)]
        grow(stack, jobs, 75300)
        size = spec_size(stack, jobs[0])
        jobs.append(work.submit(queue, definition))
    assert 6 * size < MESSAGE_ROOM and 7 * size > MESSAGE_MAX, size
    assert {job["status"] for job in work.wait_all(jobs)} == {"SUCCEEDED"}


def test_a_description_that_cannot_be_sent_fails(stack, work):
    """One of an older version, longer than any message; the job beside it runs."""
    queue, _ = one_instance(stack, work, 2)
    definition = work.definition(environment=[{"name": "A", "value": "short"}])
    with frozen(stack.pid("scheduler")):
        large = work.submit(queue, definition)
        grow(stack, [large], 600000)
        small = work.submit(queue, definition)
    assert work.wait(small)["status"] == "SUCCEEDED"
    job = work.wait(large)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Task failed to start")
    assert "too large to be sent" in job["attempts"][0]["container"]["reason"]


def executor_says(stack, instance):
    """Sends a message as this instance's executor, in a session of its own."""
    key, sender = Key.of(stack, instance), Sender(stack)
    epoch = int(stack.sql("SELECT epoch FROM leader WHERE role = 'scheduler'")[0][0])

    def say(kind, **members):
        message = {"v": 1, "type": kind, "epoch": 0, "session": "forged"}
        message["last"] = {"epoch": epoch, "seq": 0}
        data = key.seal("batch.executions", message | members)
        assert sender.send("batch.executions", data, instance.encode()) is None

    return say


def goes_on(stack, work, queue):
    """A job's events arrive to its last, and the scheduler says that all is well."""
    c, events = consumer(stack), []
    job = work.submit(queue, work.definition())
    work.wait(job)

    def ended():
        mine = [e for e in read(c, events) if e["detail"]["jobId"] == job]
        return mine and mine[-1]["detail"]["status"] == "SUCCEEDED"

    wait_for("the events of a later job", ended, 60)
    c.close()
    assert stack.health("scheduler")["ok"]
    return events


def test_what_an_executor_reports_is_bounded(stack, work):
    """A reason of 500 KB, an exit code that is none, times of 1970 and 2100: cut where they enter,
    so that neither the job's events nor those behind them are held up."""
    queue, instance = one_instance(stack, work, 2)
    job_id = work.submit(queue, work.definition(HOLD))
    before = work.wait(job_id, "RUNNING")
    run = f"{job_id}/1"
    say = executor_says(stack, instance)
    say("registered", held=[{"run": run, "state": "running"}])
    say(
        "report",
        runs=[
            {
                "run": run,
                "state": "exited",
                "started": True,
                "exitCode": 70000,
                "startedAt": 1,
                "stoppedAt": 4102444800000,
                "reason": 500000 * "x",
                "statusReason": "why",
            }
        ],
    )
    job = work.wait(job_id)
    stack.kill(instance)  # its next process is heard again
    container = job["attempts"][0]["container"]
    assert container["reason"] == 255 * "x"
    assert "exitCode" not in container
    assert job["startedAt"] == before["startedAt"]
    assert job["startedAt"] <= job["stoppedAt"] <= time.time() * 1000 + 1000
    events = goes_on(stack, work, queue)
    told = [e["detail"] for e in events if e["detail"]["jobId"] == job_id][-1]
    assert told["status"] == "FAILED" and told["container"]["reason"] == 255 * "x"


def test_events_that_are_too_large_hold_nobody_up(stack, work):
    """Rows of an older version: a reason of 2 MB is cut, an environment of 600 KB left out, and an
    event that tags of 600 KB make too large is skipped and counted."""
    queue, _ = one_instance(stack, work, 2)
    definition = work.definition(environment=[{"name": "A", "value": "short"}])
    jobs = [work.submit(queue, definition, tags={"t": "short-tag"}) for _ in range(3)]
    work.wait_all(jobs)

    def count():
        return stack.health("scheduler")["info"]["eventsSkipped"]

    skipped = count()
    long = "'\"' || repeat('x', 600000) || '\"'"
    for job, text in ((jobs[1], "short"), (jobs[2], "short-tag")):
        stack.sql(
            f"UPDATE job SET detail = replace(detail, '\"{text}\"', {long}) WHERE id = '{job}'"
        )
    goes_on(stack, work, queue)  # so that nobody remembers what the jobs were
    stack.sql(
        "INSERT INTO job_event (round, n, at_ms, job_id, idx_lo, idx_hi, state, attempt, run,"
        " container_reason, reason, flags) SELECT (SELECT max(round) FROM job_event), 1000000 + n,"
        " 5, id::uuid, -1, -1, 6, 0, 0, repeat('y', 2000000), 'planted', 0"
        f" FROM unnest(ARRAY['{jobs[0]}', '{jobs[1]}', '{jobs[2]}']) WITH ORDINALITY AS a(id, n)"
    )
    events = goes_on(stack, work, queue)
    planted = {
        e["detail"]["jobId"]: e["detail"]["container"]
        for e in events
        if e["detail"].get("statusReason") == "planted" and e["detail"]["jobId"] in jobs
    }
    assert set(planted) == set(jobs[:2])
    assert planted[jobs[0]]["reason"] == 255 * "y"
    assert planted[jobs[1]]["environment"] == []
    wait_for("the skipped one to be counted", lambda: count() > skipped, 30)


def test_a_publisher_that_does_not_move_is_unhealthy(stack, work):
    """While somebody holds its table, and no longer than that."""

    def publisher():
        return (stack.health("scheduler") or {}).get("depends", {}).get("publisher", {})

    queue, _ = one_instance(stack, work, 2)
    with stack.transaction("LOCK TABLE publisher IN ACCESS EXCLUSIVE MODE"):
        assert work.wait(work.submit(queue, work.definition()))["status"] == "SUCCEEDED"
        told = wait_for("to be told so", lambda: not publisher().get("ok") and publisher(), 90, 0.5)
        assert told["required"] and "publishing has made no progress" in told["text"]
        assert not stack.health("scheduler")["ok"]
    wait_for("it to go on", lambda: publisher().get("ok"), 60)
    goes_on(stack, work, queue)
