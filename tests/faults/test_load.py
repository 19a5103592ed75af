"""More than a copy can run at once: storms of submissions whose replies are cut, ten times what can
run, and hundreds of thousands of jobs that wait. Every accepted job runs once, clients are answered
soon, and the services' memory is bounded."""

import contextlib
import http.client
import json
import os
import time
import urllib.parse

import pytest
from harm import settle
from memory import Memory
from record import rows
from stack import wait_for
from storm import Signer, Storm

# MiB, of each service's process. The sanitizers have a shadow of all memory, and keep what was
# freed for a while (16 MiB on the null copy, and some for each thread).
LIMIT = {"api": 200, "scheduler": 200, "scaler": 100, "executor": 100}
OF_SANITIZERS = 300
API_THREADS = 512  # OPENBATCH_API_THREADS, which nobody sets here
STORM_JOBS = int(os.environ.get("OPENBATCH_STORM_JOBS", "100000"))
SOAK_JOBS = int(os.environ.get("OPENBATCH_SOAK_JOBS", "200000"))
SOAK_S = int(os.environ.get("OPENBATCH_SOAK_S", "3600"))


def is_sanitized(stack):
    return stack.build.name == "build-asan"


def limits(stack):
    more = OF_SANITIZERS if is_sanitized(stack) else 0
    return {service: limit + more for service, limit in LIMIT.items()}


def wait_none_left(trial, timeout):
    """Until no job of the trial's queue is alive or waits to be read; asks PostgreSQL only."""
    [queue] = rows(trial.stack, f"SELECT id FROM job_queue WHERE name = '{trial.queue}'")

    def none():
        return trial.stack.sql(
            "SELECT (SELECT count(*) FROM inbox WHERE consumer = 1) + (SELECT count(*) FROM live l"
            f" JOIN job j ON j.id = l.job_id WHERE j.queue_id = {queue['id']})"
        ) == [["0"]]

    wait_for("the end of all jobs", none, timeout, every=2)


def mixed(trial, number):
    """Calls of a storm: most are single jobs; each has some retries, dependencies and arrays."""
    quick, again = trial.definition(["true"]), trial.definition(trial.says.failing(1))

    def single(_):
        return {"jobDefinition": quick}

    def retried(_):
        return {"jobDefinition": again, "retryStrategy": {"attempts": 3}}

    def dependent(last):
        return {"jobDefinition": quick, "dependsOn": [{"jobId": last}] if last else []}

    def array(_):
        return {"jobDefinition": quick, "arrayProperties": {"size": 3}}

    for n in range(number):
        yield (
            retried
            if n % 20 == 7
            else dependent
            if n % 20 == 13
            else (array if n % 200 == 42 else single)
        )


@pytest.mark.timeout(1500)
def test_a_storm_of_100000_submissions_with_cut_replies(null_copy, wide_trial):
    """A tenth of the replies are cut; what was cut is sent again with its token, or looked up.
    Every job that was accepted runs once."""
    trial, number = wide_trial, STORM_JOBS
    storm = Storm(trial, threads=16, cuts=0.1, look_ups=0.02)
    memory, begin = Memory(trial.harm), time.monotonic()
    with memory.watched():
        storm.run(mixed(trial, number))
        submitted = time.monotonic() - begin
        wait_none_left(trial, 900)
    ran = time.monotonic() - begin
    counts = storm.counts
    print(
        f"{number} submissions in {submitted:.0f} s, all jobs ended after {ran:.0f} s; {counts.cut}"
        f" replies cut, {counts.looked_up} looked up; {counts.refused} to be tried again;"
        f" memory {memory.highest()}"
    )
    assert counts.submitted == number and counts.cut > number // 12
    assert counts.looked_up > 0
    [count] = rows(
        trial.stack,
        "SELECT count(*) FROM job j JOIN job_queue q ON q.id = j.queue_id"
        f" WHERE q.name = '{trial.queue}'",
    )
    assert count["count"] == number
    trial.check(may_be_empty={"what_was_stopped_ends"}, every_attempt_ran=True)


