"""DescribeArray and DescribeArrayTimes: how all children of an array are, and how long they ran."""

from collections import Counter

import pytest
from botocore.exceptions import ClientError
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


@pytest.mark.long
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


def test_bars_of_run_times_count_each_child_once(stack, shared_work, queue):
    """Children that never ran are in no bar; a slow one stands at the end."""
    w = shared_work
    index = "$AWS_BATCH_JOB_ARRAY_INDEX"
    ends = w.definition(["sh", "-c", f"[ {index} = 3 ] && sleep 4; [ {index} != 1 ]"])
    array = w.submit(queue, ends, arrayProperties={"size": 6})
    after = w.submit(queue, ends, arrayProperties={"size": 2}, dependsOn=[{"jobId": array}])
    w.wait(array, "FAILED", timeout=120)
    w.wait(after, "FAILED")

    def times(job, **members):
        members["jobId"] = job
        code, answer = own_call(stack, root(stack), "DescribeArrayTimes", members)
        return answer if code is None else code

    found = times(array, maxBars=8)
    bars = found["bars"]
    assert len(bars) <= 9
    assert [sum(bar[end] for bar in bars) for end in ("succeeded", "failed")] == [5, 1]
    assert bars[-1]["succeeded"] == 1 and bars[-1]["from"] <= found["most"] < bars[-1]["to"]
    assert found["least"] == bars[0]["from"] <= found["median"] <= found["most"]
    assert found["most"] >= 4000
    assert times(after) == {"bars": []}
    assert times(f"{array}:0") == times("x") == "NoSuchEntityException"


def test_a_part_of_an_array_has_the_indexes_of_the_whole(stack, shared_work, queue):
    """Failed children can run again as what they were, also a single one."""
    w = shared_work
    index, size = "$AWS_BATCH_JOB_ARRAY_INDEX", "$AWS_BATCH_JOB_ARRAY_SIZE"
    says = w.definition(["sh", "-c", f"echo {index} of {size}"])

    def submit(part, children=None):
        array = {"arrayProperties": {"size": children}} if children else {}
        variable = {"name": "OPENBATCH_ARRAY_PART", "value": part}
        return w.submit(queue, says, containerOverrides={"environment": [variable]}, **array)

    three, one = submit("2,7-8/10", 3), submit("5/10")
    w.wait(three, "SUCCEEDED", timeout=120)
    for place, index in enumerate((2, 7, 8)):
        assert w.log(w.job(f"{three}:{place}")) == [f"{index} of 10"]
    assert w.log(w.wait(one, "SUCCEEDED")) == ["5 of 10"]
    for part, children in (
        ("2,7-8/10", 4),
        ("2,7-8/10", None),
        ("7,2/10", 2),
        ("1-2/2", 2),
        ("x", 2),
    ):
        with pytest.raises(ClientError, match="OPENBATCH_ARRAY_PART"):
            submit(part, children)
