"""Proves each line of the promise (docs/architecture.md, "What may get lost") of a recorded
history. Each property is a small function: it is given the history and yields, for each thing it
looked at, either None (it holds) or (job, what is wrong). Pure, so that it judges any recorded
history:

    python tests/faults/checker.py FOLDER
"""

import dataclasses
import sys
from collections import Counter, defaultdict

from history import ENDED, STATES, key_of, load, run_of_name

DEFAULT_REASON = "Essential container in task exited"
LOST = "Host EC2 (instance "
SLACK_MS = 20  # /proc/uptime counts hundredths of a second

PROPERTIES = {}


def holds(function):
    PROPERTIES[function.__name__] = function
    return function


# --- requests -------------------------------------------------------------------------------------


@holds
def what_was_answered_is_durable(h):
    """Whatever loses its state, no accepted request is lost: a SubmitJob that was answered with 200
    has its job, under the name that was asked for."""
    rows = h.rows()
    for call in h.submissions():
        if call.get("answer"):
            job, name = call["answer"]["jobId"], call["arguments"]["jobName"]
            found = rows.get(job, {}).get("name")
            yield None if found == name else (job, f"answered as {name}, kept as {found}")


@holds
def a_call_makes_one_job(h):
    """submit_once: a repeated try of one call answers with the first job, so that under a name that
    one call has there is one job at most."""
    jobs, calls = defaultdict(list), Counter(c["arguments"]["jobName"] for c in h.submissions())
    for row in h.job:
        jobs[row["name"]].append(row["id"])
    for name, ids in jobs.items():
        if calls[name] == 1:
            yield None if len(ids) == 1 else (ids[0], f"one call, {name}, made {ids}")


@holds
def what_was_stopped_ends(h):
    """A stop that was answered is not lost: the job has FAILED, but where its container reached its
    end by itself before."""
    described, words = h.described(), h.words()
    for call in h.calls:
        if call["op"] == "SubmitJob" or call.get("error"):
            continue
        job = call["arguments"]["jobId"]
        said = [line["code"] for line in words[job] if line["kind"] == "end"]
        status = described.get(job, {}).get("status")
        fine = status == "FAILED" or (status == "SUCCEEDED" and (0 in said or job in h.parents()))
        yield None if fine else (job, f"was to be stopped and is {status}")


# --- ends -----------------------------------------------------------------------------------------


@holds
def every_job_has_ended(h):
    """Nothing stays stuck: at rest every accepted job is SUCCEEDED or FAILED for DescribeJobs,
    and no job is alive in PostgreSQL."""
    alive, described = {key_of(row) for row in h.live}, h.described()
    for key in h.members():
        status = described.get(key, {}).get("status")
        if status not in ENDED:
            yield key, f"is {status} at rest"
        else:
            yield (key, f"is {status} and alive in PostgreSQL") if key in alive else None


@holds
def every_job_has_one_end(h):
    """An accepted job ends once: one row of done (an array's child may have its parent's), which
    says what DescribeJobs says."""
    done, described = {}, h.described()
    for row in h.done:
        if key_of(row) in done:
            yield key_of(row), "has two rows in done"
        done[key_of(row)] = row
    for key in h.members():
        row, parent = done.get(key), done.get(key.split(":")[0])
        state = row["state"] if row else (parent or {}).get("bulk_state")
        if state is None:
            yield key, "has no end in PostgreSQL"
        else:
            status = described.get(key, {}).get("status")
            yield (
                None
                if STATES[state] == status
                else (key, f"is {STATES[state]} in PostgreSQL and {status} for DescribeJobs")
            )


@holds
def one_terminal_event_is_told(h):
    """batch.job-state says the end of a job once, repeats left out, as the last of its events,
    and as DescribeJobs says it."""
    events, described = h.first_events(), h.described()
    for key in h.members():
        told = [event["detail"]["status"] for event in events[key]]
        ends = [status for status in told if status in ENDED]
        status = described.get(key, {}).get("status")
        fine = ends == [status] and told[-1] == status
        yield None if fine else (key, f"is {status}, and its events are {told}")


@holds
def at_most_one_run_has_succeeded(h):
    """At most one run of a job is recorded SUCCEEDED: one attempt with exit code 0 at most, of a
    job that has SUCCEEDED the last."""
    described = h.described()
    for key, rows in h.attempts().items():
        good = [row["attempt"] for row in rows if row["exit_code"] == 0]
        if len(good) > 1:
            yield key, f"attempts {good} are recorded with exit code 0"
        elif described.get(key, {}).get("status") == "SUCCEEDED":
            last = rows[-1]["attempt"]
            yield None if good == [last] else (key, f"SUCCEEDED; its attempt {last} has not")
        else:
            yield None


