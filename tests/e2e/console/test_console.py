"""The web console, in a real browser, with the real services behind it."""

import contextlib
import json
import os
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from eks import define, store_attempt, with_queue
from stack import HOLD, ROOT, frozen, wait_for

# A browser takes half a core: most of its walks are for the suite `long`.
LONG = pytest.mark.long

LINES = """
i=1; while [ $i -le 3000 ]; do echo "line $i"; i=$((i + 1)); done
echo '<script>alert(1)</script>'
printf 'turned \\342\\200\\256 around\\n'
printf '\\033[31mred words\\033[0m and plain ones\\n'
"""
BENCH = ROOT / "tests/bench/console"
HOSTILE = [{"name": "HOSTILE", "value": "<img src=x onerror=alert(1)>"}]


@pytest.fixture(scope="module")
def written(shared_work, queue):
    """A job that has written much, some of it hostile: (id, name)."""
    definition = shared_work.definition(["sh", "-c", LINES], environment=HOSTILE)
    job = shared_work.submit(queue, definition, jobName="written")
    assert shared_work.wait(job)["status"] == "SUCCEEDED"
    stream = shared_work.job(job)["container"]["logStreamName"]

    def stored():
        page = shared_work.logs.get_log_events(
            logGroupName="/aws/batch/job", logStreamName=stream, limit=1
        )
        return page["events"] and "plain ones" in page["events"][-1]["message"]

    wait_for("all of its output", stored)
    return job, "written"


@pytest.fixture(scope="module")
def many(batch, shared_work):
    """A queue with 250 jobs that wait."""
    name = shared_work.queue(shared_work.environment(max_vcpus=4, types=("m5.large",)))
    definition = shared_work.definition(["true"], vcpus=64)
    ids = [
        batch.submit_job(jobName=f"many-{n}", jobQueue=name, jobDefinition=definition)["jobId"]
        for n in range(250)
    ]
    yield name
    for at in range(0, len(ids), 50):
        batch.terminate_jobs(jobs=ids[at : at + 50], reason="tested")


