"""The checker can fail: each kind of violation, planted in a good history, is found by its
property, and the job is named. A property without a planted violation fails here."""

import copy
import json
from collections import defaultdict

import checker
import pytest
from good_history import AFTER, ARRAY, BOOT_MS, ONE, REASON, STOPPED, TWICE, good
from history import LISTS, History, load, run_of_name
from word import parse

PLANTED = defaultdict(list)


def plants(function, job):
    """Registers a change that violates a property for 'job'."""

    def register(change):
        PLANTED[function.__name__].append((change.__name__, change, job))
        return change

    return register


def first(rows, **members):
    return next(row for row in rows if all(row.get(k) == v for k, v in members.items()))


def word_of(h, job, kind, attempt=1):
    return first(h.word, job=job, kind=kind, attempt=attempt)


# --- requests ---


@plants(checker.what_was_answered_is_durable, ONE)
def the_job_of_an_answer_is_gone(h):
    h.job.remove(first(h.job, id=ONE))


@plants(checker.what_was_answered_is_durable, ONE)
def the_job_of_an_answer_is_another(h):
    first(h.job, id=ONE)["name"] = "other"


@plants(checker.a_call_makes_one_job, ONE)
def a_call_made_two_jobs(h):
    h.job.append(first(h.job, id=ONE) | {"id": ONE.replace("1", "9")})


@plants(checker.what_was_stopped_ends, STOPPED)
def a_stopped_job_succeeded_without_its_word(h):
    first(h.jobs, jobId=STOPPED)["status"] = "SUCCEEDED"


@plants(checker.what_was_stopped_ends, STOPPED)
def a_stopped_job_runs_on(h):
    first(h.jobs, jobId=STOPPED)["status"] = "RUNNING"


# --- ends ---


@plants(checker.every_job_has_ended, TWICE)
def a_job_is_stuck(h):
    first(h.jobs, jobId=TWICE)["status"] = "RUNNABLE"


@plants(checker.every_job_has_ended, f"{ARRAY}:1")
def a_child_is_unknown_to_describe_jobs(h):
    h.jobs.remove(first(h.jobs, jobId=f"{ARRAY}:1"))


@plants(checker.every_job_has_ended, ONE)
def an_ended_job_is_alive(h):
    h.live.append({"job_id": ONE, "idx": -1, "state": 4})


@plants(checker.every_job_has_one_end, ONE)
def a_job_has_no_end(h):
    h.done.remove(first(h.done, job_id=ONE))


@plants(checker.every_job_has_one_end, ONE)
def a_job_has_two_ends(h):
    h.done.append(dict(first(h.done, job_id=ONE)))


@plants(checker.every_job_has_one_end, ONE)
def the_api_says_another_end(h):
    first(h.done, job_id=ONE)["state"] = 6


@plants(checker.one_terminal_event_is_told, ONE)
def an_end_is_not_told(h):
    h.events.remove(h.first_events()[ONE][-1])


@plants(checker.one_terminal_event_is_told, ONE)
def an_end_is_told_twice(h):
    h.events.append(h.first_events()[ONE][-1] | {"id": "another"})


@plants(checker.one_terminal_event_is_told, ONE)
def an_end_is_told_as_another(h):
    h.first_events()[ONE][-1]["detail"]["status"] = "FAILED"


@plants(checker.at_most_one_run_has_succeeded, TWICE)
def two_runs_succeeded(h):
    first(h.attempt, job_id=TWICE, attempt=1)["exit_code"] = 0


@plants(checker.at_most_one_run_has_succeeded, ONE)
def success_without_a_run_that_succeeded(h):
    first(h.attempt, job_id=ONE)["exit_code"] = 3


# --- runs ---


@plants(checker.no_run_starts_twice, ONE)
def a_container_started_twice(h):
    h.word.append(word_of(h, ONE, "start") | {"order": 99, "attempt": 2})


