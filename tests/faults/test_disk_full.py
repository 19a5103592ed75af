"""The disk of a copy, or that of its logs, becomes full: it is reported, nothing hangs, and when
there is free space again everything continues automatically."""

import scenarios


def test_disk_full_is_said_and_submit_answers_503(small_trial):
    scenarios.fill_disk(small_trial, jobs=10)


def test_full_log_disk_blocks_nobody(small_trial):
    scenarios.fill_log_disk(small_trial, jobs=150)
