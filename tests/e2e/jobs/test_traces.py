"""Traces: what a collector of OpenTelemetry gets of jobs, and that nobody waits for it."""

import shlex
import signal

import pytest
from prometheus import value
from stack import wait_for
from trace_receiver import Receiver

CALLER = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
PARENT = f"00-{CALLER[0]}-{CALLER[1]}-01"
PARTS = ["waiting", "pull", "create", "start", "run"]


def set_variables(stack, changes):
    """Restarts the scheduler, the only one that reads them. Returns what undoes it."""
    file = stack.home / "env"
    before = file.read_text()
    lines = [line for line in before.splitlines() if line.partition("=")[0] not in changes]
    lines += [f"{name}={shlex.quote(text)}" for name, text in changes.items()]
    file.write_text("\n".join(lines) + "\n")
    stack.restart("scheduler")
    return before


@pytest.fixture(scope="module")
def collector(stack):
    receiver = Receiver()
    before = set_variables(
        stack,
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url + "/",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b,x-more=2",
            "OTEL_SERVICE_NAME": "batch-of-tests",
        },
    )
    yield receiver
    receiver.stop()
    (stack.home / "env").write_text(before)
    stack.restart("scheduler")


@pytest.fixture
def receiver(collector):
    yield collector
    collector.status = 200
    collector.opened.set()


def submit_with(stack, parent, **request):
    client = stack.client("batch")
    client.meta.events.register(
        "before-sign.batch.SubmitJob",
        lambda request, **_: request.headers.add_header("traceparent", parent),
    )
    return client.submit_job(jobName="traced", **request)["jobId"]


def arrived(receiver, job_id, n):
    wait_for(f"{n} spans of {job_id}", lambda: len(receiver.trace(job_id)) >= n, timeout=60)
    spans = receiver.trace(job_id)
    assert len(spans) == n, [(s.name, s.attributes) for s in spans]
    return spans


def below(spans, parent):
    return [s.name for s in sorted(spans, key=lambda s: s.start) if s.parent == parent.id]


def tracers(stack):
    return stack.sql(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'openbatch-scheduler tracer'"
    )


def test_without_the_variable_nothing_is_done(stack, shared_work, queue):
    """Nobody reads rows for it, and containers know of no trace. The first test: it comes before
    the scheduler gets the variable."""
    w = shared_work
    job = w.wait(w.submit(queue, w.definition(["env"])))
    wait_for("its last event", lambda: is_published(stack, job["jobId"]), timeout=10)
    assert not any(line.startswith("TRACEPARENT=") for line in w.log(job))
    assert tracers(stack) == []


def test_a_job_is_a_trace(stack, shared_work, queue, receiver):
    """Its trace id is its own id; its phases are spans with the times that the api shows; the
    caller's span is linked, and the container knows the span of its run."""
    w = shared_work
    definition = w.definition(["env"])
    job_id = submit_with(stack, PARENT, jobQueue=queue, jobDefinition=definition)
    job = w.wait(job_id)
    spans = arrived(receiver, job_id, 3 + len(PARTS))
    by_name = {span.name: span for span in spans}
    root, attempt = by_name[definition], by_name["attempt"]
    assert root.parent == "" and root.links == [CALLER] and root.ok
    assert below(spans, root) == ["pending", "attempt"]
    assert below(spans, attempt) == PARTS
    assert (root.start, root.end) == (job["createdAt"] * 10**6, job["stoppedAt"] * 10**6)
    run = by_name["run"]
    assert (run.start, run.end) == (job["startedAt"] * 10**6, job["stoppedAt"] * 10**6)
    assert all(root.start <= s.start <= s.end <= root.end for s in spans)
    assert root.attributes["batch.job.id"] == job_id
    assert root.attributes["batch.job.name"] == "traced"
    assert root.attributes["batch.job.queue"] == queue
    assert root.attributes["batch.job.definition"] == f"{definition}:1"
    assert root.attributes["batch.job.state"] == "SUCCEEDED"
    assert attempt.attributes["batch.exit_code"] == 0
    env = dict(line.split("=", 1) for line in w.log(job))
    assert env["TRACEPARENT"] == f"00-{root.trace}-{run.id}-01"
    headers, resource, _ = receiver.requests[-1]
    assert (headers["api-key"], headers["x-more"]) == ("a b", "2")
    assert resource == {"service.name": "batch-of-tests"}
    assert len(tracers(stack)) == 1


def test_a_traceparent_that_is_not_valid_is_ignored(stack, shared_work, queue, receiver):
    w = shared_work
    definition = w.definition(["true"])
    for parent in ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", PARENT + "x", "nonsense"):
        job_id = submit_with(stack, parent, jobQueue=queue, jobDefinition=definition)
        w.wait(job_id)
        root = arrived(receiver, job_id, 3 + len(PARTS))[0]
        assert root.name == definition and root.links == []
        assert stack.sql(f"SELECT traceparent IS NULL FROM job WHERE id = '{job_id}'") == [["t"]]


