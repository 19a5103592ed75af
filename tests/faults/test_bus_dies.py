"""Kafka loses its processor, its life or its data: no run of a living executor is given up, no
attempt is used, and no operator is needed."""

import scenarios


def test_stalled_host_down_up_and_kafka_killed_ten_times_cost_no_attempt(trial):
    scenarios.stall_and_kill_kafka(trial, loops=24, kills=10, seconds=45)


def test_kafka_wiped_comes_back_by_itself(trial):
    scenarios.wipe_kafka(trial, jobs=20)


def test_topics_deleted_and_redis_emptied_lose_nothing(trial):
    scenarios.lose_topics_and_redis(trial, times=3)
