"""Dependencies in real containers; each test is named after a sentence of AWS's user guide ("Job
dependencies", "Array job dependencies")."""

import time

import pytest
from stack import wait_for

DEPENDENT = "Dependent Job failed"
STAMP = "i=$AWS_BATCH_JOB_ARRAY_INDEX; echo +$i >> /out/log; sleep 0.2; echo -$i >> /out/log"


@pytest.fixture(scope="module")
def ok(shared_work):
    return shared_work.definition(["true"])


@pytest.fixture(scope="module")
def bad(shared_work):
    return shared_work.definition(["false"])


@pytest.fixture(scope="module")
def held(shared_work, tmp_path_factory):
    """A definition whose jobs run until the file is made."""
    folder = tmp_path_factory.mktemp("held")
    command = ["sh", "-c", "until test -e /out/go; do sleep 0.1; done"]
    return on_folder(shared_work, folder, command), folder / "go"


def on_folder(work, folder, command):
    folder.chmod(0o777)
    return work.definition(
        command,
        volumes=[{"name": "out", "host": {"sourcePath": str(folder)}}],
        mountPoints=[{"sourceVolume": "out", "containerPath": "/out"}],
    )


def on(*jobs):
    return [{"jobId": job} for job in jobs]


def failed_for_dependency(work, job_id):
    job = work.wait(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", DEPENDENT)
    assert job["attempts"] == [] and "startedAt" not in job
    return job


def test_waits_until_it_succeeded_across_queues_and_restarts(stack, shared_work, queue, ok, held):
    """PENDING until every dependency has SUCCEEDED, whatever becomes of the scheduler meanwhile;
    then RUNNABLE and on. What succeeded already counts as met."""
    w = shared_work
    definition, go = held
    other = w.queue(w.environment())
    first = w.submit(other, definition)
    second = w.submit(queue, ok, dependsOn=on(first))
    array = w.submit(queue, ok, dependsOn=on(first), arrayProperties={"size": 3})
    third = w.submit(other, ok, dependsOn=on(second, array))
    w.wait(first, "RUNNING")
    for job_id in (second, array, third):
        job = w.wait(job_id, "PENDING")
        assert job["dependsOn"]
    assert w.job(array)["arrayProperties"]["statusSummary"]["PENDING"] == 3
    assert w.job(f"{array}:1")["status"] == "PENDING"
    one = f'Waiting for job {first} ("{w.job(first)["jobName"]}")'
    two = f'Waiting for job {second} ("{w.job(second)["jobName"]}"), job {array} ("'
    assert [w.job(j)["statusReason"] for j in (second, array, f"{array}:1")] == [one] * 3
    assert w.job(third)["statusReason"].startswith(two)
    listed = w.batch.list_jobs(jobQueue=queue, jobStatus="PENDING")["jobSummaryList"]
    assert {j["jobId"]: j["statusReason"] for j in listed}[second] == one
    stack.kill("scheduler")
    time.sleep(0.5)
    assert w.job(second)["status"] == "PENDING"
    go.write_text("")
    ended = w.wait_all([first, second, array, third])
    assert [j["status"] for j in ended] == ["SUCCEEDED"] * 4
    by_id = {j["jobId"]: j for j in ended}
    assert by_id[first]["stoppedAt"] <= by_id[second]["startedAt"]
    assert by_id[second]["stoppedAt"] <= by_id[third]["startedAt"]
    late = w.submit(queue, ok, dependsOn=on(first, array) + [{"jobId": f"{array}:2"}])
    assert w.wait(late)["status"] == "SUCCEEDED"


def test_failure_goes_down_the_chain(shared_work, queue, ok, bad):
    """A dependency that FAILED fails its dependents, and theirs: a diamond. One that has FAILED
    already fails them at once."""
    w = shared_work
    top = w.submit(queue, bad)
    left, right = (w.submit(queue, ok, dependsOn=on(top)) for _ in range(2))
    bottom = w.submit(queue, ok, dependsOn=on(left, right))
    array = w.submit(queue, ok, dependsOn=on(bottom), arrayProperties={"size": 2})
    for job_id in (left, right, bottom, array, f"{array}:1"):
        failed_for_dependency(w, job_id)
    began = time.monotonic()
    failed_for_dependency(w, w.submit(queue, ok, dependsOn=on(top)))
    assert time.monotonic() - began < 5


def test_sequential_children_run_one_after_the_other(shared_work, queue, tmp_path):
    """SEQUENTIAL: child i waits until child i - 1 has SUCCEEDED; when one fails, the rest does."""
    w = shared_work
    definition = on_folder(w, tmp_path, ["sh", "-c", STAMP])
    fails = w.definition(["sh", "-c", "test $AWS_BATCH_JOB_ARRAY_INDEX != 1"])
    sequential = [{"type": "SEQUENTIAL"}]
    array = w.submit(queue, definition, arrayProperties={"size": 6}, dependsOn=sequential)
    broken = w.submit(queue, fails, arrayProperties={"size": 6}, dependsOn=sequential)
    assert [j["status"] for j in w.wait_all([array])] == ["SUCCEEDED"]
    log = (tmp_path / "log").read_text().split()
    assert log == [f"{sign}{i}" for i in range(6) for sign in "+-"]
    job = w.wait(broken)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Array Child Job failed")
    summary = job["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"]) == (1, 5)
    assert w.job(f"{broken}:1")["container"]["exitCode"] == 1
    for index in (2, 5):
        failed_for_dependency(w, f"{broken}:{index}")