@plants(checker.no_run_starts_twice, ONE)
def an_attempt_started_in_two_containers(h):
    h.word.append(word_of(h, ONE, "start") | {"order": 99, "container": "d" * 64})


@plants(checker.a_run_starts_after_the_end_of_the_one_before, TWICE)
def the_second_started_while_the_first_ran(h):
    end, start = word_of(h, TWICE, "end"), word_of(h, TWICE, "start", 2)
    end["order"], start["order"] = start["order"], end["order"]


@plants(checker.a_run_starts_after_the_end_of_the_one_before, TWICE)
def the_second_started_before_the_first_was_recorded(h):
    word_of(h, TWICE, "start", 2)["at"] = word_of(h, TWICE, "start", 1)["at"]


@plants(checker.a_run_starts_after_the_end_of_the_one_before, TWICE)
def the_end_of_the_first_is_nowhere(h):
    for row in h.job_event:
        if row["job_id"] == TWICE:
            row["attempt"] = 0


@plants(checker.the_run_that_ran_is_the_one_recorded, ONE)
def another_run_is_recorded(h):
    first(h.attempt, job_id=ONE)["run"] = 2


@plants(checker.the_run_that_ran_is_the_one_recorded, ONE)
def a_container_ran_as_another_job(h):
    line = word_of(h, ONE, "start")
    first(h.names, container=line["container"])["name"] = f"ob-{TWICE}-1"


@plants(checker.every_start_is_recorded, ONE)
def a_start_is_recorded_nowhere(h):
    h.attempt.remove(first(h.attempt, job_id=ONE))


@plants(checker.success_is_the_containers_own, ONE)
def a_success_did_not_come_to_its_end(h):
    h.word.remove(word_of(h, ONE, "end"))


@plants(checker.success_is_the_containers_own, ONE)
def a_success_said_another_code(h):
    word_of(h, ONE, "end")["code"] = 5


@plants(checker.exit_codes_are_the_containers_own, TWICE)
def an_exit_code_is_made_up(h):
    first(h.attempt, job_id=TWICE, attempt=1)["exit_code"] = 255


@plants(checker.exit_codes_are_the_containers_own, TWICE)
def a_code_of_a_signal_is_made_up(h):
    first(h.attempt, job_id=TWICE, attempt=1)["exit_code"] = 137


@plants(checker.exit_codes_are_the_containers_own, TWICE)
def an_unknown_code_has_no_reason(h):
    first(h.attempt, job_id=TWICE, attempt=1)["exit_code"] = None


@plants(checker.exit_codes_are_the_containers_own, STOPPED)
def a_code_of_no_signal_without_an_end(h):
    first(h.attempt, job_id=STOPPED)["exit_code"] = 255


@plants(checker.exit_codes_are_the_containers_own, ONE)
def a_code_of_what_never_ran(h):
    h.word[:] = [line for line in h.word if line["job"] != ONE]


# --- dependencies ---


@plants(checker.a_dependent_starts_after_what_it_waits_for, AFTER)
def a_dependent_started_early(h):
    word_of(h, AFTER, "start")["order"] = -1


@plants(checker.a_dependent_starts_after_what_it_waits_for, AFTER)
def a_dependent_ran_after_a_failure(h):
    first(h.jobs, jobId=f"{ARRAY}:0")["status"] = "FAILED"


# --- times and attempts ---


@plants(checker.shown_times_never_fall, ONE)
def a_job_began_before_it_was_made(h):
    first(h.jobs, jobId=ONE)["startedAt"] = BOOT_MS


@plants(checker.shown_times_never_fall, TWICE)
def an_attempt_began_before_the_last_ended(h):
    first(h.jobs, jobId=TWICE)["attempts"][1]["startedAt"] = BOOT_MS + 600


@plants(checker.shown_times_never_fall, ONE)
def an_end_is_written_before_its_start(h):
    h.written_events()[ONE][-1]["at_ms"] -= 300


@plants(checker.attempts_used_are_those_allowed, TWICE)
def more_attempts_than_allowed(h):
    first(h.jobs, jobId=TWICE)["retryStrategy"]["attempts"] = 1


