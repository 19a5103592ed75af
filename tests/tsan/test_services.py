"""All services under load, built with ThreadSanitizer. Its reports are files in the copy's home,
which tools/test.sh looks for; this finds only that the work was done."""

import contextlib
import itertools
import os
import signal
import threading
from functools import partial

from crowd import Crowd
from null_trial import joined
from stack import wait_for
from standby import standby_of
from storm import Storm
from trial import until_answered
from work import ENDED

ROUNDS = 12  # of the crowd's
SUBMISSIONS = 600
LINES = 300  # that a container writes
SLOW = 300  # seconds that a service may take to start
AGAIN = {"retryStrategy": {"attempts": 10}}  # an executor that is held up is lost
STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", *ENDED)


def reads(trial, environment):
    """What a client reads, one call after the other, for ever."""
    batch, logs = trial.stack.client("batch"), trial.stack.client("logs")
    group = {"logGroupName": "/aws/batch/job"}
    for n, state in enumerate(itertools.cycle(STATES)):
        name = [{"name": "JOB_NAME", "values": [f"s{n}*"]}]
        yield partial(batch.list_jobs, jobQueue=trial.queue, jobStatus=state, maxResults=50)
        yield partial(batch.list_jobs, jobQueue=trial.queue, filters=name)
        yield partial(batch.describe_jobs, jobs=trial.ids[-100:])
        yield partial(batch.get_job_queue_snapshot, jobQueue=trial.queue)
        yield partial(batch.describe_compute_environments, computeEnvironments=[environment])
        yield batch.describe_job_queues
        yield batch.describe_job_definitions
        yield partial(logs.describe_log_streams, **group, limit=20)
        yield partial(logs.filter_log_events, **group, filterPattern="line", limit=100)


@contextlib.contextmanager
def reading(trial, environment, threads=4):
    """Clients that read beside the block, whatever restarts meanwhile."""
    over, failed = threading.Event(), []

    def run():
        try:
            for call in reads(trial, environment):
                if over.is_set():
                    return
                until_answered(call)
        except Exception as err:
            failed.append(err)

    readers = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        over.set()
        for reader in readers:
            reader.join(60)
    assert not failed, failed[0]


def storm(trial, definition):
    """Submits as fast as the api answers, while it restarts, too; every third job waits for an
    earlier one."""

    def call(n):
        def arguments(last):
            on = [{"jobId": last}] if last and n % 3 == 0 else []
            return {"jobDefinition": definition, "dependsOn": on, **AGAIN}

        return arguments

    one = Storm(trial, threads=8, cuts=0.02)
    thread = threading.Thread(target=lambda: one.run(map(call, range(SUBMISSIONS))), daemon=True)
    thread.start()
    return one, thread


def run_anew(stack):
    """SIGHUP: the api runs its program anew and keeps its port."""
    started = stack.home / "sv/api/started"
    before = started.read_text()
    os.kill(stack.pid("api"), signal.SIGHUP)
    wait_for("the program", lambda: started.read_text() not in ("", before), SLOW)
    wait_for("the api to be well", lambda: stack.is_well("api"), SLOW)


def change_leader(stack):
    """The scheduler that leads is killed; the other leads."""

    def epoch():
        return int(stack.sql("SELECT epoch FROM leader WHERE role = 'scheduler'")[0][0])

    before = epoch()
    stack.kill("scheduler")
    wait_for("another leader", lambda: epoch() > before, SLOW)


def test_services_under_load(trial):
    """A crowd of jobs of every kind, a storm of submissions, readers, containers that write; the
    leader changes, and each service restarts."""
    stack = trial.stack
    queue, environment = trial.hosts_queue()
    crowd = Crowd(trial, rounds=ROUNDS, every=0.1, lasts=1)
    talk = trial.definition(["sh", "-c", f"for i in $(seq {LINES}); do echo line $i; done"])
    engine = {"OPENBATCH_RUNTIME": "docker", "DOCKER_HOST": stack.settings["DOCKER_HOST"]}
    with (
        standby_of(stack, trial.folder, SLOW),
        joined(trial, environment, "containers", SLOW, **engine) as host,
    ):
        talking = [trial.submit(talk, queue=queue, **AGAIN) for _ in range(8)]
        with reading(trial, environment):
            with crowd.arriving():
                submitter, submitting = storm(trial, crowd.quick)
                change_leader(stack)
                stack.restart("scaler", SLOW)
                run_anew(stack)
                host.signal(signal.SIGTERM)
                for instance in stack.instances():
                    if stack.pid(instance):
                        stack.kill(instance, signal.SIGTERM)
                stack.restart("api", SLOW)
            submitting.join(1200)
        assert not submitter.failed, submitter.failed[0]
        assert submitter.counts.submitted == SUBMISSIONS
        crowd.wait_ended(1800)
        for job in trial.work.jobs(talking):
            wait_for(
                f"all lines of {job['jobId']}",
                lambda job=job: len(trial.work.log(job, SLOW)) == LINES,
                SLOW,
            )
