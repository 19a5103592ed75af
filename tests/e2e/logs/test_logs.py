"""Output of jobs as CloudWatch Logs shows it: soon, complete, in order; searched, listed, limited
and deleted."""

import contextlib
import os
import queue as queues
import re
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import HOLD, ROOT, frozen, wait_for

GROUP = "/aws/batch/job"
AWS = "/usr/bin/aws"  # Debian's: version 2


def events(logs, stream, group=GROUP, **more):
    """All events of a stream, page by page; none while there is no stream."""
    found, token = [], None
    while True:
        try:
            page = logs.get_log_events(
                logGroupName=group,
                logStreamName=stream,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
                **more,
            )
        except logs.exceptions.ResourceNotFoundException:
            return []
        found += page["events"]
        if page["nextForwardToken"] == token:
            return found
        token = page["nextForwardToken"]


def lines(logs, stream, group=GROUP):
    return [event["message"] for event in events(logs, stream, group)]


def stream_of(job):
    return job["container"]["logStreamName"]


def search(logs, **more):
    """All that FilterLogEvents finds, page by page."""
    found, token = [], {}
    while True:
        page = logs.filter_log_events(**more, **token)
        found += page["events"]
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


class Reader:
    """Lines of a process that goes on."""

    def __init__(self, *command, env=None):
        self.process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = queues.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def until(self, part, timeout=20):
        seen = []
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with contextlib.suppress(queues.Empty):
                seen.append(self.lines.get(timeout=0.2))
                if part in seen[-1]:
                    return seen
        raise AssertionError(f"no {part!r} within {timeout} s, but {seen}")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def aws_env(stack):
    """What the command finds; its output comes line by line."""
    plain = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"}
    return plain | {
        name: value
        for name, value in stack.env.items()
        if name.startswith("AWS_") and not name.startswith("AWS_ENDPOINT")
    }


# Prints the name of each file that appears in /signals, at once; ends with the file named end.
ECHO = """cd /signals; while :; do
for f in *; do [ -e "$f" ] && echo "saw $f" && rm "$f" && [ "$f" = end ] && exit; done
usleep 10000; done"""


def test_output_is_readable_within_a_second(stack, shared_work, queue, tmp_path):
    """While the job runs: by GetLogEvents within a second of being written, and by `aws logs tail
    --follow` of Debian's AWS CLI, of the group and of the stream."""
    w = shared_work
    tmp_path.chmod(0o777)
    definition = w.definition(
        ["sh", "-c", ECHO],
        volumes=[{"name": "s", "host": {"sourcePath": str(tmp_path)}}],
        mountPoints=[{"sourceVolume": "s", "containerPath": "/signals"}],
    )
    job_id = w.submit(queue, definition)
    (tmp_path / "begin").touch()
    stream = stream_of(w.wait(job_id, "RUNNING"))
    wait_for("the first line", lambda: "saw begin" in lines(w.logs, stream))
    tail = [AWS, "logs", "tail", GROUP, "--endpoint-url", stack.endpoint, "--follow"]
    tails = [
        Reader(*tail, "--since", "1m", "--format", "short", env=aws_env(stack)),
        Reader(*tail, "--log-stream-names", stream, env=aws_env(stack)),
    ]
    try:
        for tailing in tails:
            tailing.until("saw begin")
        took, names = [], [f"signal{n:02}" for n in range(20)]
        for name in names:
            begin = time.monotonic()
            (tmp_path / name).touch()
            wait_for(name, lambda n=name: f"saw {n}" in lines(w.logs, stream), 10, every=0.02)
            took.append(time.monotonic() - begin)
        print("took " + ", ".join(f"{one:.3f}" for one in took))
        # A machine that others use as well may hold two of the twenty up.
        assert sorted(took)[-3] < 1, took
        assert w.job(job_id)["status"] == "RUNNING"
        for tailing in tails:
            seen = [line[-8:] for line in tailing.until(names[-1]) if "saw signal" in line]
            assert seen == names
    finally:
        (tmp_path / "end").touch()
        for tailing in tails:
            tailing.stop()
    assert w.wait(job_id)["status"] == "SUCCEEDED"


