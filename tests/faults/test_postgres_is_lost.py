"""PostgreSQL dies again and again, loses connections that have sent their COMMIT, is away, is held
up or has a full disk: what was answered is there, and no attempt is used."""

import contextlib
import signal
import tempfile
import time
from pathlib import Path

import pytest
from crowd import Crowd
from harm import settle
from pg_cutter import Cutter
from stack import wait_for

OLD_SNAPSHOT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; DECLARE seen CURSOR FOR SELECT id FROM job"
)


@contextlib.contextmanager
def through_a_cutter(trial):
    """All services reach PostgreSQL through it only."""
    stack = trial.stack
    folder = Path(tempfile.mkdtemp(prefix="openbatch-pg.", dir="/tmp"))
    cutter = Cutter(folder, stack.run_dir)
    dsn = f"host={folder} user=openbatch dbname=openbatch"

    def scheduler_too():
        trial.harm.wait_back("scheduler", trial.harm.kill("scheduler", signal.SIGTERM))
        settle(stack)

    before = stack.change_settings({"OPENBATCH_PG": dsn})
    try:
        scheduler_too()
        yield cutter
    finally:
        cutter.chance = 0
        stack.change_settings(before)
        scheduler_too()
        cutter.end()
        folder.rmdir()


def test_postgresql_killed_every_three_seconds(null_trial):
    trial, harm = null_trial, null_trial.harm
    crowd = Crowd(trial, every=2)
    with crowd.arriving(), harm.repeated(lambda: harm.kill("postgres"), (3, 3)):
        time.sleep(36)
    crowd.wait_ended(most=1)
    trial.check(every_attempt_ran=True)


def test_connections_cut_after_commit_was_sent(null_trial):
    """Of all services, a fifth of their commits: the scheduler loads again, the api's clients
    submit again."""
    trial = null_trial
    crowd = Crowd(trial, every=2)
    with through_a_cutter(trial) as cutter:
        with crowd.arriving(begun=4):
            cutter.chance = 0.2
            wait_for("the cuts", lambda: cutter.cuts >= 25, 240, every=0.2)
            cutter.chance = 0.02
        cutter.chance = 0
        print(f"{cutter.cuts} of {cutter.commits} commits cut")
        crowd.wait_ended(most=1)
    settle(trial.stack)
    trial.check(every_attempt_ran=True)


@pytest.mark.timeout(1200)
def test_postgresql_away_held_up_and_on_a_full_disk(null_trial):
    """Away for two minutes while jobs end; with a transaction open for two minutes that keeps the
    scheduler from writing, beside one whose snapshot is as old; and without room for its log."""
    trial, stack, harm = null_trial, null_trial.stack, null_trial.harm
    crowd = Crowd(trial, every=6, lasts=20)
    for _ in range(10):
        trial.submit(crowd.slow)
    trial.wait_word(10)
    with crowd.arriving():
        with harm.away("postgres"):
            said = [line.split()[2] for line in trial.word()]
            time.sleep(120)
            ends = [line.split()[2] for line in trial.word()[len(said) :]].count("end")
            assert ends >= 10, "hardly a job ended meanwhile"
        settle(stack)
        with (
            stack.transaction(OLD_SNAPSHOT),
            stack.transaction("LOCK TABLE live IN SHARE MODE"),
        ):
            harm.note("transaction")
            time.sleep(120)
        harm.note("transaction.end")
        settle(stack)
        with harm.no_space(stack.home / "database"):
            wait_for(
                "healthz to name the disk",
                lambda: (h := stack.healthz())[0] == 503 and "disk" in h[1],
                120,
            )
            time.sleep(15)
        settle(stack)
    crowd.wait_ended(most=1)
    trial.check(every_attempt_ran=True)
