"""One scheduler leads, others stand by; a frozen one loses its place and does no harm."""

import os
import signal
import subprocess

import pytest
from stack import wait_for


@pytest.fixture
def standby(stack, tmp_path):
    """A second scheduler, with a health socket of its own."""
    run_dir = tmp_path / "run"
    run_dir.mkdir(mode=0o700)
    settings = stack.settings
    process = subprocess.Popen(
        [stack.build / "services/scheduler/openbatch-scheduler"],
        env=os.environ
        | settings
        | {
            "OPENBATCH_RUN_DIR": str(run_dir),
            "OPENBATCH_PG": f"host={stack.run_dir} user=openbatch dbname=openbatch",
            "OPENBATCH_KAFKA_USER": "scheduler",
            "OPENBATCH_KAFKA_PASSWORD_FILE": str(stack.home / "secrets/kafka-scheduler.password"),
        },
        stderr=(tmp_path / "standby.log").open("w"),
    )
    wait_for("the standby's connection", lambda: len(holders(stack)) == 2, 20)
    yield process
    process.kill()
    process.wait()
    wait_for("the supervised one leads", lambda: stack.health("scheduler")["leader"], 20)


def holders(stack):
    return stack.sql(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'openbatch-scheduler'"
    )


def epoch(stack):
    return int(stack.sql("SELECT epoch FROM leader WHERE role = 'scheduler'")[0][0])


def test_a_standby_takes_over_from_a_frozen_leader(stack, standby, shared_work, queue):
    """SIGSTOP of the leader in the middle of work: the standby goes on, and the old leader, awake
    again, changes nothing: every job ended once."""
    w = shared_work
    definition = w.definition(["sleep", "0.2"])
    ids = [w.submit(queue, definition) for _ in range(10)]
    before = epoch(stack)
    frozen = stack.pid("scheduler")
    os.kill(frozen, signal.SIGSTOP)
    try:
        wait_for("another leader", lambda: epoch(stack) > before, 15)
        ids += [w.submit(queue, definition) for _ in range(10)]
        jobs = w.wait_all(ids, timeout=60)
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert {j["status"] for j in jobs} == {"SUCCEEDED"}
    ids += [w.submit(queue, definition) for _ in range(5)]
    jobs = w.wait_all(ids, timeout=60)
    assert {(j["status"], len(j["attempts"])) for j in jobs} == {("SUCCEEDED", 1)}