def test_each_attempt_has_its_spans(shared_work, queue, receiver):
    w = shared_work
    definition = w.definition(["sh", "-c", 'echo $TRACEPARENT; test "$AWS_BATCH_JOB_ATTEMPT" = 2'])
    job_id = w.submit(queue, definition, retryStrategy={"attempts": 3})
    job = w.wait(job_id)
    spans = arrived(receiver, job_id, 2 + 2 * (1 + len(PARTS)))
    attempts = sorted((s for s in spans if s.name == "attempt"), key=lambda s: s.start)
    assert [s.ok for s in attempts] == [False, True]
    assert [s.attributes["batch.exit_code"] for s in attempts] == [1, 0]
    assert all(below(spans, one) == PARTS for one in attempts)
    last = max((s for s in spans if s.name == "run"), key=lambda s: s.start)
    assert w.log(job)[-1].split("-")[2] == last.id


def test_an_array_is_one_trace(shared_work, queue, receiver):
    """Each child is below it, those that failed first."""
    w = shared_work
    definition = w.definition(["sh", "-c", "test $AWS_BATCH_JOB_ARRAY_INDEX != 2"])
    job_id = w.submit(queue, definition, arrayProperties={"size": 3})
    w.wait(job_id, timeout=120)
    spans = arrived(receiver, job_id, 1 + 3 * (3 + len(PARTS)))
    root, children = spans[0], [s for s in spans if s.name == "child"]
    assert root.attributes["batch.array.size"] == 3
    assert root.attributes["batch.array.left_out"] == 0
    assert not root.ok and root.message
    assert [c.attributes["batch.array.index"] for c in children] == [2, 0, 1]
    assert [c.ok for c in children] == [False, True, True]
    assert all(c.parent == root.id for c in children)
    assert all(below(spans, child) == ["pending", "attempt"] for child in children)


def is_published(stack, job_id):
    """Has the publisher passed the event of its end?"""
    return stack.sql(
        "SELECT 1 FROM job_event e, publisher p WHERE (e.round, e.n) <= (p.round, p.n)"
        f" AND e.state >= 5 AND e.job_id = '{job_id}'"
    )


def test_nobody_waits_for_a_receiver(shared_work, queue, stack, receiver):
    """While it takes a request and does not answer, jobs end and their events are published; when
    it answers, it gets all traces."""
    w = shared_work
    definition = w.definition(["true"])
    receiver.opened.clear()
    asked = receiver.asked
    first = w.submit(queue, definition)
    w.wait(first)
    wait_for("a request", lambda: receiver.asked > asked, timeout=30)
    others = [w.submit(queue, definition) for _ in range(3)]
    w.wait_all(others)
    for job_id in others:
        wait_for("its last event", lambda i=job_id: is_published(stack, i), timeout=10)
    assert not any(receiver.trace(job_id) for job_id in [first, *others])
    receiver.opened.set()
    for job_id in [first, *others]:
        arrived(receiver, job_id, 3 + len(PARTS))


def test_a_receiver_that_cannot_now_is_asked_again(shared_work, queue, receiver):
    w = shared_work
    receiver.status = 503
    asked = receiver.asked
    job_id = w.submit(queue, w.definition(["true"]))
    w.wait(job_id)
    wait_for("two tries", lambda: receiver.asked >= asked + 2, timeout=30)
    receiver.status = 200
    arrived(receiver, job_id, 3 + len(PARTS))


def test_what_a_receiver_refuses_is_dropped_and_counted(shared_work, queue, stack, receiver):
    w = shared_work

    def refused():
        return value(stack, "openbatch_traces_dropped_total", reason="refused") or 0

    before = refused()
    receiver.status = 400
    job_id = w.submit(queue, w.definition(["true"]))
    w.wait(job_id)
    wait_for("the count", lambda: refused() == before + 1, timeout=30)
    receiver.status = 200
    assert receiver.trace(job_id) == []
    other = w.submit(queue, w.definition(["true"]))
    w.wait(other)
    arrived(receiver, other, 3 + len(PARTS))


def test_a_scheduler_that_dies_loses_no_trace(shared_work, queue, stack, receiver):
    """The trace of a job that has ended is not sent yet when the scheduler is killed: the next one
    sends it."""
    w = shared_work
    receiver.opened.clear()
    asked = receiver.asked
    job_id = w.submit(queue, w.definition(["true"]))
    w.wait(job_id)
    wait_for("a request", lambda: receiver.asked > asked, timeout=30)
    wait_for("its last event", lambda: is_published(stack, job_id), timeout=10)
    old = stack.kill("scheduler", signal.SIGKILL)
    receiver.forget()
    wait_for("another scheduler", lambda: stack.pid("scheduler") not in (None, 0, old))
    receiver.opened.set()
    wait_for("it to be well", lambda: stack.is_well("scheduler"))
    arrived(receiver, job_id, 3 + len(PARTS))