def test_bytes_come_back_as_they_were(shared_work, queue):
    """UTF-8, NUL and control characters intact, other bytes as U+FFFD, long lines whole, blank
    lines and a last line without an end kept."""
    w = shared_work
    script = (
        r"printf 'gr\303\274n \342\230\203\n'; printf 'a\000b\001\033[1mc\ttab\n';"
        r" printf '\377\376 x \303\n\n'; head -c 40000 /dev/zero | tr '\0' x; echo; printf 'last'"
    )
    job = w.wait(w.submit(queue, w.definition(["sh", "-c", script])))
    wanted = ["grün ☃", "a\0b\1\033[1mc\ttab", "�� x �", "", "x" * 40000, "last"]
    wait_for("the last line", lambda: "last" in lines(w.logs, stream_of(job)))
    assert lines(w.logs, stream_of(job)) == wanted


def test_a_line_is_one_event_up_to_256_kib(stack, shared_work, queue):
    """Around the 16 KiB at which the engine cuts, and around the 256 KiB of an event; characters of
    three bytes, control characters, stderr in between, a last line without an end; the same again
    when its executor is killed in the midst of it. Offsets count what the engine keeps."""
    w = shared_work
    lengths = [16383, 16384, 16385, 32768, 262143, 262144, 262145, 600000]
    script = "euro() { printf '\\342\\202\\254%.0s' $(seq $1); }; "
    script += "line() { head -c $1 /dev/zero | tr '\\0' $2; }; "
    script += "".join(f"line {n} x; echo; " for n in lengths)
    script += "euro 7000; echo; line 20000 y >&2; echo ' err' >&2; line 50000 '\\001'; echo; "
    script += "euro 90000; echo; sleep 3; line 70000 z"
    job_id = w.submit(queue, w.definition(["sh", "-c", script], memory=256))
    w.wait(job_id, "RUNNING")
    instance = stack.sql(f"SELECT instance_id FROM placement WHERE job_id = '{job_id}'")[0][0]
    stream = stream_of(w.job(job_id))
    wait_for("the first lines", lambda: len(lines(w.logs, stream)) > 3, 40)
    stack.kill(instance)
    job = w.wait(job_id, timeout=120)
    assert job["status"] == "SUCCEEDED"
    most = 262144
    wanted = []
    for n in lengths:
        wanted += ["x" * min(most, n - at) for at in range(0, n, most)]
    euros = most // 3
    wanted += ["€" * 7000, "\1" * 50000, "€" * euros, "€" * (90000 - euros), "z" * 70000]
    wait_for("the last line", lambda: lines(w.logs, stream)[-1:] == wanted[-1:], 60)
    found = lines(w.logs, stream)
    assert [len(line) for line in found if line[0] != "y"] == [len(line) for line in wanted]
    assert [line for line in found if line[0] != "y"] == wanted
    assert [line for line in found if line[0] == "y"] == ["y" * 20000 + " err"]