def get(url, **headers):
    """(status, headers, body), without a browser."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as err:
        return err.code, err.headers, err.read()


@contextlib.contextmanager
def submitting(work, queue):
    """Jobs that wait for ever are submitted all the time."""
    definition = work.definition(["true"], vcpus=64)
    ending = threading.Event()

    def submit():
        while not ending.wait(0.5):
            work.submit(queue, definition)

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@pytest.fixture
def eks_queue(batch, eks_clusters):
    for _, name in with_queue(batch):
        yield name


@LONG
def test_a_job_of_a_kubernetes_cluster(browse, batch, stack, eks_queue):
    """It has no container, but shows its first one, and can be run again."""
    definition = define(batch, parameters={"what": "hello"})
    call = {"jobName": "a-pod", "jobQueue": eks_queue, "jobDefinition": definition}
    job = batch.submit_job(**call)["jobId"]
    wait_for("RUNNABLE", lambda: batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "RUNNABLE")
    ends = [{"name": "default", "exitCode": 3, "reason": "Error"}]
    store_attempt(stack, job, {"name": "aws-batch.1", "node": "node-7", "containers": ends})
    made = browse("eks", job=job)["made"]
    again = batch.describe_jobs(jobs=[made])["jobs"][0]["eksProperties"]["podProperties"]
    assert again["containers"][0]["command"] == ["echo", "hello"]
    assert again["containers"][0]["env"] == [{"name": "MORE", "value": "1"}]


def test_a_key_signs_in_and_its_secret_stays_nowhere(browse, console_url):
    """Another program on the host that got the cookie cannot use it: the pass is not in it."""
    left = browse("sign_in")
    assert left["secure"] is False, "this copy speaks plain HTTP"
    read = f"{console_url}/api/DescribeJobQueues?%7B%7D"
    assert get(read, Cookie=left["cookie"])[0] == 401
    assert get(read, Cookie=left["cookie"], **{"X-Console-Pass": left["pass"]})[0] == 200
    assert get(read, **{"X-Console-Pass": left["pass"]})[0] == 401


def test_a_link_of_the_command_signs_in_once(browse, stack):
    done = subprocess.run(
        [ROOT / "openbatch", "console"],
        env={"PATH": "/usr/bin:/bin", "OPENBATCH_HOME": str(stack.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    link = done.stdout.strip()
    assert "/#link=" in link
    browse("link", link=link)


def test_from_the_overview_to_the_output_of_a_hostile_job(browse, queue, written):
    job, name = written
    browse("walk", queue=queue, job=job, name=name)


@LONG
def test_no_line_of_long_output_is_left_out(browse, shared_work, queue):
    lines = 24000
    job = shared_work.submit(
        queue, shared_work.definition(["sh", "-c", f"seq 1 {lines} | sed 's/^/line /'"])
    )
    assert shared_work.wait(job)["status"] == "SUCCEEDED"
    stream = shared_work.job(job)["container"]["logStreamName"]

    def stored():
        page = shared_work.logs.get_log_events(
            logGroupName="/aws/batch/job", logStreamName=stream, limit=1
        )
        return page["events"] and page["events"][-1]["message"] == f"line {lines}"

    wait_for("all of its output", stored)
    browse("long_log", stream=stream, lines=lines)


def test_without_a_mouse(browse, written):
    browse("keyboard", name=written[1])


@LONG
def test_many_jobs_come_in_pages(browse, many):
    browse("jobs", queue=many, count=250, sevens=11)


@LONG
def test_a_job_is_stopped_and_run_again(browse, shared_work, queue):
    job = shared_work.submit(queue, shared_work.definition(HOLD), jobName="held")
    after = shared_work.definition(["true"])
    shared_work.submit(queue, after, jobName="after-it", dependsOn=[{"jobId": job}])
    wait_for("it runs", lambda: shared_work.job(job)["status"] == "RUNNING")
    made = browse("actions", job=job)["made"]
    assert shared_work.job(job)["statusReason"] == "stopped by a test"
    again = shared_work.job(made)
    assert again["jobName"] == "again" and again["container"]["command"] == ["echo", "second try"]


def test_an_array_is_a_picture(browse, shared_work, queue):
    fails = "case $AWS_BATCH_JOB_ARRAY_INDEX in 3|7|1[1-8]) exit 7;; esac"
    definition = shared_work.definition(["sh", "-c", fails])
    job = shared_work.submit(queue, definition, jobName="picture", arrayProperties={"size": 40})
    after = shared_work.submit(queue, definition, jobName="after", dependsOn=[{"jobId": job}])
    shared_work.wait(job, "FAILED", timeout=120)
    shared_work.wait(after, "FAILED")
    made = browse("array", job=job, after=after)["made"]
    # All of them fail again: they have the indexes of before.
    again = shared_work.wait(made, "FAILED", timeout=120)
    assert again["arrayProperties"]["statusSummary"]["FAILED"] == 10


@LONG
def test_events_come_as_they_happen(browse, shared_work, queue):
    name = shared_work.queue(shared_work.environment(max_vcpus=4))
    definition = shared_work.definition(["true"])

    def submit():
        shared_work.submit(queue, definition, jobName="elsewhere")
        for _ in range(3):
            shared_work.submit(name, definition, jobName="eventful")

    browse("events", when_ready=submit, queue=name, count=3, name="eventful", other="elsewhere")


@LONG
def test_use_over_time(browse, shared_work, queue, written):
    environment = shared_work.jq(queue)["computeEnvironmentOrder"][0]["computeEnvironment"]
    browse("usage", queue=queue, environment=environment.split("/")[-1])


def test_who_may_do_what(browse, shared_work, queue, new_key):
    other = shared_work.queue(shared_work.environment(max_vcpus=4))
    arns = {name: shared_work.jq(name)["jobQueueArn"] for name in (queue, other)}
    anything = "arn:aws:batch:*:*:job-definition/*"
    submits = {"Effect": "Allow", "Action": "batch:SubmitJob", "Resource": [arns[queue], anything]}
    key = new_key("submitter", {"Sid": "<b>not bold</b>"} | submits)
    narrow = {"id": key.id, "secret": key.secret}
    browse("may", id=key.id, narrow=narrow, queue=queue, other=other, arn=arns[other])


@LONG
def test_how_the_copy_is(browse, shared_work, queue):
    """While it works: the screen tells of the rounds of the last seconds."""
    definition = shared_work.definition(["sleep", "1"])
    job = shared_work.submit(queue, definition, arrayProperties={"size": 300})
    migrations = sorted((ROOT / "services/api/sql").glob("[0-9]*.sql"))
    browse("system", schema=int(migrations[-1].name[:4]))
    shared_work.batch.terminate_job(jobId=job, reason="enough")


@LONG
def test_all_that_match_are_stopped_by_one_request(browse, many):
    browse("stops", queue=many, matching=111, others=139)


@LONG
def test_what_runs_on_an_instance(browse, shared_work):
    environment = shared_work.environment(max_vcpus=4)
    queue = shared_work.queue(environment)
    job = shared_work.submit(queue, shared_work.definition(HOLD), jobName="here")
    wait_for("it runs", lambda: shared_work.job(job)["status"] == "RUNNING")
    browse("instances", environment=environment, name="here")
    shared_work.batch.terminate_job(jobId=job, reason="tested")


@LONG
def test_what_happens_is_seen_at_once(browse, shared_work):
    name = shared_work.queue(shared_work.environment(max_vcpus=4))
    definition = shared_work.definition(["true"])

    def submit():
        for _ in range(5):
            shared_work.submit(name, definition)

    heard = browse("live", when_ready=submit, queue=name, count=5)
    assert heard["messages"] >= 2


@LONG
def test_an_api_that_hangs_is_named(browse, stack, shared_work):
    """However many reads wait for it: in each of five queues something has changed."""
    environment = shared_work.environment(max_vcpus=4, types=("m5.large",))
    waits = shared_work.definition(["true"], vcpus=64)
    queues, jobs = [shared_work.queue(environment) for _ in range(5)], []

    def change():
        if jobs:
            shared_work.batch.terminate_job(jobId=jobs[0], reason="a failure")
        jobs.extend(shared_work.submit(queue, waits) for queue in queues)

    change()
    with contextlib.ExitStack() as hanging:
        steps = iter(
            [
                change,
                lambda: hanging.enter_context(frozen(stack.pid("api"))),
                lambda: hanging.close(),
            ]
        )
        browse("hangs", when_ready=lambda: next(steps)())
    shared_work.batch.terminate_jobs(jobs=jobs, reason="tested")


@LONG
def test_every_page_is_for_everybody(browse, queue, many, written, shared_work):
    job, _ = written
    environment = shared_work.jq(queue)["computeEnvironmentOrder"][0]["computeEnvironment"]
    container = shared_work.job(job)["container"]
    instance = container["containerInstanceArn"].split("/")[-1]
    array = shared_work.submit(
        queue, shared_work.definition(["false"]), arrayProperties={"size": 3}
    )
    shared_work.wait(array, "FAILED")
    waiting = shared_work.batch.list_jobs(jobQueue=many, jobStatus="RUNNABLE", maxResults=1)
    definition = shared_work.job(job)["jobDefinition"].split("/")[-1].split(":")[0]
    browse(
        "access",
        places=[
            "/",
            "/jobs",
            "/queues",
            f"/queue/{many}",
            f"/job/{job}",
            f"/job/{waiting['jobSummaryList'][0]['jobId']}",
            f"/log?group=/aws/batch/job&stream={container['logStreamName']}&job={job}",
            "/environments",
            f"/environments?name={environment.split('/')[-1]}",
            f"/instance?environment={environment.split('/')[-1]}&id={instance}",
            f"/job/{array}",
            "/definitions",
            "/events",
            "/access?operation=batch%3ASubmitJob&m.jobQueue=none",
            "/system",
            f"/definitions?name={definition}",
            "/nowhere",
        ],
        pictures=os.environ.get("OPENBATCH_TEST_PICTURES"),
    )


def test_a_key_sees_and_hears_of_what_its_policy_allows(
    browse, new_key, root_key, shared_work, queue, written
):
    environment = shared_work.environment(max_vcpus=4)
    other = shared_work.queue(environment)
    arns = {name: shared_work.jq(name)["jobQueueArn"] for name in (queue, other)}
    key = new_key("narrow", {"Effect": "Allow", "Action": "batch:*", "Resource": arns[queue]})
    definition = shared_work.definition(["true"])
    talks = shared_work.definition(["echo", "unseen output"])
    job = shared_work.submit(other, talks, jobName="unseen")
    array = shared_work.submit(other, definition, jobName="folded", arrayProperties={"size": 2})
    for one in (job, array):
        assert shared_work.wait(one)["status"] == "SUCCEEDED"
    container = shared_work.job(job)["container"]
    instance = container["containerInstanceArn"].split("/")[-1]
    stream = container["logStreamName"]
    places = [
        (f"/jobs?queue={other}", "unseen"),
        (f"/job/{job}", "unseen"),
        (f"/job/{array}", "folded"),
        (f"/job/{array}:1", "folded"),
        (f"/log?group=/aws/batch/job&stream={stream}", "unseen output"),
        (f"/instance?environment={environment}&id={instance}", "What runs on it"),
    ]

    def submit():
        for name in (other, queue):
            shared_work.submit(name, definition)

    browse(
        "rights",
        when_ready=submit,
        key={"id": key.id, "secret": key.secret},
        root=root_key,
        places=places,
        queue=queue,
        name=written[1],
        own=arns[queue],
        other=arns[other],
    )


@LONG
def test_a_tab_does_nothing_as_the_key_of_another_tab(browse, new_key, root_key, batch, many):
    """Its key may not stop all that match; the other tab's may."""
    key = new_key("tabs", {"Effect": "Allow", "Action": "batch:*", "Resource": "*"})
    browse("tabs", key={"id": key.id, "secret": key.secret}, other=root_key, queue=many)
    assert batch.list_jobs(jobQueue=many, jobStatus="RUNNABLE", maxResults=1)["jobSummaryList"]


