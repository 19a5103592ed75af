"""SubmitJob with an SDK's repeated tries: whatever is cut or dies, a call makes one job."""

import json
import subprocess
import types
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

import botocore.endpoint
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from cutter import CUTS, Cutter
from stack import wait_for

CALLS = 1000
THREADS = 24


@pytest.fixture
def second_api(stack, tmp_path):
    """Another api process of the same build and environment, with a port and a health socket of
    its own."""
    port = int(stack.settings["OPENBATCH_PORT"]) + 90
    command = (
        f"cd '{stack.home}/sv/api' && set -a && . ../../env && OPENBATCH_KAFKA_USER=api"
        " && OPENBATCH_KAFKA_PASSWORD_FILE=$OPENBATCH_HOME/secrets/kafka-api.password"
        ' && OPENBATCH_PG="host=$OPENBATCH_RUN_DIR user=openbatch dbname=openbatch"'
        f" && OPENBATCH_PORT={port} && OPENBATCH_RUN_DIR='{tmp_path}'"
        ' && exec "$OB_BUILD/services/api/openbatch-api"'
    )
    log_file = tmp_path / "log"
    with open(log_file, "w") as log:
        process = subprocess.Popen(["bash", "-c", command], stdout=log, stderr=log)

    def answers():
        try:
            once = HTTPConnection("127.0.0.1", port, timeout=5)
            once.request("GET", "/healthz")
            return once.getresponse().status == 200
        except OSError:
            return False

    wait_for("the second api", answers)
    yield ("127.0.0.1", port)
    process.terminate()
    code = process.wait(30)
    assert code == 0, f"it ends clean, not {code}:\n" + log_file.read_text()[-8000:]


@pytest.fixture
def quick_retries(monkeypatch):
    """The SDK's own tries, without its pauses."""
    monkeypatch.setattr(
        botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda seconds: None)
    )


def stuck_definition(work):
    """Of jobs that stay RUNNABLE: no instance is so large."""
    return work.definition(vcpus=2, memory=900000)


def terminate_all(batch, ids):
    for at in range(0, len(ids), 50):
        done = batch.terminate_jobs(jobs=ids[at : at + 50], reason="counted")
        assert len(done["successful"]) == len(ids[at : at + 50]) and done["errors"] == []