@pytest.mark.long
def test_much_output_is_whole_and_in_order(stack, shared_work, queue):
    """Two jobs at once: many short lines, more than 10,000 a second, and 100 MB of long ones, in
    the midst of which the executor is killed; all of it is stored once, in order, soon after it was
    written."""
    w = shared_work
    many = w.submit(queue, w.definition(["seq", "1", "100000"]))
    # Its instance must still be there when a fifth is stored, which a busy machine does late.
    numbered = """awk 'BEGIN { for (n = 0; n < 100000; n++) printf "%01000d\\n", n }'; sleep 20"""
    long = w.submit(queue, w.definition(["sh", "-c", numbered]))
    w.wait(long, "RUNNING")
    instance = stack.sql(f"SELECT instance_id FROM placement WHERE job_id = '{long}'")[0][0]

    def stored(job_id):
        rows = stack.sql(
            "SELECT s.lines, s.last_ingested_at_ms, s.end_offset, s.name FROM log_stream s"
            f" WHERE s.job_id = '{job_id}'"
        )
        return rows[0] if rows else ["0"] * 4

    wait_for("a fifth of the long lines", lambda: int(stored(long)[0]) >= 20000, 60, every=0.2)
    stack.kill(instance)
    assert int(stored(long)[0]) < 100000
    stopped = {job["jobId"]: job["stoppedAt"] for job in w.wait_all([many, long])}
    wait_for("100,000 lines", lambda: stored(many)[0] == "100000", 120)
    wait_for("100,000 long lines", lambda: stored(long)[0] == "100000", 240, every=0.2)
    assert stored(long)[2] == str(100000 * 1001)
    assert stack.sql(
        "SELECT count(*), count(DISTINCT n) FROM log_event e JOIN log_stream s ON s.id = stream_id"
        f" WHERE s.job_id = '{long}' AND octet_length(message) = 1000"
        " AND right(encode(message, 'escape'), 6)::int = n"
    ) == [["100000", "100000"]]
    late_ms = [int(stored(job)[1]) - stopped[job] for job in (many, long)]
    print(f"\nlast lines stored {late_ms} ms after the end")
    # The executor reads what it has read before once more.
    assert late_ms[0] < 60000 and late_ms[1] < 240000
    assert lines(w.logs, stored(many)[3]) == [str(n) for n in range(1, 100001)]
    page = w.logs.get_log_events(
        logGroupName=GROUP, logStreamName=stored(long)[3], startFromHead=True
    )
    # A page is a mebibyte, each event counted with 26 bytes more.
    assert len(page["events"]) == 1024 * 1024 // (1000 + 26)
    assert page["events"][-1]["message"] == f"{len(page['events']) - 1:01000}"


def test_restarts_lose_and_repeat_nothing(stack, shared_work, queue):
    """The api and the executor are killed while a job writes; each line is there once, in order."""
    w = shared_work
    job_id = w.submit(
        queue,
        w.definition(
            ["sh", "-c", "i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); usleep 8000; done"]
        ),
    )
    w.wait(job_id, "RUNNING")
    instance = stack.sql(f"SELECT instance_id FROM placement WHERE job_id = '{job_id}'")[0][0]
    for service in ("api", instance, "api"):
        time.sleep(0.6)
        stack.kill(service)
    job = w.wait(job_id)
    assert job["status"] == "SUCCEEDED" and len(job["attempts"]) == 1
    wait_for("the last line", lambda: "499" in lines(w.logs, stream_of(job)))
    found = events(w.logs, stream_of(job))
    assert [e["message"] for e in found] == [str(n) for n in range(500)]
    times = [e["timestamp"] for e in found]
    assert times == sorted(times)


def test_the_log_pages_in_both_directions(shared_work, queue):
    """GetLogEvents: forward and backward by tokens, each line once; the token at an end comes
    back; a span of time has its first millisecond and not its last."""
    w = shared_work
    job = w.wait(w.submit(queue, w.definition(["seq", "1", "2500"])))
    wait_for("the whole log", lambda: len(lines(w.logs, stream_of(job))) == 2500)
    stream = {"logGroupName": GROUP, "logStreamName": stream_of(job), "limit": 1000}
    for head, key, order in ((True, "nextForwardToken", 1), (False, "nextBackwardToken", -1)):
        seen, token = [], None
        for _ in range(4):
            more = {"nextToken": token} if token else {}
            page = w.logs.get_log_events(**stream, startFromHead=head, **more)
            seen = (seen + [page["events"]])[::1]
            token = page[key]
        assert page["events"] == [] and page[key] == token
        pages = [[int(e["message"]) for e in events] for events in seen[::order]]
        assert sum(pages, []) == list(range(1, 2501))
    all_events = events(w.logs, stream_of(job))
    middle = all_events[1200]["timestamp"]
    before = events(w.logs, stream_of(job), endTime=middle)
    after = events(w.logs, stream_of(job), startTime=middle)
    assert before + after == all_events
    with pytest.raises(w.logs.exceptions.ResourceNotFoundException, match="log stream does not"):
        w.logs.get_log_events(logGroupName=GROUP, logStreamName="no/such/stream")
    with pytest.raises(w.logs.exceptions.ResourceNotFoundException, match="log group does not"):
        w.logs.get_log_events(logGroupName="no/such", logStreamName="s")
    with pytest.raises(w.logs.exceptions.InvalidParameterException, match="nextToken"):
        w.logs.get_log_events(**stream, nextToken="x")


