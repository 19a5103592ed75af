"""DescribeArray: how all children of an array are, in one answer."""

from collections import Counter

from keys import ARN, own_call, statement
from stack import wait_for

ALIVE = {"S": "SUBMITTED", "P": "PENDING", "W": "RUNNABLE", "T": "STARTING", "R": "RUNNING"}
STATES = ALIVE | {"C": "SUCCEEDED"} | dict.fromkeys("FKOLHEXD", "FAILED")

# What child n does.
ENDS = """case $AWS_BATCH_JOB_ARRAY_INDEX in
0) exit 0;; 1) exit 1;; 2) exit 127;; 3) exit 137;; 4) exit 143;;
*) sleep 600;;
esac"""


def root(stack):
    return stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]


def call(stack, job, credentials=None, **members):
    return own_call(stack, credentials or root(stack), "DescribeArray", {"jobId": job} | members)


def picture(stack, job, **members):
    code, answer = call(stack, job, **members)
    assert code is None, answer
    assert answer["jobId"] == job and answer["jobArn"] == f"{ARN}job/{job}"
    return answer


def test_ten_thousand_children_in_one_answer(stack, work):
    """The letters say what statusSummary says; what has not changed is not sent again."""
    w = work
    queue = w.queue(w.environment(max_vcpus=2))
    array = w.submit(queue, w.definition(["sleep", "600"]), arrayProperties={"size": 10000})
    wait_for("children run", lambda: "R" in picture(stack, array)["states"], 120)
    wait_for("they are still", lambda: "T" not in picture(stack, array)["states"], 60)
    answer = picture(stack, array)
    states = answer["states"]
    assert (len(states), answer["arraySize"], answer["status"]) == (10000, 10000, "PENDING")
    summary = w.job(array)["arrayProperties"]["statusSummary"]
    counted = Counter(STATES[letter] for letter in states)
    assert counted == Counter({state: n for state, n in summary.items() if n})
    running = {child["arrayProperties"]["index"] for child in children(w, array, "RUNNING")}
    assert running == {i for i, letter in enumerate(states) if letter == "R"}

    again = picture(stack, array, etag=answer["etag"])
    assert "states" not in again and again["etag"] == answer["etag"]
    w.batch.terminate_job(jobId=f"{array}:7777", reason="one of them")
    wait_for("one ends", lambda: picture(stack, array)["states"][7777] == "X", 20)
    changed = picture(stack, array, etag=answer["etag"])
    assert float(changed["etag"]) > float(answer["etag"])
    assert changed["states"][:7777] + changed["states"][7778:] == states[:7777] + states[7778:]

    w.batch.terminate_job(jobId=array, reason="enough")
    w.wait(array, "FAILED", timeout=120)
    last = picture(stack, array)
    assert (last["states"], last["etag"]) == ("X" * 10000, "ended")
    assert "states" not in picture(stack, array, etag="ended")


def children(w, array, state):
    pages = w.batch.get_paginator("list_jobs").paginate(arrayJobId=array, jobStatus=state)
    return [child for page in pages for child in page["jobSummaryList"]]


def test_a_letter_says_how_a_child_has_failed(stack, shared_work, queue):
    w = shared_work
    ends = w.definition(["sh", "-c", ENDS])
    array = w.submit(
        queue, ends, arrayProperties={"size": 7}, timeout={"attemptDurationSeconds": 60}
    )
    follower = w.submit(
        queue,
        w.definition(["true"]),
        arrayProperties={"size": 7},
        dependsOn=[{"jobId": array, "type": "N_TO_N"}],
    )
    wait_for("a child runs", lambda: picture(stack, array)["states"][5:] == "RR", 90)
    w.batch.terminate_job(jobId=f"{array}:5", reason="stop it")
    w.wait(array, "FAILED", timeout=180)
    assert picture(stack, array)["states"] == "CFFKKXL"
    w.wait(follower, "FAILED")
    assert picture(stack, follower)["states"] == "CDDDDDD"
    pull = w.definition(["true"], image="no-such-image:1")
    broken = w.submit(queue, pull, arrayProperties={"size": 2})
    w.wait(broken, "FAILED", timeout=120)
    assert picture(stack, broken)["states"] == "EE"


def test_the_picture_survives_the_scheduler(stack, shared_work, queue):
    """What a leader has written is what the next one continues."""
    w = shared_work
    array = w.submit(queue, w.definition(["sleep", "5"]), arrayProperties={"size": 20})
    wait_for("an end", lambda: "C" in picture(stack, array)["states"], 90)
    before = picture(stack, array)
    stack.kill("scheduler")
    w.wait(array, "SUCCEEDED", timeout=120)
    assert picture(stack, array, etag=before["etag"])["states"] == "C" * 20


def test_a_picture_is_for_those_who_may_see_the_array(stack, shared_work, queue, new_key):
    w = shared_work
    array = w.submit(queue, w.definition(["true"]), arrayProperties={"size": 2})
    single = w.submit(queue, w.definition(["true"]))
    key = new_key("viewer", statement("openbatch:DescribeArray", f"{ARN}job-queue/{queue}"))
    of_key = (key.id, key.secret)
    assert call(stack, array, of_key)[0] is None
    for job in (single, f"{array}:0", "00000000-0000-4000-8000-000000000000", "x"):
        assert call(stack, job)[0] == "NoSuchEntityException"
    assert call(stack, "00000000-0000-4000-8000-000000000000", of_key)[0] == (
        "AccessDeniedException"
    )
    key.allow(statement("batch:*", "*"))
    assert call(stack, array, of_key)[0] == "AccessDeniedException"