def listed(batch, queue, name):
    pages = batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [name]}]
    )
    return [job["jobId"] for page in pages for job in page["jobSummaryList"]]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_1000_calls_with_cut_connections_make_1000_jobs(
    stack, shared_work, queue, second_api, quick_retries
):
    """Two api processes behind a proxy that cuts each call at least once; the supervised one is
    killed -9 meanwhile, twice."""
    definition = stuck_definition(shared_work)
    prefix = f"once-{uuid.uuid4().hex[:8]}"
    first = urlsplit(stack.endpoint)
    proxy = Cutter([(first.hostname, first.port), second_api])
    client = stack.client(
        "batch",
        endpoint_url=proxy.url,
        config=Config(
            # Many tries: the half of them goes to a process that is dead for a while.
            retries={"total_max_attempts": 200, "mode": "legacy"},
            max_pool_connections=THREADS,
            connect_timeout=5,
            read_timeout=30,
        ),
    )

    def call(n):
        if n in (CALLS // 4, CALLS // 2):
            stack.kill("api")
        return client.submit_job(jobName=f"{prefix}-{n}", jobQueue=queue, jobDefinition=definition)[
            "jobId"
        ]

    with ThreadPoolExecutor(THREADS) as pool:
        ids = list(pool.map(call, range(CALLS)))
    print(proxy.counts)
    proxy.shutdown()
    assert all(proxy.counts[cut] > CALLS / 10 for cut in CUTS), proxy.counts
    assert len(set(ids)) == CALLS
    assert stack.sql(
        "SELECT count(*) FROM job j JOIN job_queue q ON q.id = j.queue_id"
        f" WHERE q.name = '{queue}' AND j.name LIKE '{prefix}-%'"
    ) == [[str(CALLS)]]
    assert sorted(listed(shared_work.batch, queue, f"{prefix}-*")) == sorted(ids)
    jobs = {job["jobId"]: job["jobName"] for job in shared_work.jobs(ids)}
    assert [jobs[i] for i in ids] == [f"{prefix}-{n}" for n in range(CALLS)]
    terminate_all(shared_work.batch, ids)
    shared_work.wait_all(ids)


def submit_raw(stack, invocation, body, **headers):
    """One try of a call, signed but for its id, which may be bytes: (status, answer)."""
    data = json.dumps(body)
    request = AWSRequest(
        "POST",
        stack.endpoint + "/v1/submitjob",
        data=data,
        headers={"Content-Type": "application/json"} | headers,
    )
    keys = Credentials(stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, "batch", stack.env["AWS_REGION"]).add_auth(request)
    once = HTTPConnection(urlsplit(stack.endpoint).netloc, timeout=20)
    of_try = {"amz-sdk-invocation-id": invocation}
    once.request("POST", "/v1/submitjob", data, dict(request.headers) | of_try)
    answer = once.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_repeated_try_gets_the_first_answer(stack, shared_work, queue):
    """The same id with the same body is one job; with another body it is refused; another id is
    another job."""
    body = {
        "jobName": "again",
        "jobQueue": queue,
        "jobDefinition": stuck_definition(shared_work),
    }
    invocation = str(uuid.uuid4())
    first = submit_raw(stack, invocation, body)
    assert first[0] == 200
    assert submit_raw(stack, invocation, body) == first
    status, answer = submit_raw(stack, invocation, body | {"jobName": "changed"})
    assert status == 400 and "another body" in answer["message"]
    other = submit_raw(stack, str(uuid.uuid4()), body)
    assert other[0] == 200 and other[1]["jobId"] != first[1]["jobId"]
    terminate_all(shared_work.batch, [first[1]["jobId"], other[1]["jobId"]])


@pytest.mark.parametrize("id_of_try", [b"", b"x" * 129, b"a\xff", "é".encode(), "long"])
def test_what_is_no_id_of_an_sdk_is_none(stack, shared_work, queue, id_of_try):
    """Two calls with it are two jobs; one with the longest that counts is one."""
    body = {"jobName": "odd", "jobQueue": queue, "jobDefinition": stuck_definition(shared_work)}
    if id_of_try == "long":  # for an index, too
        id_of_try = "".join(uuid.uuid4().hex for _ in range(250))
    tries = [submit_raw(stack, id_of_try, body) for _ in range(2)]
    longest = "".join(uuid.uuid4().hex for _ in range(4))
    good = [submit_raw(stack, longest, body) for _ in range(2)]
    assert [status for status, _ in tries + good] == [200] * 4, tries
    ids = [answer["jobId"] for _, answer in tries + good]
    terminate_all(shared_work.batch, ids)
    assert ids[0] != ids[1] and ids[2] == ids[3]


def test_a_repeated_try_gets_the_first_answer_though_it_would_be_refused_now(
    stack, batch, shared_work, queue
):
    """The definition was deregistered between the two tries."""
    definition = stuck_definition(shared_work)
    body = {"jobName": "late", "jobQueue": queue, "jobDefinition": f"{definition}:1"}
    invocation = str(uuid.uuid4())
    first = submit_raw(stack, invocation, body)
    assert first[0] == 200
    batch.deregister_job_definition(jobDefinition=f"{definition}:1")
    assert submit_raw(stack, invocation, body) == first
    status, answer = submit_raw(stack, str(uuid.uuid4()), body)
    assert status == 400 and "not in ACTIVE status" in answer["message"]
    terminate_all(batch, [first[1]["jobId"]])


def test_a_repeated_try_waits_for_the_first_that_is_being_written(stack, batch, shared_work, queue):
    """The definition is deregistered meanwhile: all tries have one answer, and it is true."""
    definition = stuck_definition(shared_work)
    name = f"meanwhile-{uuid.uuid4().hex[:8]}"
    body = {"jobName": name, "jobQueue": queue, "jobDefinition": f"{definition}:1"}
    scope = shared_work.jq(queue)["jobQueueArn"].partition("job-queue/")[0]
    arn = f"{scope}job-definition/{definition}:1"
    invocation = str(uuid.uuid4())
    key = stack.env["AWS_ACCESS_KEY_ID"]
    row = f"INSERT INTO submit_once VALUES ('{key}', '{invocation}', '', '{uuid.uuid4()}', 0)"
    with ThreadPoolExecutor(2) as pool:
        with stack.transaction(row, end="ROLLBACK"):
            first = pool.submit(submit_raw, stack, invocation, body)
            wait_for("the first to wait", lambda: stack.waits_for_a_lock("openbatch-api submit"))
            batch.deregister_job_definition(jobDefinition=f"{definition}:1")
            # As in a process of which nobody has named the definition lately.
            batch.tag_resource(resourceArn=arn, tags={"what": "names meant is forgotten"})
            second = pool.submit(submit_raw, stack, invocation, body)
            wait_for(
                "the second to wait, or be answered",
                lambda: stack.waits_for_a_lock("openbatch-api") or second.done(),
            )
        tries = [first.result(), second.result(), submit_raw(stack, invocation, body)]
    made = stack.sql(f"SELECT id FROM job WHERE name = '{name}'")
    if made:
        assert [status for status, _ in tries] == [200] * 3, tries
        assert {answer["jobId"] for _, answer in tries} == {made[0][0]}
        terminate_all(batch, [made[0][0]])
    else:
        assert [status for status, _ in tries] == [400] * 3, tries


def test_a_call_that_was_refused_stays_so(stack, shared_work, queue):
    """Unless the refused one was its first try, for then nobody else can have had an answer."""
    name = f"later-{uuid.uuid4().hex[:8]}"
    body = {"jobName": "late", "jobQueue": queue, "jobDefinition": name}
    known_first, unknown = str(uuid.uuid4()), str(uuid.uuid4())
    first_try = {"amz-sdk-request": "attempt=1; max=3"}
    assert submit_raw(stack, known_first, body, **first_try)[0] == 400
    assert submit_raw(stack, unknown, body)[0] == 400
    shared_work.batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={
            "image": shared_work.image,
            "resourceRequirements": [
                {"type": "VCPU", "value": "2"},
                {"type": "MEMORY", "value": "900000"},
            ],
        },
    )
    status, answer = submit_raw(stack, unknown, body, **{"amz-sdk-request": "attempt=2; max=3"})
    assert status == 400 and "already refused" in answer["message"]
    status, answer = submit_raw(stack, known_first, body)
    assert status == 200
    terminate_all(shared_work.batch, [answer["jobId"]])