@plants(checker.attempts_used_are_those_allowed, TWICE)
def an_attempt_is_missing(h):
    h.attempt.remove(first(h.attempt, job_id=TWICE, attempt=1))


@plants(checker.attempts_used_are_those_allowed, TWICE)
def given_up_with_attempts_left(h):
    first(h.jobs, jobId=TWICE) | {"status": "FAILED"}
    job = first(h.jobs, jobId=TWICE)
    job["status"], job["retryStrategy"] = "FAILED", {"attempts": 3}


@plants(checker.an_attempt_is_used_by_what_ran, ONE)
def an_attempt_was_used_silently(h):
    h.word[:] = [line for line in h.word if line["job"] != ONE]


@plants(checker.an_attempt_is_used_by_what_ran, ONE)
def an_attempt_was_used_where_none_may_be(h):
    h.meta["every_attempt_ran"] = True
    first(h.attempt, job_id=ONE)["container_reason"] = "CannotStartContainerError: gone"
    h.word[:] = [line for line in h.word if line["job"] != ONE]


# --- events ---


@plants(checker.events_are_those_of_postgresql_in_order, ONE)
def an_event_is_missing(h):
    h.events.remove(h.first_events()[ONE][1])


@plants(checker.events_are_those_of_postgresql_in_order, ONE)
def two_events_changed_places(h):
    one, two = h.first_events()[ONE][:2]
    a, b = h.events.index(one), h.events.index(two)
    h.events[a], h.events[b] = two, one


@plants(checker.events_are_those_of_postgresql_in_order, ONE)
def an_event_says_another_time(h):
    h.first_events()[ONE][-1]["detail"]["stoppedAt"] += 1


@plants(checker.events_are_those_of_postgresql_in_order, f"{ARRAY}:1")
def an_event_of_nothing_written(h):
    h.job_event.remove(h.written_events()[f"{ARRAY}:1"][0])


@plants(checker.events_follow_the_states, ONE)
def a_job_went_back(h):
    h.first_events()[ONE][-2]["detail"]["status"] = "STARTING"
    h.first_events()[ONE][-3]["detail"]["status"] = "RUNNING"


@plants(checker.events_follow_the_states, ONE)
def a_job_went_on_after_its_end(h):
    h.events.append(h.first_events()[ONE][0] | {"id": "another"})


# --- what is left ---


@plants(checker.nothing_is_left_in_tables, ONE)
def a_request_is_left(h):
    h.inbox.append({"job_id": ONE, "kind": 3})


@plants(checker.nothing_is_left_in_tables, f"{ARRAY}:0")
def a_placement_is_left(h):
    h.placement.append({"job_id": ARRAY, "idx": 0, "run": 1, "instance_id": "i-1"})


@plants(checker.no_container_is_left, f"{ARRAY}:1")
def a_container_is_left(h):
    h.containers.append({"Names": f"ob-{ARRAY}-1-1", "Status": "Up 3 hours"})


@plants(checker.redis_counts_what_postgresql_has, "i-1")
def a_counter_stayed(h):
    h.redis[0]["fields"]["attempts"] = "1"


@plants(checker.redis_counts_what_postgresql_has, "openbatch:ce:7")
def an_instance_is_not_counted(h):
    h.redis[1]["fields"]["instances"] = "0"


# --- the tests ---


def test_a_good_history_passes_and_each_property_has_looked_at_something():
    report = checker.check(good())
    assert report.ok, report.text()
    assert all(count > 0 for count in report.counts.values()), report.text()


def test_each_property_has_a_planted_violation_and_says_what_it_is_for():
    assert set(PLANTED) == set(checker.PROPERTIES)
    assert all(function.__doc__ for function in checker.PROPERTIES.values())


