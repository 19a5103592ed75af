"""Fair share on the real system: which job runs next, and what the snapshot shows."""

import uuid

import pytest
from stack import wait_for

WEIGHTS = {"gold": 0.25, "plainA": 0.75}
JOBS = 40


@pytest.fixture(scope="module")
def environment(shared_work):
    return shared_work.environment(max_vcpus=2)


@pytest.fixture(scope="module")
def fair(shared_work, batch, environment):
    """A queue with room for one job of two vCPUs; "gold" is to get three times what "plain"
    gets."""
    policy = batch.create_scheduling_policy(
        name=f"fair-{uuid.uuid4()}",
        fairsharePolicy={
            "shareDecaySeconds": 3600,
            "shareDistribution": [
                {"shareIdentifier": "gold", "weightFactor": WEIGHTS["gold"]},
                {"shareIdentifier": "plain*", "weightFactor": WEIGHTS["plainA"]},
            ],
        },
    )["arn"]
    name = f"fair-{uuid.uuid4()}"
    batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        schedulingPolicyArn=policy,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )
    shared_work.queues.append(name)
    wait_for("the queue", lambda: shared_work.jq(name)["status"] == "VALID")
    return name


def turn(work, environment, state):
    work.batch.update_compute_environment(computeEnvironment=environment, state=state)
    wait_for("VALID", lambda: work.ce(environment)["status"] == "VALID")


def placed(stack, ids):
    """Jobs that were placed, in that order, each with how long, in ms; None: it has not ended."""
    rows = stack.sql(
        "SELECT job_id, max(at_ms) FILTER (WHERE state > 4) - min(at_ms) FILTER (WHERE state = 3)"
        f" FROM job_event WHERE job_id = ANY ('{{{','.join(ids)}}}') GROUP BY job_id"
        " HAVING bool_or(state = 3) ORDER BY min(ARRAY[round, n]) FILTER (WHERE state = 3)"
    )
    return {job: int(ms) if ms else None for job, ms in rows}


def test_shares_are_served_by_weight(shared_work, batch, stack, environment, fair):
    """While both shares have work, what they have used is as their weights want it, to within one
    job; a higher scheduling priority goes first in its own share. The front of the queue foretells
    it."""
    w = shared_work
    job = w.definition(vcpus=2)
    turn(w, environment, "DISABLED")
    shares = {}
    for n in range(60):
        share = "plainA" if n % 4 == 0 else "gold"
        more = {"schedulingPriorityOverride": 5} if n == 59 else {}
        shares[w.submit(fair, job, shareIdentifier=share, **more)] = share
    ids = list(shares)

    def front():
        found = batch.get_job_queue_snapshot(jobQueue=fair)["frontOfQueue"]["jobs"]
        return [j["jobArn"].rsplit("/", 1)[1] for j in found]

    order = wait_for("the front", lambda: len(f := front()) == len(ids) and f, timeout=10)
    assert order[:2] == [ids[0], ids[59]]  # the oldest of all, then gold's most urgent one
    assert [shares[j] for j in order[:JOBS]].count("gold") in (JOBS * 3 // 4, JOBS * 3 // 4 + 1)
    wait_for("a reason", lambda: " 2 jobs ahead" in w.job(ids[1]).get("statusReason", ""), 5)
    turn(w, environment, "ENABLED")

    def ended():
        first = dict(list(placed(stack, ids).items())[:JOBS])
        return len(first) == JOBS and None not in first.values() and first

    first = wait_for(f"the end of {JOBS} jobs", ended, 60, every=0.3)
    for left in batch.list_jobs(jobQueue=fair, jobStatus="RUNNABLE")["jobSummaryList"]:
        batch.cancel_job(jobId=left["jobId"], reason="seen")
    assert list(first)[:2] == order[:2]
    used = {
        share: [WEIGHTS[share] * ms for job, ms in first.items() if shares[job] == share]
        for share in WEIGHTS
    }
    print(*(f"{share}: {len(ms)} jobs, weighted {sum(ms):.0f}" for share, ms in used.items()))
    assert abs(sum(used["gold"]) - sum(used["plainA"])) <= max(map(max, used.values()))
    w.wait_all(ids)
    rows = stack.sql(
        "SELECT share FROM share_usage u JOIN job_queue q ON q.id = u.queue_id"
        f" WHERE q.name = '{fair}' AND u.active"
    )
    assert sorted(rows) == [["gold"], ["plainA"]]  # how much is written every 10 s only


def test_a_share_above_the_quota_is_refused(shared_work, batch, stack, fair):
    """500 shares of a queue may be active: one that is goes on, another one is refused."""
    job = shared_work.definition()
    one = shared_work.submit(fair, job, shareIdentifier="one")
    count = (
        "SELECT q.id, count(u.share) FROM job_queue q JOIN share_usage u ON u.queue_id = q.id"
        f" WHERE q.name = '{fair}' AND u.active AND EXISTS (SELECT FROM share_usage s"
        " WHERE s.queue_id = q.id AND s.share = 'one') GROUP BY q.id"
    )
    queue, n = wait_for("the share to be known", lambda: stack.sql(count), 15)[0]
    stack.sql(
        f"INSERT INTO share_usage SELECT {queue}, 'other' || i, 1, 1, true"
        f" FROM generate_series(1, {499 - int(n)}) AS i"
    )
    last = shared_work.submit(fair, job, shareIdentifier="last")
    wait_for("500 active shares", lambda: stack.sql(count)[0][1] == "500", 15)
    with pytest.raises(batch.exceptions.ClientException) as refused:
        shared_work.submit(fair, job, shareIdentifier="more")
    assert f"JobQueue {fair} has 500 active share identifiers" in str(refused.value)
    again = shared_work.submit(fair, job, shareIdentifier="one")
    shared_work.wait_all([one, last, again])