@pytest.fixture(scope="module")
def grouped(shared_work, queue):
    """An array whose three children write to a group and a prefix of their own: (group, prefix,
    streams by index)."""
    w = shared_work
    name = f"/tests/{queue}"
    definition = w.definition(
        ["sh", "-c", "for i in 1 2 3 4; do echo child $AWS_BATCH_JOB_ARRAY_INDEX line $i; done"],
        logConfiguration={
            "logDriver": "awslogs",
            "options": {"awslogs-group": name, "awslogs-stream-prefix": "mine"},
        },
    )
    groups = w.logs.describe_log_groups(logGroupNamePrefix="/tests/")["logGroups"]
    assert name in [g["logGroupName"] for g in groups]  # before any job
    array = w.submit(queue, definition, arrayProperties={"size": 3})
    w.wait(array)
    streams = [stream_of(w.job(f"{array}:{n}")) for n in range(3)]
    for stream in streams:
        assert re.fullmatch("mine/default/[0-9a-f]{32}", stream)
        wait_for("its lines", lambda s=stream: len(lines(w.logs, s, name)) == 4)
    time.sleep(0.6)  # what has just arrived is not searched yet
    return name, "mine", streams, array


def test_events_are_searched_through_all_streams(logs, grouped):
    """FilterLogEvents: by streams, prefix, time and pattern, in the order of time, page by page."""
    group, prefix, streams, _ = grouped
    found = search(logs, logGroupName=group)
    assert len(found) == 12 and len({e["eventId"] for e in found}) == 12
    assert [e["timestamp"] for e in found] == sorted(e["timestamp"] for e in found)
    for n, stream in enumerate(streams):
        mine = [e["message"] for e in found if e["logStreamName"] == stream]
        assert mine == [f"child {n} line {i}" for i in range(1, 5)]
    assert search(logs, logGroupName=group, limit=5) == found
    assert search(logs, logGroupName=group, limit=3, startFromHead=False) == found[::-1]
    arn = f"arn:aws:logs:{logs.meta.region_name}:123456789012:log-group:{group}:*"
    assert search(logs, logGroupIdentifier=arn, logStreamNamePrefix=prefix) == found
    assert search(logs, logGroupName=group, logStreamNamePrefix="other") == []
    one = search(logs, logGroupName=group, logStreamNames=[streams[1], "none"])
    assert one == [e for e in found if e["logStreamName"] == streams[1]]
    last = found[-1]["timestamp"]
    assert search(logs, logGroupName=group, startTime=last + 1) == []
    assert search(logs, logGroupName=group, endTime=last) == found

    def matching(pattern):
        return sorted(e["message"] for e in search(logs, logGroupName=group, filterPattern=pattern))

    assert matching('"line 2" -"child 0"') == ["child 1 line 2", "child 2 line 2"]
    assert len(matching('?"child 0" ?"line 1"')) == 6
    assert matching("nothing") == []
    for pattern, why in (("{ $.a = 1 }", "JSON"), ("[a, b]", "space-delimited"), ('"x', "closed")):
        with pytest.raises(logs.exceptions.InvalidParameterException, match=why):
            matching(pattern)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.filter_log_events(logGroupName="no/such")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.filter_log_events(
            logGroupName=group, logStreamNames=streams, logStreamNamePrefix=prefix
        )
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.filter_log_events(logGroupName=group, limit=10001)