@pytest.mark.parametrize(
    ("name", "what", "change", "job"),
    [(name, *one) for name, all in PLANTED.items() for one in all],
    ids=[one[0] for all in PLANTED.values() for one in all],
)
def test_a_violation_is_found_and_its_job_named(name, what, change, job):
    h = copy.deepcopy(good())
    change(h)
    report = checker.check(h)
    found = [(job, said) for property, job, said in report.violations if property == name]
    assert found, f"{what}: {name} found nothing\n{report.text()}"
    assert {one for one, _ in found} == {job}, found
    assert not report.ok


@pytest.mark.parametrize("name", sorted(checker.PROPERTIES))
def test_a_property_that_looked_at_nothing_is_said_and_fails(name):
    """Of an empty history every property says so; one that may be empty is no failure."""
    report = checker.check(History(meta={"boot_ms": 0}))
    assert report.counts[name] == 0 and name in report.empty and not report.ok
    assert f"MUST NOT be empty: {name}" in report.text()
    excused = checker.check(
        History(meta={"boot_ms": 0, "may_be_empty": sorted(checker.PROPERTIES)})
    )
    assert excused.ok and f"checked nothing: {name}" in excused.text()


def test_a_run_that_was_seen_to_begin_may_use_its_attempt():
    h = good()
    an_attempt_was_used_where_none_may_be(h)
    row = first(h.attempt, job_id=ONE)
    h.begun.append({"run": f"{ONE}/{row['run']}"})
    assert not list(filter(None, checker.an_attempt_is_used_by_what_ran(h)))


def test_repeated_events_and_lost_instances_are_no_violation():
    """What the promise allows: an event that is told again under the same id; a second attempt
    whose first is recorded with its lost instance, though the container went on."""
    h = good()
    h.events.append(copy.deepcopy(h.events[0]))
    the_second_started_while_the_first_ran(h)
    row = first(h.attempt, job_id=TWICE, attempt=1)
    row["reason"], row["exit_code"] = "Host EC2 (instance i-1) terminated.", None
    report = checker.check(h)
    assert report.ok, report.text()


def test_a_lost_run_that_comes_to_its_end_late_is_no_violation():
    """Its instance stood still until it was LOST; what depends on the job followed the second
    attempt. If that one ends late, it is a violation."""
    h = good()
    for row in [*h.word, *h.attempt]:
        if ONE in (row.get("job"), row.get("job_id")):
            row["attempt"] = 2
    late = word_of(h, ONE, "end", 2) | {"attempt": 1, "order": len(h.word)}
    h.word.append(late)
    assert not list(filter(None, checker.a_dependent_starts_after_what_it_waits_for(h)))
    word_of(h, ONE, "end", 2)["order"] = len(h.word)
    found = list(filter(None, checker.a_dependent_starts_after_what_it_waits_for(h)))
    assert [job for job, _ in found] == [AFTER]


def test_a_history_is_read_as_it_was_recorded(tmp_path):
    h = good()
    (tmp_path / "word").mkdir()
    (tmp_path / "word/word").write_text(
        "".join(
            f"{x['job']} {x['attempt']} {x['kind']} {x['at']} {x['nonce']} {x['container']}"
            + (f" {x['code']}" if x["kind"] == "end" else "")
            + "\n"
            for x in h.word
        )
    )
    (tmp_path / "meta.json").write_text(json.dumps(h.meta))
    for name in LISTS:
        text = "".join(json.dumps(one) + "\n" for one in getattr(h, name))
        (tmp_path / f"{name}.jsonl").write_text(text)
    assert load(tmp_path) == h


def test_names_and_words_are_read():
    assert run_of_name(f"ob-{ONE}-12") == (ONE, 12)
    assert run_of_name(f"/ob-{ONE}-3-12") == (f"{ONE}:3", 12)
    assert run_of_name("ob-executor") is None and run_of_name("other") is None
    (line,) = parse(f"{ONE}:3 2 end 12.34 nonce id 5\n")
    assert (line["job"], line["attempt"], line["at"], line["code"]) == (f"{ONE}:3", 2, 12.34, 5)
    assert REASON == checker.DEFAULT_REASON