# --- runs, by the containers' own word ------------------------------------------------------------


@holds
def no_run_starts_twice(h):
    """What may have begun is never started again: a container starts one process, and an
    attempt, for which every run counts that began, has one start."""
    names = h.run_names()
    starts, containers = {}, {}
    for line in h.word:
        if line["kind"] != "start":
            continue
        attempt, container = (line["job"], line["attempt"]), line["container"]
        run = names.get(container, (None, "?"))[1]
        if container != "-" and container in containers:
            yield line["job"], f"run {run} started twice, in one container {container[:12]}"
        elif attempt in starts:
            yield (
                line["job"],
                f"attempt {line['attempt']} started twice: runs {starts[attempt]} and {run}",
            )
        else:
            yield None
        starts[attempt] = run
        containers[container] = attempt


@holds
def a_run_starts_after_the_end_of_the_one_before(h):
    """A second run starts only after the first is recorded as ended or its instance as lost."""
    ends = {}  # (key, attempts ended): when that was written
    for key, rows in h.written_events().items():
        for row in rows:
            ends.setdefault((key, row["attempt"]), row["at_ms"])
    rows = {(key, row["attempt"]): row for key, all in h.attempts().items() for row in all}
    for key, lines in h.words().items():
        finished = {line["attempt"] for line in lines if line["kind"] == "end"}
        over = set()
        for line in lines:
            if line["kind"] == "end":
                over.add(line["attempt"])
                continue
            before = (line["attempt"] or 1) - 1
            if before < 1:
                continue
            lost = (rows.get((key, before)) or {}).get("reason", "").startswith(LOST)
            at, begun_ms = ends.get((key, before)), line["at"] * 1000 + h.meta["boot_ms"]
            if at is None:
                yield key, f"attempt {line['attempt']} started, the end of {before} is not recorded"
            elif begun_ms + SLACK_MS < at:
                early = at - begun_ms
                yield key, f"attempt {line['attempt']} started {early:.0f} ms before {before} ended"
            elif before in finished and before not in over and not lost:
                yield key, f"attempt {line['attempt']} started while {before} ran"
            else:
                yield None


@holds
def the_run_that_ran_is_the_one_recorded(h):
    """A placement is a numbered run which names its container: the attempt's row names the run
    whose container said that it was this attempt."""
    names = h.run_names()
    recorded = {
        (key, row["attempt"]): row["run"] for key, all in h.attempts().items() for row in all
    }
    for line in h.word:
        named = names.get(line["container"])
        if line["kind"] != "start" or not named:
            continue
        key, run = named
        row = recorded.get((line["job"], line["attempt"]))
        if key != line["job"]:
            yield line["job"], f"said to be so in a container of {key}"
        else:
            yield (
                None
                if row == run
                else (key, f"attempt {line['attempt']} was run {run}, recorded as {row}")
            )


@holds
def every_start_is_recorded(h):
    """A run that began used its attempt: each start line has its row in attempt."""
    recorded = {(key, row["attempt"]) for key, all in h.attempts().items() for row in all}
    for line in h.word:
        if line["kind"] == "start":
            attempt = (line["job"], line["attempt"])
            yield (
                None
                if attempt in recorded
                else (attempt[0], f"attempt {attempt[1]} ran unrecorded")
            )


def _last_ends(lines, rows):
    """The number of the last attempt that is recorded, and what was said of its end."""
    last = max((row["attempt"] for row in rows), default=None)
    return last, [x for x in lines if x["kind"] == "end" and x["attempt"] == last]


@holds
def success_is_the_containers_own(h):
    """SUCCEEDED is only what said of itself that it has reached its end with 0."""
    described, words, attempts = h.described(), h.words(), h.attempts()
    for key in h.runners():
        if described.get(key, {}).get("status") != "SUCCEEDED":
            continue
        last, ends = _last_ends(words[key], attempts[key])
        said = [x["code"] for x in ends]
        yield None if said == [0] else (key, f"SUCCEEDED, and its attempt {last} said {said}")


