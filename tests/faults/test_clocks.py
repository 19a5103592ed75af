"""Clocks that are ten minutes apart: waits are counted on clocks that are never set, and shown
times never fall."""

import datetime
import signal
import subprocess
import time

import botocore.auth
import pytest
from crowd import Crowd
from harm import Harm, settle
from null_trial import joined
from stack import ROOT


@pytest.fixture
def clocks(null_copy, tmp_path, monkeypatch):
    """clocks(api=600, …) sets services' clocks ahead by so many seconds. A client signs by the
    api's clock."""
    library, ahead = tmp_path / "clock_ahead.so", tmp_path / "ahead"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", library, ROOT / "tests/fakes/clock_ahead.c"], check=True
    )
    ahead.write_text("0")
    settings = {
        "LD_PRELOAD": str(library),
        "OB_TEST_CLOCK": str(ahead),
        "ASAN_OPTIONS": "verify_asan_link_order=0:abort_on_error=0",
    }
    of_client = datetime.timedelta()

    def now(remove_tzinfo=True):
        at = datetime.datetime.now(datetime.UTC) + of_client
        return at.replace(tzinfo=None) if remove_tzinfo else at

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)

    def scheduler_too():
        harm = Harm(null_copy)
        harm.wait_back("scheduler", harm.kill("scheduler", signal.SIGTERM))
        settle(null_copy)

    def set_clocks(**seconds):
        nonlocal of_client
        for service, of_it in seconds.items():
            (tmp_path / f"ahead.openbatch-{service}").write_text(str(of_it))
        of_client = datetime.timedelta(seconds=seconds["api"])

    set_clocks.settings = settings
    before = null_copy.change_settings(settings)
    scheduler_too()
    try:
        yield set_clocks
    finally:
        null_copy.change_settings(before)
        scheduler_too()


def test_clocks_that_are_ten_minutes_apart(null_trial, clocks):
    """First the api's clock is ahead of the scheduler's, those of the scaler and of an executor are
    behind it; then those of the scheduler and of the executor are ahead. They are set while jobs
    run."""
    trial = null_trial
    queue, environment = trial.hosts_queue()
    crowd = Crowd(trial, every=3, lasts=3, queue=queue)
    # What is recorded is by the clock that is furthest ahead.
    trial.boot_ms += 600_000
    with (
        joined(trial, environment, "one", vcpus=12, **clocks.settings),
        joined(trial, environment, "two", vcpus=12),
    ):
        with crowd.arriving():
            time.sleep(5)
            clocks(api=600, scheduler=0, scaler=-600, executor=-600)
            trial.harm.note("clocks", api=600, scaler=-600, executor=-600)
            time.sleep(20)
            clocks(api=0, scheduler=600, scaler=0, executor=600)
            trial.harm.note("clocks", scheduler=600, executor=600)
            time.sleep(20)
            assert trial.active(environment) == 2
        crowd.wait_ended(most=1)
        trial.check(every_attempt_ran=True)