@pytest.mark.timeout(1200)
def test_ten_times_what_can_run_is_answered_soon_in_bounded_memory(null_copy, wide_trial):
    """16 jobs of half a second run at once; 320 a second are submitted for a minute. Each answer
    comes within a second, or says TooManyRequestsException."""
    trial, stack = wide_trial, wide_trial.stack
    environment = trial.work.environments[0]
    trial.batch.update_compute_environment(
        computeEnvironment=environment, computeResources={"maxvCpus": 16}
    )
    trial.work.settle_environment(environment)
    half, again = trial.definition(trial.says.lasting(0.5)), trial.definition(trial.says.failing(1))

    def calls():
        for n in range(60 * 320):
            definition = again if n % 10 == 3 else half

            def call(last, definition=definition, n=n):
                more = {"dependsOn": [{"jobId": last}]} if last and n % 10 == 7 else {}
                more |= {"arrayProperties": {"size": 2}} if n % 100 == 5 else {}
                plenty = {"retryStrategy": {"attempts": 3}}
                return {"jobDefinition": definition, **plenty, **more}

            yield call

    storm, memory = Storm(trial, threads=32), Memory(trial.harm)
    with memory.watched():
        begin = time.monotonic()
        storm.run(calls(), a_second=320)
        offered = storm.counts.submitted / (time.monotonic() - begin)
        ended = len([line for line in trial.word() if " end " in line])
        trial.batch.update_compute_environment(
            computeEnvironment=environment, computeResources={"maxvCpus": 512}
        )
        wait_none_left(trial, 600)
    took, highest = sorted(storm.counts.took), memory.highest()
    print(
        f"{offered:.0f} submissions a second, {ended} of {storm.counts.submitted} runs ended"
        f" meanwhile; answers: median {took[len(took) // 2]:.3f} s, 999 of 1000 within"
        f" {took[len(took) * 999 // 1000]:.3f} s, all within {took[-1]:.3f} s;"
        f" {storm.counts.refused} told to try again; memory {highest}"
    )
    assert ended < storm.counts.submitted / 6, "it is not much more than can run"
    assert took[len(took) * 999 // 1000] < 1 and took[-1] < 3
    over = {s: mib for s, mib in highest.items() if mib > limits(stack)[s]}
    assert not over, f"MiB over the limit of {limits(stack)}: {over}"
    trial.check(may_be_empty={"what_was_stopped_ends"}, every_attempt_ran=True)


def use_every_thread(trial):
    """The api's threads take connections in turn, and each keeps the memory that its first requests
    took. So each gets some of every kind, by twice as many connections as there are threads, one
    after another: what grows after that is lost."""
    signer = Signer(trial.stack)
    host = urllib.parse.urlsplit(trial.stack.endpoint).netloc
    some = rows(trial.stack, "SELECT id FROM job LIMIT 20")
    calls = {
        "/v1/listjobs": {"jobQueue": trial.queue, "jobStatus": "RUNNABLE", "maxResults": 50},
        "/v1/describejobs": {"jobs": [row["id"] for row in some]},
    }
    bodies = {path: json.dumps(body).encode() for path, body in calls.items()}
    for _ in range(2 * API_THREADS):
        with contextlib.closing(http.client.HTTPConnection(host, timeout=60)) as connection:
            for path, body in 3 * list(bodies.items()):
                connection.request("POST", path, body, signer.headers(path, body))
                answer = connection.getresponse()
                text = answer.read()
                assert answer.status == 200, text


@pytest.mark.long
@pytest.mark.timeout(SOAK_S + 5400)
def test_jobs_that_wait_for_an_hour_cost_no_more_memory(plain_trial):
    """200,000 jobs wait, others come and go beside them. No service has more memory in the last
    quarter of the time than after the first. Then all of them run. Without sanitizers, which keep
    freed memory for each thread. With OPENBATCH_SOAK_JOBS and OPENBATCH_SOAK_S (seconds) it can be
    tried in minutes."""
    trial = plain_trial
    side = trial.side_queue()
    trial.batch.update_compute_environment(
        computeEnvironment=trial.work.environments[0], state="DISABLED"
    )
    trial.work.settle_environment(trial.work.environments[0])
    # A cut reply ends its connection, so all threads of the api take submissions.
    Storm(trial, threads=16, cuts=0.1).run(mixed(trial, SOAK_JOBS))
    use_every_thread(trial)
    settle(trial.stack)
    quick, memory = trial.definition(["true"]), Memory(trial.harm, every=5)
    begin = time.monotonic()
    with memory.watched():
        while time.monotonic() - begin < SOAK_S:
            made = [trial.submit(quick, queue=side) for _ in range(20)]
            trial.work.wait_all(made, 120)
            time.sleep(2)
    # The first quarter is for what grows to its size once.
    early = memory.highest(since=SOAK_S / 8, until=SOAK_S / 4)
    late = memory.highest(since=SOAK_S * 3 / 4)
    print(f"MiB after a quarter of {SOAK_S} s: {early}; in the last: {late}")
    grown = {s: (early[s], late[s]) for s in early if late[s] > early[s] * 1.02 + 4}
    trial.batch.update_compute_environment(
        computeEnvironment=trial.work.environments[0], state="ENABLED"
    )
    trial.work.settle_environment(trial.work.environments[0])
    wait_none_left(trial, 3600)
    trial.check(may_be_empty={"what_was_stopped_ends"})
    assert not grown, f"services with more memory than before: {grown}"