def test_groups_and_streams_are_listed(logs, grouped):
    """DescribeLogGroups and DescribeLogStreams: prefixes, both orders, both directions, pages."""
    group, prefix, streams, _ = grouped

    def listed(limit, **more):
        pages = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=group, PaginationConfig={"PageSize": limit}, **more
        )
        return [s for page in pages for s in page["logStreams"]]

    by_name = listed(2)
    assert [s["logStreamName"] for s in by_name] == sorted(streams)
    assert listed(1, descending=True) == by_name[::-1]
    assert listed(50, logStreamNamePrefix=prefix) == by_name
    assert listed(50, logStreamNamePrefix="n") == []
    by_time = listed(2, orderBy="LastEventTime")
    assert sorted(by_time, key=lambda s: s["lastEventTimestamp"]) == by_time
    assert listed(1, orderBy="LastEventTime", descending=True) == by_time[::-1]
    one = by_name[0]
    assert one["firstEventTimestamp"] <= one["lastEventTimestamp"] <= one["lastIngestionTime"]
    assert one["arn"].endswith(f":log-group:{group}:log-stream:{one['logStreamName']}")
    with pytest.raises(logs.exceptions.InvalidParameterException, match="LastEventTime"):
        listed(2, orderBy="LastEventTime", logStreamNamePrefix=prefix)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_log_streams(logGroupName="no/such")

    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 1})
    names = [g["logGroupName"] for page in pages for g in page["logGroups"]]
    assert names == sorted(names) and {GROUP, group} <= set(names)
    for how in ({"logGroupNamePrefix": group}, {"logGroupNamePattern": group[3:]}):
        (found,) = logs.describe_log_groups(**how)["logGroups"]
        assert found["logGroupName"] == group
        assert found["storedBytes"] == 12 * len("child 0 line 1\n")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.describe_log_groups(logGroupNamePrefix="a", logGroupNamePattern="b")


def test_the_command_prints_what_a_job_said(stack, shared_work, queue, grouped):
    """./openbatch logs --job: follows a job to its end; children; attempts; what has no log."""
    w = shared_work

    def command(*args):
        return subprocess.run(
            [ROOT / "openbatch", "logs", *args], capture_output=True, text=True, timeout=60
        )

    script = "echo one; sleep 1; echo two"
    job_id = w.submit(queue, w.definition(["sh", "-c", script]))
    assert command("--job", job_id, "--follow").stdout == "one\ntwo\n"
    assert w.job(job_id)["status"] == "SUCCEEDED"
    assert command("--job", job_id, "--attempt", "1").stdout == "one\ntwo\n"
    none = command("--job", job_id, "--attempt", "2")
    assert none.returncode == 1 and "attempt 2" in none.stderr
    array = grouped[3]
    assert command("--job", f"{array}:1").stdout.splitlines()[0] == "child 1 line 1"
    assert "is an array" in command("--job", array).stderr


@contextlib.contextmanager
def settings(stack, **changes):
    """Restarts the services with other settings, and back."""
    file = stack.home / "env"
    before = file.read_text()
    services = ("api", "scheduler", "scaler")

    def restart(text):
        file.write_text(text)
        old = [stack.kill(service) for service in services]
        for service, pid in zip(services, old, strict=True):
            wait_for(f"a new {service}", lambda s=service, p=pid: stack.pid(s) not in (None, p))
        wait_for("the api", lambda: os.system(f"curl -sf {stack.endpoint}/healthz >/dev/null") == 0)

    restart(before + "".join(f"{name}={value}\n" for name, value in changes.items()))
    try:
        yield
    finally:
        restart(before)


