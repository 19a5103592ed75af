"""Recipes (crash_recipes.py) with jobs, services that start, and the container engine."""

import contextlib
import shutil
import signal
import subprocess

from botocore.exceptions import ClientError
from crash_case import LIGHT
from stack import ROOT, wait_for
from word import lasting, script

# --- jobs -----------------------------------------------------------------------------------------


def work(case):
    """A job with output that is tried twice, an array that waits for it, one that is stopped."""
    case.arm()
    again = case.definition(script("echo said; code=$((AWS_BATCH_JOB_ATTEMPT < 2))"))
    first = case.submit(again, **LIGHT)
    case.submit(case.quick, dependsOn=[{"jobId": first}], arrayProperties={"size": 2}, **LIGHT)
    stopped = case.submit(case.definition(lasting(600)))
    case.wait_word(1, 120)
    case.terminate(stopped)
    case.keep_on(lambda: case.batch.describe_jobs(jobs=[first]), every=0.2)


def use_grows(case):
    """Ever more jobs run, so that the next stored use of their environment is another one."""
    case.arm()
    stays, jobs = case.definition(lasting(600)), []
    case.keep_on(lambda: jobs.append(case.submit(stays)), every=5)
    for job in jobs:
        case.terminate(job)


def job_and_stop(case):
    """A job that is stopped while it runs."""
    job = case.submit(case.definition(lasting(600)))
    case.wait_word(1, 120)
    case.arm()
    case.terminate(job)
    case.wait_died()


def describe(case):
    """Jobs are shown whose log streams nobody has seen before."""
    case.arm()
    jobs = [case.one_job() for _ in range(2)]
    case.keep_on(lambda: case.batch.describe_jobs(jobs=jobs), every=0.2)


def with_volume(case):
    """A job with a volume of Docker's, which goes with it."""
    case.arm()
    case.submit(
        case.definition(
            lasting(0.05),
            more_volumes=[{"name": "scratch", "host": {}}],
            more_mounts=[{"sourceVolume": "scratch", "containerPath": "/scratch"}],
        ),
        **LIGHT,
    )
    case.wait_died()


def no_such_image(case):
    """A job whose image has to be pulled, from a registry that nobody runs."""
    case.arm()
    case.submit(case.definition(lasting(0.05), image="127.0.0.1:9/none:latest"))
    case.wait_died()


def long_and_sweep(case):
    """What runs every few seconds, whatever happens."""
    case.arm()
    case.one_job()
    case.wait_died()


def refused(case):
    """A submission that is refused, in a later try of the same call."""

    def second_try(request, **_):
        request.headers["amz-sdk-request"] = "attempt=2; max=3"

    client = case.stack.client("batch")
    client.meta.events.register("before-send.batch.SubmitJob", second_try)
    case.arm()

    def call():
        with contextlib.suppress(ClientError):
            client.submit_job(jobName="no", jobQueue=case.queue, jobDefinition="no-such-definition")

    case.keep_on(call)


def clock_back(case):
    """The api's clock is set back while jobs arrive, so that ids are ahead of it."""
    library, ahead = case.folder / "clock_ahead.so", case.folder / "ahead"
    source = ROOT / "tests/fakes/clock_ahead.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    ahead.write_text("60")
    before = case.stack.change_settings(
        {
            "LD_PRELOAD": library,
            "OB_TEST_CLOCK": ahead,
            "ASAN_OPTIONS": "verify_asan_link_order=0:abort_on_error=0",
        }
    )
    try:
        case.one_job()
        ahead.write_text("0")
        case.arm()
        case.one_job()
        case.wait_died()
    finally:
        ahead.write_text("0")
        case.stack.change_settings(before)


# --- services start ---


def start_of(part):
    def recipe(case):
        """The service ends, and another process of it starts, while jobs arrive."""
        case.one_job()
        case.arm()
        case.harm.kill(part, signal.SIGTERM)
        case.one_job()
        case.wait_died(90)

    recipe.__name__ = f"start_of_{part}"
    return recipe


def another_root_key(case):
    """The root key's file changes, and the api starts; then the old one comes back."""
    file = next((case.stack.home / "secrets").glob("root*key*"))
    text = file.read_text()
    other = "\n".join([text.split()[0], "z" * 40]) + "\n"
    try:
        case.arm()
        file.write_text(other)
        case.harm.kill("api", signal.SIGTERM)
        case.wait_died(90)
        wait_for("the api", lambda: case.stack.is_well("api"), 60)
    finally:
        file.write_text(text)
        case.restart("api")
        wait_for("the api", lambda: case.stack.is_well("api"), 60)


def new_database(case):
    """An api makes the schema of an empty database of its own."""
    stack, name = case.stack, "crashed"
    shutil.rmtree(case.folder / "run", ignore_errors=True)
    (case.folder / "run").mkdir()
    stack.sql_as_administrator(
        f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} OWNER openbatch"
    )
    command = (
        f"cd '{stack.home}/sv/api' && set -a && . ../../env && OPENBATCH_KAFKA_USER=api"
        " && OPENBATCH_KAFKA_PASSWORD_FILE=$OPENBATCH_HOME/secrets/kafka-api.password"
        f' && OPENBATCH_PG="host=$OPENBATCH_RUN_DIR user=openbatch dbname={name}"'
        f" && OPENBATCH_PORT=$((OPENBATCH_PORT + 18)) && OPENBATCH_RUN_DIR='{case.folder}/run'"
        ' && exec "$OB_BUILD/services/api/openbatch-api"'
    )
    case.arm()
    with (case.folder / "api.log").open("w") as log:
        first = subprocess.Popen(["bash", "-c", command], stdout=log, stderr=log)
        case.wait_died()
        assert first.wait(30) == -signal.SIGKILL
        second = subprocess.Popen(["bash", "-c", command], stdout=log, stderr=log)
    versions = "SELECT string_agg(version || name, ',' ORDER BY version) FROM schema_migration"
    try:
        wait_for(
            "the schema", lambda: stack.sql_of(name, versions) == stack.sql(versions), 60, every=0.5
        )
    finally:
        second.terminate()
        second.wait(60)
        stack.sql_as_administrator(f"DROP DATABASE {name} WITH (FORCE)")


def topics_go(case):
    """All topics are deleted."""
    case.one_job()
    case.arm()
    case.harm.delete_topics()
    case.wait_died(90)


# --- the container engine ---


def engine_that_starts_nothing(case):
    """containerd dies again and again while jobs start: the executor tries the engine itself."""
    case.arm()
    case.one_job()

    def again():
        case.harm.kill("containerd")
        case.one_job()

    case.keep_on(again, every=1.5, timeout=120)


def end_unseen(case):
    """A container ends while containerd stands still: the engine goes on to say that it runs, until
    the executor has it look. It answers that when containerd goes on."""
    job = case.submit(case.definition(lasting(6)), **LIGHT)
    case.work.wait(job, "RUNNING", timeout=120)
    with case.harm.stopped("containerd"):
        case.arm()
        if case.side == "before":
            case.wait_died(90)
        else:
            wait_for("the executor to miss it", lambda: is_missed(case, job), 90)
    case.wait_died()


def is_missed(case, job):
    """Does an executor's log say that the job's process is gone?"""
    logs = (case.stack.home / "log").glob("executor-*/current")
    said = (line for log in logs for line in log.read_text(errors="replace").splitlines())
    return any("container.vanished" in line and job in line for line in said)