@LONG
def test_the_benchmark_finds_what_it_measures(browse, shared_work, queue, many, written):
    """In small: that its screens are there, and that its tabs hear what happens."""
    environment = shared_work.jq(queue)["computeEnvironmentOrder"][0]["computeEnvironment"]
    held = shared_work.submit(queue, shared_work.definition(HOLD))
    fails = shared_work.definition(["false"])
    array = shared_work.submit(queue, fails, arrayProperties={"size": 3})
    shared_work.wait(array, "FAILED")
    wait_for("it runs", lambda: shared_work.job(held)["status"] == "RUNNING")
    page = shared_work.batch.list_jobs(jobQueue=many, jobStatus="RUNNABLE", maxResults=1)
    jobs = {
        "queue": many,
        "environment": environment.split("/")[-1],
        "ended": written[0],
        "waiting": page["jobSummaryList"][0]["jobId"],
        "array": array,
        "name": "many-1",
        "page": 100,
    }
    with submitting(shared_work, many):
        seen = browse(BENCH / "screens.js", jobs=jobs, rounds=1, redraws=3)
        followed = browse(BENCH / "follow.js", jobs=jobs, tabs=5, seconds=6)
    shared_work.batch.terminate_job(jobId=held, reason="tested")
    assert len(seen["first"]) == len(seen["next"]) == 12
    assert seen["bytes"] > 10000 and 100 <= seen["rows"] <= 200 and len(seen["drawings"]) >= 3
    assert seen["wrong"] == followed["wrong"] == []
    for tab in followed["tabs"]:
        assert tab["live"] and tab["streams"] == 1, tab
        assert tab["changes"] > 0 or "/job/" in tab["path"], tab  # another queue
        assert 1e6 < tab["heap"] < 80e6, tab


def test_the_first_load_is_small_and_asks_nobody_else(console_url):
    total = 0
    for path in ("/", "/assets/console.js", "/assets/console.css", "/assets/icon.svg"):
        status, headers, body = get(console_url + path)
        assert status == 200 and headers["Content-Encoding"] == "gzip"
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        total += len(body)
    assert total <= 120 * 1024


def test_health_says_how_the_console_is(stack):
    said = json.loads(
        subprocess.run(
            ["/usr/bin/python3", ROOT / "tools/health.py", "console", stack.run_dir, "1"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert said["service"] == "console" and said["depends"]["api"]["ok"] is True
