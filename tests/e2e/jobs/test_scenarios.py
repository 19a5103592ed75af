"""Typical workflows, in real containers. All of it is submitted at once and shares a queue; each
test then looks at its own part. The rules are in docs/aws-batch.md."""

import time

import pytest
from registry import MuteRegistry
from stack import HOLD, assert_promised, wait_for
from work import Work

ESSENTIAL = "Essential container in task exited"
DEPENDENT = "Dependent Job failed"
TIMED_OUT = "Job attempt duration exceeded timeout"
SIZE = 50
DEAF = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]
HEARS = [
    "sh",
    "-c",
    "trap 'cat /proc/uptime; exit 0' TERM; echo ready; while :; do sleep 0.02; done",
]
HEARING = [f"hears {n}" for n in range(3)]
# Exits with 10 + its attempt.
COUNTS = ["sh", "-c", "exit $((10 + AWS_BATCH_JOB_ATTEMPT))"]


def rules(*entries, attempts=3):
    return {"attempts": attempts, "evaluateOnExit": [dict(e) for e in entries]}


# For a container that exits with 11, 12, 13: what its attempts exit with under each evaluateOnExit.
RETRIES = {
    "the first entry that matches decides": (
        rules({"onExitCode": "1*", "action": "RETRY"}, {"onExitCode": "11", "action": "EXIT"}),
        [11, 12, 13],
    ),
    "all conditions of an entry must match": (
        rules({"onExitCode": "12", "onStatusReason": "Nothing*", "action": "EXIT"}),
        [11, 12, 13],
    ),
    "entries with all conditions met": (
        rules({"onExitCode": "12", "onStatusReason": "Essential*", "action": "EXIT"}),
        [11, 12],
    ),
    "without an asterisk the whole text is compared": (
        rules({"onStatusReason": "Essential", "action": "EXIT"}),
        [11, 12, 13],
    ),
    "the whole text": (rules({"onStatusReason": ESSENTIAL, "action": "EXIT"}), [11]),
    "an exit code by its beginning": (rules({"onExitCode": "1*", "action": "exit"}), [11]),
    "an absent reason": (
        rules(
            {"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}
        ),
        [11],
    ),
    "an entry without conditions": (rules({"action": "EXIT"}), [11]),
    "no entry matches": (
        rules({"onStatusReason": "Host EC2*", "action": "EXIT"}, attempts=2),
        [11, 12],
    ),
}


@pytest.fixture(scope="module")
def mute():
    registry = MuteRegistry()
    yield registry
    registry.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenarios")
    path.chmod(0o777)
    return path


@pytest.fixture(scope="module")
def ids(batch, logs, image, folder, mute):
    """Everything, submitted: the ids by name, and the Work that made them."""
    w = Work(batch, logs, image)
    queue = w.queue(w.environment(max_vcpus=8))
    made = {"work": w, "queue": queue}
    small = {"memory": 32}
    ok = w.definition(["true"], **small)
    on_folder = {
        "volumes": [{"name": "out", "host": {"sourcePath": str(folder)}}],
        "mountPoints": [{"sourceVolume": "out", "containerPath": "/out"}],
    }

    def submit(name, definition, after=(), **more):
        entries = [{"jobId": made[a]} if isinstance(a, str) else a for a in after]
        made[name] = w.submit(queue, definition, dependsOn=entries, **more)

    timeout = {"timeout": {"attemptDurationSeconds": 60}, "retryStrategy": {"attempts": 3}}
    submit("timed out", w.definition(HOLD, **small), arrayProperties={"size": 2}, **timeout)
    submit("deaf", w.definition(DEAF, **small))
    size = {"arrayProperties": {"size": SIZE}}

    i = "$AWS_BATCH_JOB_ARRAY_INDEX"
    one = w.definition(["sh", "-c", f"echo {i} > /out/a{i}"], **small, **on_folder)
    two = w.definition(["sh", "-c", f"cp /out/a{i} /out/b{i}"], **small, **on_folder)
    submit("first", one, **size)
    submit("second", two, [{"jobId": made["first"], "type": "N_TO_N"}], **size)
    appends = w.definition(
        ["sh", "-c", "echo $AWS_BATCH_JOB_ARRAY_INDEX >> /out/sequence"], **small, **on_folder
    )
    submit("sequence", appends, [{"type": "SEQUENTIAL"}], **size)
    for n in range(20):
        submit(f"chain {n}", ok, [f"chain {n - 1}"] if n else [])
    fails_once = w.definition(["sh", "-c", 'test "$AWS_BATCH_JOB_ATTEMPT" = 2'], **small)
    bad_child = w.definition(["sh", "-c", "test $AWS_BATCH_JOB_ARRAY_INDEX != 1"], **small)
    submit("top", fails_once, retryStrategy={"attempts": 2})
    submit("left", ok, ["top"])
    submit("right", bad_child, ["top"], arrayProperties={"size": 3})
    submit("bottom", ok, ["left", "right"])
    submit("under left", ok, ["left"])
    submit("both", ok, [{"jobId": made["right"], "type": "N_TO_N"}, {"type": "SEQUENTIAL"}],
           arrayProperties={"size": 3})  # fmt: skip
    counts = w.definition(COUNTS, **small)
    for name, (strategy, _) in RETRIES.items():
        submit(name, counts, retryStrategy=strategy)
    pulls = w.definition(image=f"127.0.0.1:{mute.port}/never:1", **small)
    for name in ("starting, cancelled", "starting, terminated"):
        submit(name, pulls, retryStrategy={"attempts": 2})
    hears = w.definition(HEARS, **small)
    for name in HEARING:
        submit(name, hears, retryStrategy={"attempts": 2})
    submit("removed", w.definition(HOLD, **small))
    yield made
    for job in [j for name, j in made.items() if name not in ("work", "queue")]:
        batch.terminate_job(jobId=job, reason="tested")
    w.forget()


@pytest.fixture(scope="module")
def work(ids):
    return ids["work"]


def children(work, array, size):
    """By index."""
    found = work.jobs([f"{array}:{n}" for n in range(size)])
    return sorted(found, key=lambda job: job["arrayProperties"]["index"])


def codes(job):
    return [attempt["container"].get("exitCode") for attempt in job["attempts"]]


def test_sigterm_comes_within_a_second_and_no_other_attempt(ids, work, batch):
    """A container says when, by the clock of its host, its SIGTERM came."""
    took = []
    for name in HEARING:
        job = work.wait(ids[name], "RUNNING", timeout=90)
        wait_for("its trap", lambda j=job: "ready" in work.log(j))
        asked = time.clock_gettime(time.CLOCK_BOOTTIME)
        batch.terminate_job(jobId=ids[name], reason="Enough: it's over.")
        job = work.wait(ids[name])
        told = wait_for("the last line", lambda j=job: work.log(j)[1:])
        took.append(float(told[0].split()[0]) - asked)
        assert (job["status"], job["statusReason"]) == ("FAILED", "Enough: it's over.")
        assert codes(job) == [0] and job["isTerminated"] and not job["isCancelled"]
        assert job["attempts"][0]["statusReason"] == "Enough: it's over."
    assert_promised(took, 1)


def stop_deaf(ids, work, batch):
    """Unless it was done before."""
    job = work.wait(ids["deaf"], "RUNNING", "FAILED", timeout=90)
    if not job["isTerminated"]:
        wait_for("its trap", lambda: "deaf" in work.log(job))
        batch.terminate_job(jobId=ids["deaf"], reason="stop")


def test_a_container_deaf_to_sigterm_is_killed_after_30_s(ids, work, batch):
    """Begun here; test_a_deaf_container_was_killed sees the end."""
    stop_deaf(ids, work, batch)
    time.sleep(0.3)
    job = work.job(ids["deaf"])
    assert (job["status"], job["isTerminated"]) == ("RUNNING", True)


def test_cancel_of_a_starting_job_has_no_effect(ids, work, batch):
    job = work.wait(ids["starting, cancelled"], "STARTING", timeout=90)
    assert "startedAt" not in job and job["attempts"] == []
    batch.cancel_job(jobId=job["jobId"], reason="too late")
    time.sleep(0.5)
    job = work.job(job["jobId"])
    assert (job["status"], job["isCancelled"]) == ("STARTING", False)


def test_terminate_of_a_starting_job(ids, work, batch):
    """FAILED at once, though its image is still being pulled; there is no other attempt."""
    job = work.wait(ids["starting, terminated"], "STARTING", timeout=90)
    batch.terminate_job(jobId=job["jobId"], reason="no more")
    job = work.wait(job["jobId"], timeout=10)
    assert (job["status"], job["statusReason"]) == ("FAILED", "no more")
    assert job["isTerminated"] and len(job["attempts"]) <= 1 and "startedAt" not in job
    assert "exitCode" not in job["container"]


@pytest.mark.docker("only an engine removes one behind the executor's back")
def test_a_container_removed_behind_its_back(ids, work, stack):
    job = work.wait(ids["removed"], "RUNNING", timeout=90)
    stack.docker("rm", "-f", f"ob-{job['jobId']}-1")
    job = work.wait(job["jobId"], timeout=30)
    assert (job["status"], job["statusReason"]) == ("FAILED", ESSENTIAL)
    reason = job["attempts"][0]["container"].get("reason", "")
    assert reason.startswith("CannotInspectContainerError: ") or codes(job) == [137], job


@pytest.mark.parametrize("name", RETRIES)
def test_evaluate_on_exit(ids, work, name):
    job = work.wait(ids[name], timeout=90)
    assert (job["status"], codes(job)) == ("FAILED", RETRIES[name][1])
    shown = job["retryStrategy"]["evaluateOnExit"]
    assert [e["action"] for e in shown] == [
        e["action"].lower() for e in RETRIES[name][0]["evaluateOnExit"]
    ]


def test_a_diamond_of_which_one_side_fails(ids, work):
    """The top succeeds at its second attempt; a child of the right side fails, so the array does,
    and what waits for both sides. What waits for the left side only runs."""
    names = ["top", "left", "right", "bottom", "under left", "both"]
    work.wait_all([ids[n] for n in names])
    jobs = {n: work.job(ids[n]) for n in names}
    ended = {n: (j["status"], j["statusReason"]) for n, j in jobs.items()}
    assert ended == {
        "top": ("SUCCEEDED", ESSENTIAL),
        "left": ("SUCCEEDED", ESSENTIAL),
        "right": ("FAILED", "Array Child Job failed"),
        "bottom": ("FAILED", DEPENDENT),
        "under left": ("SUCCEEDED", ESSENTIAL),
        "both": ("FAILED", "Array Child Job failed"),
    }
    assert codes(jobs["top"]) == [1, 0]
    summary = jobs["right"]["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"]) == (2, 1)


