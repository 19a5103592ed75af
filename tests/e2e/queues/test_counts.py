"""CountJobs says how many jobs and array children a queue has in each state: what count(*) says,
whoever leads, and without counting."""

import pytest
from keys import ARN, own_call, statement
from stack import frozen, wait_for
from standby import standby_of

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
ENDED = STATES[5:]

JOBS = """SELECT coalesce(d.state, l.state, 0), count(*)
FROM job j JOIN job_queue q ON q.id = j.queue_id
LEFT JOIN live l ON l.job_id = j.id AND l.idx = -1
LEFT JOIN done d ON d.job_id = j.id AND d.idx = -1
WHERE q.name = '{}' GROUP BY 1"""
CHILDREN = """SELECT coalesce(d.state, l.state, pd.bulk_state, pl.bulk_state, 0), count(*)
FROM job j JOIN job_queue q ON q.id = j.queue_id
CROSS JOIN generate_series(0, j.array_size - 1) AS i(idx)
LEFT JOIN live l ON l.job_id = j.id AND l.idx = i.idx
LEFT JOIN done d ON d.job_id = j.id AND d.idx = i.idx
LEFT JOIN live pl ON pl.job_id = j.id AND pl.idx = -1
LEFT JOIN done pd ON pd.job_id = j.id AND pd.idx = -1
WHERE q.name = '{}' GROUP BY 1"""


def by_hand(stack, queue):
    """(jobs, children) by count(*)."""
    return tuple(
        dict.fromkeys(STATES, 0)
        | {STATES[int(state)]: int(n) for state, n in stack.sql(query.format(queue))}
        for query in (JOBS, CHILDREN)
    )


def root(stack):
    return stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]


def count(stack, credentials=None, **members):
    code, answer = own_call(stack, credentials or root(stack), "CountJobs", members)
    assert code is None, answer
    return answer


def counted(stack, queue):
    [one] = count(stack, jobQueues=[queue])["jobQueues"]
    assert one["jobQueueName"] == queue and one["jobQueueArn"] == f"{ARN}job-queue/{queue}"
    return one["jobs"], one["children"]


def agree(stack, queue):
    return counted(stack, queue) == by_hand(stack, queue)


def submit_some(w, queue, quick, failing):
    """Jobs of every kind; those that can end do so."""
    ids = [w.submit(queue, quick) for _ in range(5)]
    ids += [w.submit(queue, failing) for _ in range(3)]
    ids += [w.submit(queue, quick, arrayProperties={"size": 4})]
    ids += [w.submit(queue, failing, arrayProperties={"size": 3})]
    ids += [w.submit(queue, quick, dependsOn=[{"jobId": ids[5]}])]
    return ids


@pytest.fixture
def quick(shared_work):
    return shared_work.definition(["true"])


@pytest.fixture
def failing(shared_work):
    return shared_work.definition(["false"])


def test_counts_say_what_the_tables_say(stack, work, quick, failing):
    queue = work.queue()
    wait_for("a queue without jobs", lambda: agree(stack, queue), 5)
    ids = submit_some(work, queue, quick, failing)
    lasting = work.submit(queue, work.definition(["sleep", "300"]))
    waiting = work.submit(queue, quick, dependsOn=[{"jobId": lasting}])
    work.wait(lasting, "RUNNING")
    work.wait_all(ids)
    wait_for("equal counts", lambda: agree(stack, queue), 5)
    jobs, children = counted(stack, queue)
    assert jobs | {"RUNNING": 1, "PENDING": 1, "SUCCEEDED": 6, "FAILED": 5} == jobs
    assert children | {"SUCCEEDED": 4, "FAILED": 3} == children
    work.batch.terminate_job(jobId=lasting, reason="enough")
    work.wait_all([lasting, waiting])
    assert agree(stack, queue)  # an end is counted by the round that ends it
    assert sum(counted(stack, queue)[0].values()) == len(ids) + 2


def test_a_scheduler_that_is_killed_loses_no_count(stack, work, quick, failing):
    """kill -9 in the middle of many ends, again and again."""
    queue = work.queue()
    ids = []
    for _ in range(3):
        ids += submit_some(work, queue, quick, failing)
        wait_for("an end", lambda: sum(counted(stack, queue)[0][s] for s in ENDED), 60)
        stack.kill("scheduler")
    work.wait_all(ids)
    assert agree(stack, queue)
    stack.kill("scheduler")
    wait_for("it leads again", lambda: (stack.health("scheduler") or {}).get("leader"), 60)
    assert agree(stack, queue)


def test_a_leader_that_was_frozen_counts_nothing_twice(stack, work, quick, failing, tmp_path):
    queue = work.queue()
    with standby_of(stack, tmp_path):
        before = int(stack.sql("SELECT epoch FROM leader WHERE role = 'scheduler'")[0][0])
        ids = submit_some(work, queue, quick, failing)
        with frozen(stack.pid("scheduler")):
            wait_for(
                "another leader",
                lambda: (
                    int(stack.sql("SELECT epoch FROM leader WHERE role = 'scheduler'")[0][0])
                    > before
                ),
                15,
            )
            ids += submit_some(work, queue, quick, failing)
            work.wait_all(ids)
        ids += submit_some(work, queue, quick, failing)
        work.wait_all(ids)
        assert agree(stack, queue)
    wait_for("it leads", lambda: (stack.health("scheduler") or {}).get("leader"), 60)
    assert agree(stack, queue)


def test_a_queue_that_was_never_counted_is_counted_by_the_next_leader(stack, work, quick, failing):
    """As after an upgrade from a version without counts."""
    queue = work.queue()
    ids = submit_some(work, queue, quick, failing)
    work.wait_all(ids)
    expected = counted(stack, queue)
    stack.sql(
        "UPDATE queue_snapshot SET jobs = NULL, children = NULL WHERE queue_id ="
        f" (SELECT id FROM job_queue WHERE name = '{queue}')"
    )
    stack.kill("scheduler")
    wait_for("the same counts", lambda: counted(stack, queue) == expected, 60)


def test_a_key_sees_the_counts_of_its_queues(stack, work, new_key):
    mine, other = work.queue(), work.queue()
    key = new_key("counter", statement("openbatch:CountJobs", f"{ARN}job-queue/{mine}"))
    of_key = (key.id, key.secret)
    assert [q["jobQueueName"] for q in count(stack, of_key)["jobQueues"]] == [mine]
    assert count(stack, of_key, jobQueues=[other])["jobQueues"] == []
    every = [q["jobQueueName"] for q in count(stack)["jobQueues"]]
    assert {mine, other} <= set(every)
    paged, token = [], None
    while token != "":
        page = count(stack, maxResults=1, **({"nextToken": token} if token else {}))
        paged += [q["jobQueueName"] for q in page["jobQueues"]]
        token = page.get("nextToken", "")
    assert paged == every
    key.allow(statement("batch:*", "*"))
    assert own_call(stack, of_key, "CountJobs", {})[0] == "AccessDeniedException"
