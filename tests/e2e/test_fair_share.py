"""Fair share on the real system: who runs next, and what the snapshot says of it."""

import uuid

import pytest
from stack import wait_for


@pytest.fixture(scope="module")
def fair(shared_work, batch):
    """A queue of one vCPU for two shares; "gold" is to get three times what "plain" gets."""
    policy = batch.create_scheduling_policy(
        name=f"fair-{uuid.uuid4()}",
        fairsharePolicy={
            "shareDecaySeconds": 3600,
            "shareDistribution": [
                {"shareIdentifier": "gold", "weightFactor": 0.25},
                {"shareIdentifier": "plain*", "weightFactor": 0.75},
            ],
        },
    )["arn"]
    name = f"fair-{uuid.uuid4()}"
    batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        schedulingPolicyArn=policy,
        computeEnvironmentOrder=[
            {"order": 1, "computeEnvironment": shared_work.environment(max_vcpus=2)}
        ],
    )
    shared_work.queues.append(name)
    wait_for("the queue", lambda: shared_work.jq(name)["status"] == "VALID")
    return name


def test_shares_are_served_by_weight(shared_work, batch, stack, fair):
    """With both shares waiting, jobs start in the order of the shares' weighted usage; a higher
    scheduling priority goes first in its own share."""
    w = shared_work
    job = w.definition(("sleep", "0.4"), vcpus=2)
    holder = w.submit(fair, w.definition(("sleep", "6"), vcpus=2), shareIdentifier="plainA")
    w.wait(holder, "RUNNING")
    shares = {}
    for n in range(8):
        for share in ("plainA", "gold"):
            more = {"schedulingPriorityOverride": 5} if share == "gold" and n == 7 else {}
            shares[w.submit(fair, job, shareIdentifier=share, **more)] = share
    first = list(shares)[-1]

    def front():
        found = batch.get_job_queue_snapshot(jobQueue=fair)["frontOfQueue"]["jobs"]
        return [j["jobArn"].rsplit("/", 1)[1] for j in found]

    order = wait_for("the front", lambda: len(f := front()) == 16 and f, timeout=10)
    assert order[0] == first
    plain = next(j for j in order if shares[j] == "plainA")
    wait_for("a reason", lambda: " ahead" in w.job(plain).get("statusReason", ""), 5)
    jobs = w.wait_all([*shares], timeout=120)
    started = [shares[j["jobId"]] for j in sorted(jobs, key=lambda j: j["startedAt"])]
    # "plain" has used 6 s of 2 vCPUs before: gold's eight come in the first ten.
    assert started[:10].count("gold") >= 7, started
    rows = dict(stack.sql("SELECT share, usage_ms FROM share_usage WHERE share <> ''"))
    assert int(rows["plainA"]) > 0, rows
    assert "gold" in rows, rows


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