def test_types_of_dependencies_are_mixed(ids, work):
    """N_TO_N and SEQUENTIAL in one request: the like of child 1 failed, and child 2 comes after
    it."""
    work.wait(ids["both"], timeout=90)
    found = children(work, ids["both"], 3)
    assert [j["status"] for j in found] == ["SUCCEEDED", "FAILED", "FAILED"]
    assert {j["statusReason"] for j in found[1:]} == {DEPENDENT}


def test_n_to_n_of_50(ids, work, folder):
    """Each child finds what its like has written."""
    for name in ("first", "second"):
        job = work.wait(ids[name], timeout=120)
        assert job["status"] == "SUCCEEDED", name
        assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == SIZE
    for n in range(SIZE):
        assert (folder / f"b{n}").read_text() == f"{n}\n"
    firsts, seconds = (children(work, ids[name], SIZE) for name in ("first", "second"))
    for a, b in zip(firsts, seconds, strict=True):
        assert a["stoppedAt"] <= b["startedAt"]


def test_sequential_of_50(ids, work, folder):
    job = work.wait(ids["sequence"], timeout=150)
    assert job["status"] == "SUCCEEDED"
    assert (folder / "sequence").read_text().split() == [str(n) for n in range(SIZE)]


def test_a_chain_of_20(ids, work):
    names = [f"chain {n}" for n in range(20)]
    work.wait_all([ids[n] for n in names])
    jobs = {j["jobId"]: j for j in work.jobs([ids[n] for n in names])}
    jobs = [jobs[ids[n]] for n in names]
    assert [j["status"] for j in jobs] == ["SUCCEEDED"] * 20
    for before, after in zip(jobs, jobs[1:], strict=False):
        assert before["stoppedAt"] <= after["startedAt"]


def test_a_deaf_container_was_killed(ids, work, batch):
    stop_deaf(ids, work, batch)
    job = work.wait(ids["deaf"], timeout=90)
    assert (job["status"], job["statusReason"], codes(job)) == ("FAILED", "stop", [137])


def test_children_time_out_each_by_itself_and_are_not_retried(ids, work):
    """60 s is the shortest timeout; it runs while all the others do."""
    job = work.wait(ids["timed out"], timeout=150)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Array Child Job failed")
    assert job["attempts"] == []
    for child in children(work, ids["timed out"], 2):
        assert (child["status"], child["statusReason"], codes(child)) == (
            "FAILED",
            TIMED_OUT,
            [143],
        )
        assert child["timeout"] == {"attemptDurationSeconds": 60}
        ran = child["stoppedAt"] - child["startedAt"]
        assert 60_000 <= ran < 70_000
        assert not child["isTerminated"] and not child["isCancelled"]
