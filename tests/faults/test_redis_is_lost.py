"""Redis is emptied, has what it had a while ago, refuses writes or is away: nobody waits for it,
and in the end it counts what is there."""

import time

from crowd import Crowd
from harm import settle


def test_redis_emptied_restored_without_memory_and_away(null_trial):
    trial, stack, harm = null_trial, null_trial.stack, null_trial.harm
    crowd = Crowd(trial, every=2.5)
    with crowd.arriving():
        before = harm.dump_redis()
        for _ in range(3):
            harm.empty_redis()
            time.sleep(1)
        with harm.redis_without_memory():
            harm.empty_redis()
            time.sleep(6)
        with harm.away("redis"):
            words = len(trial.word())
            time.sleep(6)
            assert len(trial.word()) > words, "nothing has run without Redis"
        harm.restore_redis(before)
        time.sleep(3)
        with harm.redis_without_memory():
            harm.restore_redis(before)  # it has memory again, by its settings at start
            time.sleep(2)
        settle(stack)
        harm.restore_redis(before)
    crowd.wait_ended(most=1)
    trial.check(every_attempt_ran=True)