def ended_instances(stack):
    """Rows of instances that ended: a day ago, a day ago with a run that is not known to have
    ended, and in an hour. Their ids."""
    ids = [f"i-{uuid.uuid4().hex[:17]}" for _ in range(3)]
    ends = ("now() - interval '1 day'",) * 2 + ("now() + interval '1 hour'",)
    rows = ", ".join(
        f"('{id}', 0, 'm5.large', false, 2000, 7955, 2, 4, '', {end})"
        for id, end in zip(ids, ends, strict=True)
    )
    stack.sql(f"""BEGIN;
        INSERT INTO placement VALUES ('{ids[1]}', gen_random_uuid(), -1, 1);
        INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, vcpus, state, token_hash,
                              ended_at) VALUES {rows};
        COMMIT""")
    return ids


def known(stack, ids):
    quoted = ", ".join(f"'{id}'" for id in ids)
    return {row[0] for row in stack.sql(f"SELECT id FROM instance WHERE id IN ({quoted})")}


USAGE = {"queue_usage": "queue_id", "ce_usage": "ce_id"}


def make_points(stack):
    """Of the use of two queues and environments that are not there: six and eight days ago."""
    for table in USAGE:
        stack.sql(
            f"INSERT INTO {table} SELECT 1000000 + n,"
            " (extract(epoch FROM now()) - days * 86400) * 1000, 0, 0, 0, 0, 0"
            " FROM generate_series(1, 2) AS n, unnest(ARRAY[6, 8]) AS days"
        )


def points(stack):
    """How many of each table are there, by their age in days."""
    return [
        stack.sql(
            "SELECT round((extract(epoch FROM now()) - at_ms / 1000) / 86400) AS days, count(*)"
            f" FROM {table} WHERE {of} > 1000000 GROUP BY 1 ORDER BY 1"
        )
        for table, of in USAGE.items()
    ]


def tags_of_a_job_that_goes_meanwhile(stack, work, queue):
    """Who tags a job that is deleted just now is told that it is not there, and no tag is."""
    job_id = work.submit(queue, work.definition())
    arn = work.wait(job_id)["jobArn"]
    gone = f"LOCK TABLE job_tag IN SHARE ROW EXCLUSIVE MODE; DELETE FROM job WHERE id = '{job_id}'"
    with ThreadPoolExecutor(1) as pool:
        with stack.transaction(gone):
            tagging = pool.submit(work.batch.tag_resource, resourceArn=arn, tags={"a": "b"})
            wait_for("the call to wait", lambda: stack.waits_for_a_lock("openbatch-api"))
        with pytest.raises(work.batch.exceptions.ClientError, match="does not exist"):
            tagging.result()
    assert stack.sql(f"SELECT count(*) FROM job_tag WHERE job_id = '{job_id}'") == [["0"]]


def is_heard(work, queue):
    """Does a job's output arrive before a short retention takes the job?"""
    stream = stream_of(work.wait(work.submit(queue, work.definition(["echo", "heard"]))))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        with contextlib.suppress(work.logs.exceptions.ResourceNotFoundException):
            if lines(work.logs, stream):
                return True
        time.sleep(0.05)
    return False


