"""Kafka ends, loses its data, has a full disk, or an executor does not reach it: for less than the
silence after which an instance is LOST, which costs no attempt, or for longer, in both directions
or in one."""

import time

import pytest
from crowd import Crowd
from harm import settle
from null_trial import LOST, joined
from stack import wait_for


def test_kafka_killed_wiped_and_on_a_full_disk(null_trial):
    """Nothing of it costs an attempt. While its disk is full the api accepts nothing, and says
    so."""
    trial, stack, harm = null_trial, null_trial.stack, null_trial.harm
    crowd = Crowd(trial, every=4)
    with crowd.arriving():
        for _ in range(4):
            harm.wait_back("kafka", harm.kill("kafka"))
            time.sleep(1.5)
        settle(stack)
        harm.wipe_kafka()
        settle(stack)
        with harm.no_space(stack.home / "kafka"):
            wait_for(
                "healthz to name the disk",
                lambda: (h := stack.healthz())[0] == 503 and "disk" in h[1],
                120,
            )
            time.sleep(10)
        settle(stack)
        harm.delete_topics()
    crowd.wait_ended(most=1)
    trial.check(every_attempt_ran=True)


@pytest.mark.parametrize("ways", [("in", "out"), ("in",), ("out",)], ids=["both", "in", "out"])
def test_an_executor_cut_off_from_kafka(null_trial, cable, ways):
    """For ten seconds, which costs nothing; then until its instance is LOST."""
    trial, stack = null_trial, null_trial.stack
    queue, environment = trial.hosts_queue()
    crowd = Crowd(trial, every=3, lasts=3, queue=queue)
    with (
        joined(trial, environment, "far", enter=cable.enter, vcpus=12),
        joined(trial, environment, "near", vcpus=12),
    ):
        [(far, _), _] = trial.instances(environment)
        with crowd.arriving():
            with cable.cut(*ways):
                trial.harm.note("cut", ways=ways)
                time.sleep(10)
            trial.harm.note("cut.end")
            time.sleep(8)
            assert trial.active(environment) == 2
            assert not [row for row in trial.recorded("reason") if row["reason"][:8] == "Host EC2"]
            with cable.cut(*ways):
                trial.harm.note("cut", ways=ways)
                wait_for(
                    "its loss", lambda: dict(trial.instances(environment))[far] >= LOST, 120, 1
                )
                time.sleep(5)  # its jobs run again elsewhere
            trial.harm.note("cut.end")
            wait_for("it to join anew", lambda: trial.active(environment) == 2, 90, 0.5)
        crowd.wait_ended()
    settle(stack)
    trial.check()
