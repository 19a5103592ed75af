"""A second scheduler beside the supervised one."""

import contextlib
import os
import subprocess

from stack import wait_for


def holders(stack):
    """The scheduler's connections that can lead."""
    return stack.sql(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'openbatch-scheduler'"
    )


@contextlib.contextmanager
def standby_of(stack, folder, timeout=20):
    """With a health socket of its own in folder/run; gives its process."""
    run_dir = folder / "run"
    run_dir.mkdir(mode=0o700)
    settings = stack.settings
    with (folder / "standby.log").open("w") as log:
        process = subprocess.Popen(
            [stack.build / "services/scheduler/openbatch-scheduler"],
            env=os.environ
            | settings
            | {
                "OPENBATCH_RUN_DIR": str(run_dir),
                "OPENBATCH_PG": f"host={stack.run_dir} user=openbatch dbname=openbatch",
                "OPENBATCH_KAFKA_USER": "scheduler",
                "OPENBATCH_KAFKA_PASSWORD_FILE": str(
                    stack.home / "secrets/kafka-scheduler.password"
                ),
            },
            stderr=log,
        )
    wait_for("the standby's connection", lambda: len(holders(stack)) == 2, timeout)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
    wait_for("the supervised one leads", lambda: stack.health("scheduler")["leader"], timeout)
