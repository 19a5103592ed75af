"""The scenarios of fault tests, each a function with its numbers: for the long ones here and the
short ones in tests/e2e. Most end with trial.check(), in which the checker checks the promises."""

import random
import time
from collections import Counter

import botocore.config
import botocore.exceptions
from harm import settle
from stack import assert_promised, wait_for
from word import lasting, until

IMPATIENT = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=30, connect_timeout=5)

# Properties of which a trial of single jobs, or of jobs with one try, has nothing.
SINGLE = {"a_dependent_starts_after_what_it_waits_for", "what_was_stopped_ends"}
ONE_TRY = SINGLE | {"a_run_starts_after_the_end_of_the_one_before"}


def all_succeeded(jobs, number):
    """Each job has SUCCEEDED with one attempt."""
    odd = [job for job in jobs if job["status"] != "SUCCEEDED" or len(job["attempts"]) != 1]
    assert not odd and len(jobs) == number, [
        (job["jobId"], job["status"], job.get("statusReason"), job["attempts"]) for job in odd
    ]


def down_up(trial):
    """The copy goes down and comes back; its containers go on."""
    for verb in ("down", "up"):
        done = trial.stack.openbatch(verb)
        assert done.returncode == 0, done.stdout + done.stderr
        trial.harm.note(verb)


# --- the container engine -------------------------------------------------------------------------


def kill_dockerd_at_starts(trial, kills, also=None):
    """dockerd, and with it another part, is killed at the moment a container first runs; the
    attempts that are lost so are followed by others. No run starts twice."""
    definition = trial.definition()
    for _ in range(kills):
        for _ in range(3):
            trial.submit(definition, retryStrategy={"attempts": 10})
        trial.wait_next_start()
        time.sleep(random.choice([0, 0, 0.002, 0.01, 0.05]))
        killed = [(part, trial.harm.kill(part)) for part in ("dockerd", also) if part]
        for part, pids in killed:
            trial.harm.wait_back(part, pids)
    trial.wait_all()
    trial.check(may_be_empty=ONE_TRY)


def lost_by_the_engine(job):
    """Its process had begun, and the engine died before it could say so: such a run is ended."""
    reason = job["attempts"][0]["container"].get("reason", "") if job["attempts"] else ""
    return len(job["attempts"]) == 1 and reason.endswith("; it may have run")


def kill_containerd(trial, jobs, seconds, every):
    """dockerd lives and answers, but nothing can be started: that is no job's fault. Jobs with one
    try, while containerd is killed again and again: each runs to its end, but for those that a kill
    hits between the beginning of their process and the engine's answer, one at most a kill."""
    definition = trial.definition(lasting(0.5))
    made = [trial.submit(definition) for _ in range(8)]
    kills = []

    def kill():
        kills.append(trial.harm.kill("containerd"))

    with trial.harm.repeated(kill, (every, every), first=1):
        end = time.monotonic() + seconds
        while len(made) < jobs or time.monotonic() < end:
            made += [trial.submit(definition)] if len(made) < jobs else []
            time.sleep(0.2)
    ended = trial.wait_all()
    lost = [job for job in ended if job["status"] == "FAILED" and lost_by_the_engine(job)]
    print(f"{len(kills)} kills, {len(lost)} of {jobs} jobs hit while they began")
    assert len(lost) <= len(kills)
    all_succeeded([job for job in ended if job not in lost], jobs - len(lost))
    trial.check(
        may_be_empty=ONE_TRY, every_attempt_ran=True, in_doubt=[job["jobId"] for job in lost]
    )


def kill_engine_at_ends(trial, rounds):
    """Containers end with codes of their own while dockerd and containerd are killed in turn: a
    code that is recorded is the one the container said; else it is unknown, with a reason."""
    codes = (0, 3, 7, 42)
    definitions = [trial.definition(lasting(t, c)) for c in codes for t in (0.3, 1.5, 4)]
    for n in range(rounds):
        for definition in random.sample(definitions, 6):
            trial.submit(definition)
        trial.wait_next_start()
        time.sleep(random.uniform(0, 1))
        part = ("dockerd", "containerd")[n % 2]
        trial.harm.wait_back(part, trial.harm.kill(part))
    trial.wait_all()
    recorded = [row["exit_code"] for row in trial.recorded("exit_code")]
    print(f"recorded codes: {Counter(recorded)}")
    # That none is known would be true as well, and of no use.
    assert sum(code in codes for code in recorded) > len(recorded) / 2
    trial.check(may_be_empty=ONE_TRY)


# --- Kafka ----------------------------------------------------------------------------------------


def stall(trial, times, seconds):
    """Each process of the copy stands still, as on a host that is overcommitted."""
    for _ in range(times):
        with trial.harm.all_stopped():
            time.sleep(seconds)
        time.sleep(1)


def kill_kafka(trial, times, definition):
    """Kafka is killed and comes back, jobs arrive between; returns them."""
    made = []
    for _ in range(times):
        trial.harm.wait_back("kafka", trial.harm.kill("kafka"))
        made.append(trial.submit(definition))
        time.sleep(2)
    return made


def no_instance_was_given_up(trial):
    """No living executor's instance is LOST."""
    reasons = [row["reason"] for row in trial.recorded("reason")]
    assert not [reason for reason in reasons if reason.startswith("Host EC2")], reasons


