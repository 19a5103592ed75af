"""A leader, or an executor, stands still for longer than others wait for it, and goes on as if
nothing had been: it changes nothing any more that has been given to others."""

import os
import signal
import time

from crowd import Crowd
from harm import settle
from null_trial import LOST, joined
from stack import freeze, frozen, wait_for
from standby import standby_of


def epoch(stack):
    return int(stack.sql("SELECT epoch FROM leader WHERE role = 'scheduler'")[0][0])


def leader(stack, standby, folder):
    """The process of the scheduler that leads."""
    own, socket = stack.run_dir, folder / "run"

    def look():
        for run_dir, pid in ((own, stack.pid("scheduler")), (socket, standby.pid)):
            stack.run_dir = run_dir
            try:
                if (stack.health("scheduler") or {}).get("leader"):
                    return pid
            finally:
                stack.run_dir = own
        return None

    return wait_for("a leader", look, 60)


def freeze_in_a_round(trial, pid, before_commit):
    """SIGSTOP while a transaction of its round waits for a lock; the lock is released then, so that
    PostgreSQL goes on with what it has been sent."""
    with trial.stack.transaction("LOCK TABLE live IN SHARE MODE"):
        wait_for(
            "a round that waits",
            lambda: trial.stack.waits_for_a_lock("openbatch-scheduler"),
            60,
            every=0.01,
        )
        freeze(pid)
        trial.harm.note("freeze", pid=pid)
        time.sleep(before_commit)


def test_a_leader_frozen_in_a_round_and_an_executor_past_its_silence(null_trial):
    """The leading scheduler four times, so that its standby and it lead in turn; then an executor
    until it is LOST, and so are its runs; thawed, it ends them and joins anew."""
    trial, stack = null_trial, null_trial.stack
    queue, environment = trial.hosts_queue()
    crowd = Crowd(trial, rounds=18, every=5, lasts=4, queue=queue)
    with (
        standby_of(stack, trial.folder) as standby,
        joined(trial, environment, "one", vcpus=12) as one,
        joined(trial, environment, "two", vcpus=12),
    ):
        [(first, _), _] = trial.instances(environment)
        with crowd.arriving():
            for rest in (0.2, 1.5, 5, 12):
                before, pid = epoch(stack), leader(stack, standby, trial.folder)
                freeze_in_a_round(trial, pid, before_commit=rest % 1.3)
                try:
                    wait_for("another leader", lambda e=before: epoch(stack) > e, 60)
                    time.sleep(rest)
                finally:
                    os.kill(pid, signal.SIGCONT)
                    trial.harm.note("thaw", pid=pid)
                time.sleep(2)
            with frozen(one.process.pid):
                trial.harm.note("freeze", executor=first)
                wait_for("its loss", lambda: trial.state(first) >= LOST, 90, 0.5)
                time.sleep(5)  # its jobs run again elsewhere
            trial.harm.note("thaw", executor=first)
            wait_for("it to join anew", lambda: trial.active(environment) == 2, 60, 0.5)
        crowd.wait_ended()
    settle(stack)
    trial.check()