def test_limit_and_retention(stack, work):
    """A job that says too much is cut off with a word about it. What ended long enough ago is
    gone, all of it, instances too, while what lives stays, and what a job depends on that the
    scheduler has not seen yet; job definitions stay."""
    queue = work.queue()
    living = work.submit(queue, work.definition(["sh", "-c", "echo alive; " + HOLD[2]]))
    work.wait(living, "RUNNING")
    instance = stack.sql(f"SELECT instance_id FROM placement WHERE job_id = '{living}'")[0][0]
    with (stack.home / "instances" / instance / "env").open("a") as env:
        env.write("export OPENBATCH_LOG_LIMIT_BYTES=2000\n")
    old = stack.kill(instance)
    wait_for(
        "its executor again, which has read that",
        lambda: stack.pid(instance) != old and stack.health(f"executor-{instance}"),
    )
    tags_of_a_job_that_goes_meanwhile(stack, work, queue)
    with settings(stack, OPENBATCH_LOG_RETENTION_S=4, OPENBATCH_JOB_RETENTION_S=4):
        # The api has begun anew: Kafka may wait ten seconds for the one before.
        wait_for("output to be taken in again", lambda: is_heard(work, queue), 60)
        old, used, later = ended_instances(stack)
        make_points(stack)
        definition = work.definition(["seq", "1", "100000"])
        job_id = work.submit(queue, definition)
        stream = stream_of(work.wait(job_id))
        said = wait_for(
            "the last line",
            lambda: (said := lines(work.logs, stream)) and "limit" in said[-1] and said,
        )
        assert "limit of 2000 bytes" in said[-1]
        assert said[:-1] == [str(n) for n in range(1, len(said))]
        assert 1990 < sum(len(line) + 1 for line in said[:-1]) <= 2000
        array = work.submit(queue, work.definition(), arrayProperties={"size": 3})
        # It is being tagged when its time is over.
        tagging = (
            f"INSERT INTO job_tag SELECT id, '{{}}' FROM job WHERE id = '{array}' FOR KEY SHARE"
        )
        with stack.transaction(tagging):
            wait_for("the array's end", lambda: "stoppedAt" in work.job(array))
            # The lines of the tests before go first: some 200,000.
            wait_for("retention", lambda: stack.waits_for_a_lock("openbatch-api retention"), 60)
        needed = work.submit(queue, definition)
        work.wait(needed)

        def gone():
            return all(not work.batch.describe_jobs(jobs=[j])["jobs"] for j in (job_id, array))

        with frozen(stack.pid("scheduler")):
            waiting = work.submit(queue, definition, dependsOn=[{"jobId": needed}])
            unneeded_at = work.job(needed)["stoppedAt"] + 6000
            wait_for("the jobs to be gone", gone, 20)
            wait_for("the time of the other", lambda: time.time() * 1000 > unneeded_at)
            assert work.job(needed)["status"] == "SUCCEEDED"
        assert work.wait(waiting)["status"] == "SUCCEEDED"
        assert work.batch.describe_jobs(jobs=[f"{array}:1"])["jobs"] == []
        for status in ("SUCCEEDED", "FAILED"):
            listed = work.batch.list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]
            assert not {job_id, array} & {j["jobId"] for j in listed}

        def rows():
            ids = f"('{job_id}', '{array}')"
            tables = ("done", "attempt", "job_event", "log_stream", "job_tag")
            return [
                stack.sql(f"SELECT count(*) FROM {table} WHERE job_id IN {ids}")[0][0]
                for table in tables
            ]

        wait_for("nothing to be left of them", lambda: rows() == ["0"] * 5, 20)
        with pytest.raises(work.logs.exceptions.ResourceNotFoundException):
            work.logs.get_log_events(logGroupName=GROUP, logStreamName=stream)
        wait_for("old use to be forgotten", lambda: points(stack) == [[["6", "2"]]] * 2, 20)
        wait_for("the instance to be forgotten", lambda: old not in known(stack, [old]), 20)
        assert known(stack, [used, later, instance]) == {used, later, instance}
        stack.sql(f"DELETE FROM placement WHERE instance_id = '{used}'")
        wait_for("the other", lambda: used not in known(stack, [used]), 10)
        stack.sql(f"DELETE FROM instance WHERE id = '{later}'")
        # The stream of what lives stays, though its line is past; what it says next is kept.
        assert work.job(living)["status"] == "RUNNING"
        assert lines(work.logs, stream_of(work.job(living))) == []
        work.logs.get_log_events(logGroupName=GROUP, logStreamName=stream_of(work.job(living)))
        work.batch.terminate_job(jobId=living, reason="done with")
        work.wait(living)