@holds
def exit_codes_are_the_containers_own(h):
    """No exit code is made up: a recorded one is what the container said, or, where it did not
    come to its end, that of the signal that ended it; else it is unknown, with a reason."""
    words, stopped = h.words(), h.stopped()
    for key, rows in h.attempts().items():
        for row in rows:
            ended_by_us = key in stopped or row["reason"] != DEFAULT_REASON
            lines = [x for x in words[key] if x["attempt"] == row["attempt"]]
            said = [x["code"] for x in lines if x["kind"] == "end"]
            code, name = row["exit_code"], f"attempt {row['attempt']}"
            if code is None:
                silent = not row["container_reason"] and row["reason"] == DEFAULT_REASON
                yield (key, f"{name}: no exit code, and no reason why") if silent else None
            elif said:
                fine = code in said or (ended_by_us and code in (137, 143))
                yield None if fine else (key, f"{name} said {said[0]}, recorded {code}")
            elif not lines:
                # Before its command could say anything: there is none, or it was stopped. 2: runc
                # had not become the command yet; no signal ends the first process of a container
                # by itself, so Go's runtime ends it so.
                fine = (code in (126, 127) and row["container_reason"]) or (
                    ended_by_us and code in (2, 137, 143)
                )
                yield None if fine else (key, f"{name} never ran, recorded {code}")
            else:
                fine = 128 < code <= 128 + 64
                yield None if fine else (key, f"{name} did not come to its end, recorded {code}")


# --- dependencies ---------------------------------------------------------------------------------


@holds
def a_dependent_starts_after_what_it_waits_for(h):
    """A dependent never starts before what it depends on has succeeded, by the containers' word;
    and not at all when that has failed. What succeeded is the last attempt: one whose instance was
    lost may still come to its end, at any time."""
    words, described, attempts = h.words(), h.described(), h.attempts()
    for key, on in h.dependencies():
        starts = [line["order"] for line in words[key] if line["kind"] == "start"]
        _, ends = _last_ends(words[on], attempts[on])
        good = [x["order"] for x in ends if x["code"] == 0]
        status = described.get(on, {}).get("status")
        if not starts:
            yield None
        elif status != "SUCCEEDED":
            yield key, f"started, and {on}, for which it waits, is {status}"
        else:
            fine = good and good[-1] < starts[0]
            yield None if fine else (key, f"started before {on} had succeeded")


# --- times and attempts ---------------------------------------------------------------------------


@holds
def shown_times_never_fall(h):
    """Shown times never go backwards within a job: created, each attempt, its start and its end,
    the events."""
    written, described = h.written_events(), h.described()
    for key in h.members():
        job = described.get(key, {})
        shown = [("createdAt", job.get("createdAt"))]
        for n, attempt in enumerate(job.get("attempts", []), 1):
            shown += [(f"{n}.{name}", attempt.get(name)) for name in ("startedAt", "stoppedAt")]
        yield from _falls(key, shown)
        ends = [(name, job.get(name)) for name in ("createdAt", "startedAt", "stoppedAt")]
        yield from _falls(key, ends)
        told = [(f"the event {STATES[row['state']]}", row["at_ms"]) for row in written[key]]
        yield from _falls(key, told)


def _falls(key, shown):
    shown = [(name, at) for name, at in shown if at is not None]
    for (one, before), (other, after) in zip(shown, shown[1:], strict=False):
        yield None if before <= after else (key, f"{other} is {before - after} ms before {one}")


@holds
def attempts_used_are_those_allowed(h):
    """A job uses its attempts one after the other, no more than it has, and FAILED by itself only
    when none is left."""
    described, attempts, stopped = h.described(), h.attempts(), h.stopped()
    for key in h.runners():
        rows, job = attempts[key], described.get(key, {})
        allowed = (job.get("retryStrategy") or {}).get("attempts", 1)
        numbers = [row["attempt"] for row in rows]
        if numbers != list(range(1, len(rows) + 1)) or len(rows) > allowed:
            yield key, f"has {allowed} attempts and used {numbers}"
        elif job.get("status") == "FAILED" and rows and len(rows) < allowed:
            final = (
                key in stopped
                or (job.get("retryStrategy") or {}).get("evaluateOnExit")
                or "timeout" in rows[-1]["reason"]
            )
            yield None if final else (key, f"FAILED with {len(rows)} of {allowed} attempts used")
        else:
            yield None


@holds
def an_attempt_is_used_by_what_ran(h):
    """A run that was refused before it started uses up no attempt: each row of attempt has its
    start in the containers' word, or says why none is known. Trials in which nothing may cost an
    attempt (every_attempt_ran) allow no row without, unless an executor saw the job's own process
    and ended it, or the trial itself hit the start (in_doubt)."""
    words, begun = h.words(), h.seen_begun()
    for key, rows in h.attempts().items():
        for row in rows:
            ran = any(x["attempt"] == row["attempt"] and x["kind"] == "start" for x in words[key])
            ran |= (key, row["run"]) in begun or key in h.meta.get("in_doubt", ())
            said = row["container_reason"] or row["reason"] != DEFAULT_REASON
            if ran or (said and not h.meta.get("every_attempt_ran")):
                yield None
            else:
                why = row["container_reason"] or row["reason"]
                yield key, f"attempt {row['attempt']} was used, and nothing ran: {why}"