def stall_and_kill_kafka(trial, loops, kills, seconds):
    """The host is busy beyond reason and stands still for seconds; the copy goes down and up; Kafka
    is killed again and again. Jobs that run meanwhile have one attempt each. None of the first ends
    while the container engine begins: such an end may have no exit code, and is tried elsewhere."""
    long, short = trial.definition(lasting(seconds)), trial.definition(lasting(1))
    waits = trial.definition(until("is-up"))
    made = [trial.submit(waits) for _ in range(4)]
    trial.wait_word(4)
    with trial.harm.busy(loops):
        stall(trial, times=2, seconds=3)
        down_up(trial)
        trial.release("is-up")
        made += [trial.submit(short) for _ in range(4)]
    made += [trial.submit(long) for _ in range(2)]
    made += kill_kafka(trial, kills, short)
    all_succeeded(trial.wait_all(), len(made))
    no_instance_was_given_up(trial)
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)


def wipe_kafka(trial, jobs):
    """All of Kafka's data goes, as with a new disk: its storage, its topics and who may do what
    come back without anybody's doing. Jobs that run, wait and arrive meanwhile SUCCEED."""
    long, short = trial.definition(lasting(15)), trial.definition(lasting(0.2))
    made = [trial.submit(long) for _ in range(3)] + [trial.submit(short) for _ in range(jobs)]
    trial.wait_word(6)
    trial.harm.wipe_kafka()
    made += [trial.submit(short) for _ in range(jobs)]
    all_succeeded(trial.wait_all(), len(made))
    settle(trial.stack)
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)


def lose_topics_and_redis(trial, times):
    """Every topic and all of Redis go, again and again."""
    definition, made = trial.definition(lasting(0.3)), []
    for _ in range(times):
        made += [trial.submit(definition) for _ in range(8)]
        trial.wait_next_start()
        trial.harm.delete_topics()
        trial.harm.empty_redis()
        time.sleep(2)
    all_succeeded(trial.wait_all(), len(made))
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)


# --- everything -----------------------------------------------------------------------------------


def _mixed(trial, rounds):
    """(definition, arguments) of submissions of every kind: singles, arrays of each kind of
    dependency, retries, failures and what depends on them."""
    quick, slow = trial.definition(lasting(0.05)), trial.definition(lasting(1))
    again = trial.definition(lasting(0.1, "$((AWS_BATCH_JOB_ATTEMPT < 2))"))
    bad = trial.definition(lasting(0.1, 3))
    plenty = {"retryStrategy": {"attempts": 6}}
    array = {"arrayProperties": {"size": 3}, **plenty}
    for _ in range(rounds):
        yield slow, {"dependsOn": [{"jobId": trial.submit(quick, **plenty)}], **plenty}
        yield again, plenty
        yield bad, {}
        first = trial.submit(quick, **array)
        yield quick, array | {"dependsOn": [{"jobId": first, "type": "N_TO_N"}]}
        yield quick, array | {"dependsOn": [{"type": "SEQUENTIAL"}]}
        yield quick, {"dependsOn": [{"jobId": trial.submit(bad)}]}


def work_of_every_kind(trial, rounds):
    """Submits it, and stops a job that would last."""
    stopped = trial.submit(trial.definition(lasting(600)))
    submitting = trial.submitting(_mixed(trial, rounds))
    trial.wait_word(12)
    trial.terminate(stopped)
    submitting.join(1000)
    assert not submitting.is_alive()


def kill_everything(trial, rounds, every):
    """Each server and service is killed at random while work of every kind runs."""
    parts = ["api", "scheduler", "scaler", "executor", "kafka", "postgres", "redis"]
    with trial.harm.random_kills(parts, every):
        work_of_every_kind(trial, rounds)
        trial.wait_word(20 * rounds, timeout=max(900, 30 * rounds))
    trial.wait_all()
    trial.check()


# --- full disks, on a copy whose disk is small ----------------------------------------------------


def fill_log_disk(trial, jobs):
    """What cannot be logged is dropped, and jobs go on."""
    definition = trial.definition(lasting(0.05))
    with trial.harm.full_disk(at=trial.stack.home / "log"):
        made = [trial.submit(definition) for _ in range(jobs)]
        all_succeeded(trial.wait_all(), len(made))
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)


def fill_disk(trial, jobs):
    """healthz and `status` name the disk; SubmitJob answers 503 within 2 s; jobs that were accepted
    before, and what is sent when there is room again, end as they should. Kafka is killed
    meanwhile, and comes back with the room."""
    stack, short, long = trial.stack, trial.definition(), trial.definition(lasting(10))
    made = [trial.submit(short) for _ in range(jobs)] + [trial.submit(long) for _ in range(2)]
    trial.wait_word(2 * jobs + 2)
    impatient, took = stack.client("batch", config=IMPATIENT), []

    def names_the_disk():
        status, text = stack.healthz()
        return (status, text) if status == 503 and "disk" in text else None

    with trial.harm.full_disk() as empty:
        print(wait_for("healthz to name the disk", names_the_disk, 120))
        trial.harm.kill("kafka")
        for _ in range(5):
            begin = time.monotonic()
            answer = refused(impatient, trial.queue, short)
            took.append(time.monotonic() - begin)
            assert answer["HTTPStatusCode"] == 503, answer
        assert "disk" in stack.openbatch("status").stdout
        assert " is full: " in stack.openbatch("doctor").stdout
        empty()
        settle(stack)
    assert_promised(took, 2)
    made += [trial.submit(short) for _ in range(jobs)]
    all_succeeded(trial.wait_all(), len(made))
    trial.check(may_be_empty=ONE_TRY)


def refused(batch, queue, definition):
    try:
        batch.submit_job(jobName="full", jobQueue=queue, jobDefinition=definition)
    except botocore.exceptions.ClientError as err:
        return err.response["ResponseMetadata"]
    raise AssertionError("a job was accepted on a full disk")