def test_n_to_n_children_wait_for_their_like(shared_work, queue, ok):
    """N_TO_N: child i waits for child i of the other array; where that fails, only child i does."""
    w = shared_work
    fails = w.definition(["sh", "-c", "test $AWS_BATCH_JOB_ARRAY_INDEX != 3"])
    size = {"size": 8}
    first = w.submit(queue, fails, arrayProperties=size)
    second = w.submit(
        queue, ok, arrayProperties=size, dependsOn=[{"jobId": first, "type": "N_TO_N"}]
    )
    after = w.submit(queue, ok, dependsOn=on(second))
    job = w.wait(second, timeout=90)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Array Child Job failed")
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 7
    failed_for_dependency(w, f"{second}:3")
    firsts = w.jobs([f"{first}:{i}" for i in range(8)])
    seconds = w.jobs([f"{second}:{i}" for i in range(8)])
    for a, b in zip(firsts, seconds, strict=True):
        assert a["status"] == b["status"]
        if a["status"] == "SUCCEEDED":
            assert a["stoppedAt"] <= b["startedAt"]
    failed_for_dependency(w, after)


def test_pending_jobs_end_at_once_when_cancelled_or_terminated(shared_work, queue, ok, tmp_path):
    """CancelJob and TerminateJob end a PENDING job, array or child at once with the caller's
    reason; what depends on it fails."""
    w = shared_work
    hold = on_folder(w, tmp_path, ["sh", "-c", "until test -e /out/go; do sleep 0.1; done"])
    first = w.submit(queue, hold)
    single, other = (w.submit(queue, ok, dependsOn=on(first)) for _ in range(2))
    array = w.submit(queue, ok, dependsOn=on(first), arrayProperties={"size": 3})
    after = w.submit(queue, ok, dependsOn=on(single))
    for job_id in (single, other, array, after):
        w.wait(job_id, "PENDING")
    w.batch.cancel_job(jobId=single, reason="not wanted")
    w.batch.terminate_job(jobId=other, reason="not needed")
    w.batch.cancel_job(jobId=f"{array}:1", reason="not this")
    job = w.wait(single, timeout=5)
    assert (job["statusReason"], job["isCancelled"]) == ("not wanted", True)
    job = w.wait(other, timeout=5)
    assert (job["statusReason"], job["isTerminated"]) == ("not needed", True)
    assert w.wait(f"{array}:1", timeout=5)["statusReason"] == "not this"
    failed_for_dependency(w, after)
    wait_for("summary", lambda: w.job(array)["arrayProperties"]["statusSummary"]["PENDING"] == 2)
    w.batch.terminate_job(jobId=array, reason="none of it")
    job = w.wait(array, timeout=5)
    assert (job["status"], job["statusReason"]) == ("FAILED", "none of it")
    (tmp_path / "go").write_text("")
    assert w.wait(first)["status"] == "SUCCEEDED"