# --- events ---------------------------------------------------------------------------------------


@holds
def events_are_those_of_postgresql_in_order(h):
    """First deliveries are in order for each job, without a gap, and say what PostgreSQL says: its
    rows of job_event, each once."""
    told, written = h.first_events(), h.written_events()
    for key in h.members():
        events = [_told(event["detail"]) for event in told[key]]
        rows = [_written(row) for row in written[key]]
        if events == rows:
            yield None
        else:
            yield key, f"was told {events}, written {rows}"


def _told(detail):
    return (detail["status"], len(detail["attempts"] or []), detail["stoppedAt"])


def _written(row):
    return (STATES[row["state"]], row["attempt"], row["stopped_at_ms"])


@holds
def events_follow_the_states(h):
    """A job goes forward: within an attempt no state is told after a later one, but that a
    placement was taken back before it ran."""
    for key, events in h.first_events().items():
        last = None
        for event in events:
            status, ended = event["detail"]["status"], len(event["detail"]["attempts"] or [])
            now = (ended, STATES.index(status))
            back = last and last[0] == ended and last[1] == STATES.index("STARTING")
            if last and last[1] >= STATES.index("SUCCEEDED"):
                yield key, f"{status} was told after its end"
            elif last and now < last and not (back and status == "RUNNABLE"):
                yield key, f"{status} was told after {STATES[last[1]]}"
            else:
                yield None
            last = now


# --- what is left ---------------------------------------------------------------------------------


@holds
def nothing_is_left_in_tables(h):
    """At rest no request waits in the inbox, no run is placed."""
    waiting = {row["job_id"] for row in h.inbox}
    placed = {key_of(row) for row in h.placement}
    for key in h.members():
        if key in waiting:
            yield key, "has a request in the inbox"
        else:
            yield (key, "has a row in placement") if key in placed else None


@holds
def no_container_is_left(h):
    """At rest the container engine has no container of a job that has ended."""
    left = {}
    for container in h.containers:
        run = run_of_name(container["Names"])
        if run:
            left[run[0]] = f"run {run[1]} is left: {container.get('Status', '')}"
    for key in h.runners():
        yield (key, left[key]) if key in left else None


@holds
def redis_counts_what_postgresql_has(h):
    """Redis is a view: at rest its counters of each instance and environment are what PostgreSQL
    says."""
    placed = {row["instance_id"]: row["runs"] for row in h.placements_counted}
    hashes = {row["key"]: row["fields"] for row in h.redis}
    for row in h.instance:
        counted = int(hashes.get(f"openbatch:instance:{row['id']}", {}).get("attempts", -1))
        there = placed.get(row["id"], 0)
        fine = counted == there
        yield None if fine else (row["id"], f"Redis counts {counted} runs on it, there are {there}")
    for environment in h.compute_environment:
        name = f"openbatch:ce:{environment['id']}"
        there = [row["id"] for row in h.instance if row["ce_id"] == environment["id"]]
        counted = int(hashes.get(name, {}).get("instances", 0))
        fine = counted == len(there)
        yield None if fine else (name, f"Redis counts {counted} instances, there are {len(there)}")


# --- the verdict ----------------------------------------------------------------------------------


@dataclasses.dataclass
class Report:
    """counts: things looked at, by property; violations: (property, job, what is wrong)."""

    counts: dict
    violations: list
    empty: list  # properties that checked nothing and should have

    @property
    def ok(self):
        return not self.violations and not self.empty

    def text(self, most=10):
        """For people; of each property so many violations."""
        lines = [f"{count:7} {name}" for name, count in self.counts.items()]
        lines += [f"checked nothing: {name}" for name, count in self.counts.items() if count == 0]
        lines += [f"MUST NOT be empty: {name}" for name in self.empty]
        for property in self.counts:
            mine = [(job, what) for name, job, what in self.violations if name == property]
            lines += [f"VIOLATED {property}: {job}: {what}" for job, what in mine[:most]]
            if len(mine) > most:
                lines.append(f"VIOLATED {property}: and {len(mine) - most} more")
        return "\n".join(lines)


def check(history):
    counts, violations = {}, []
    for name, function in PROPERTIES.items():
        found = list(function(history))
        counts[name] = len(found)
        violations += [(name, *one) for one in found if one]
    may_be_empty = history.meta.get("may_be_empty", ())
    empty = [name for name, count in counts.items() if count == 0 and name not in may_be_empty]
    return Report(counts, violations, empty)


if __name__ == "__main__":
    verdict = check(load(sys.argv[1]))
    print(verdict.text())
    sys.exit(0 if verdict.ok else 1)
