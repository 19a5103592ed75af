"""One scheduler leads, others are on standby; a frozen one loses leadership and does no harm. A
scaler leads only when it has loaded everything."""

import threading
import uuid

import pytest
from stack import frozen, wait_for
from standby import standby_of


@pytest.fixture
def standby(stack, tmp_path):
    with standby_of(stack, tmp_path) as process:
        yield process


def epoch(stack, role="scheduler"):
    return int(stack.sql(f"SELECT epoch FROM leader WHERE role = '{role}'")[0][0])


# Takes the scaler's lock from it, and gives it back when the next scaler has come but cannot read
# the status of environments: its statement fails after 2 s, its connection lives.
NO_FIRST_LOAD = """SET lock_timeout = '20s'; SET statement_timeout = '30s';
DO $$
BEGIN
    PERFORM pg_advisory_lock(28514, 2);
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'openbatch-scaler'
                      AND state = 'idle' AND query LIKE '%pg_terminate_backend%') LOOP
        PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
    END LOOP;
    LOCK TABLE ce_status;
    PERFORM pg_advisory_unlock(28514, 2);
    PERFORM pg_sleep(6);
END $$"""


def test_a_scaler_that_cannot_load_begins_anew(stack):
    """What the provider has and nobody knows is found by the leader that could read its tables."""
    unknown = stack.home / f"instances/i-{uuid.uuid4().hex[:17]}"
    unknown.mkdir()
    saboteur = threading.Thread(target=stack.sql, args=(NO_FIRST_LOAD,))
    saboteur.start()
    waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    wait_for("its turn to take the lock", lambda: stack.sql(waits))
    before = epoch(stack, "scaler")
    (unknown / "token").write_text("x")
    stack.kill("scaler")
    saboteur.join()
    wait_for("the unknown instance's end", lambda: not (unknown / "token").exists(), 10)
    assert epoch(stack, "scaler") > before + 1


@pytest.mark.parametrize("role", ["scaler", "scheduler"])
def test_a_leader_that_stalls_goes_on_where_nobody_stands_by(stack, role):
    """A call of its provider, or a host that is busy, holds it up for three seconds: its session
    lives, and it need not begin anew."""
    wait_for("it leads", lambda: (stack.health(role) or {}).get("leader"), 60)
    before, pid = epoch(stack, role), stack.pid(role)
    with frozen(pid):
        assert not wait_or_none(lambda: not leads(stack, role), 3)
    wait_for("it answers", lambda: (stack.health(role) or {}).get("ok"), 60)
    assert (epoch(stack, role), stack.pid(role)) == (before, pid)


def leads(stack, role):
    """Does anybody hold the role's lock?"""
    number = {"scheduler": 1, "scaler": 2}[role]
    return stack.sql(
        f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = {number}"
    )


def wait_or_none(condition, seconds):
    try:
        return wait_for("", condition, seconds)
    except AssertionError:
        return None


def test_a_standby_takes_over_from_a_frozen_leader(stack, standby, shared_work, queue):
    """SIGSTOP of the leader in the middle of work: the standby goes on, and the old leader, awake
    again, changes nothing: every job ended once."""
    w = shared_work
    definition = w.definition(["sleep", "0.2"])
    ids = [w.submit(queue, definition) for _ in range(10)]
    before = epoch(stack)
    leader = stack.pid("scheduler")
    with frozen(leader):
        wait_for("another leader", lambda: epoch(stack) > before, 15)
        ids += [w.submit(queue, definition) for _ in range(10)]
        jobs = w.wait_all(ids, timeout=60)
    assert {j["status"] for j in jobs} == {"SUCCEEDED"}
    ids += [w.submit(queue, definition) for _ in range(5)]
    jobs = w.wait_all(ids, timeout=60)
    assert {(j["status"], len(j["attempts"])) for j in jobs} == {("SUCCEEDED", 1)}
