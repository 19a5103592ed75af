"""kill -9 in the middle of work, or an empty Kafka: nothing is lost, nothing succeeds twice, and no
operator is needed."""

import json
import threading
import time

import pytest
import sealed
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from stack import wait_for

JOBS = 40  # tests/faults has hundreds
PARTS = ["api", "scheduler", "scaler", "executor", "kafka", "redis", "postgres"]


def check_once(stack, w, ids):
    """Every job SUCCEEDED, with one success each, in the database as in the API."""
    jobs = w.wait_all(ids, timeout=240)
    assert {j["status"] for j in jobs} == {"SUCCEEDED"}, [
        (j["jobId"], j["statusReason"]) for j in jobs if j["status"] != "SUCCEEDED"
    ]
    quoted = ", ".join(f"'{i}'" for i in ids)
    assert stack.sql(
        f"SELECT count(*), count(DISTINCT job_id) FROM done WHERE state = 5"
        f" AND job_id IN ({quoted})"
    ) == [[str(len(ids))] * 2]
    ended_twice = stack.sql(
        f"SELECT job_id FROM attempt WHERE job_id IN ({quoted}) AND exit_code = 0"
        " GROUP BY job_id HAVING count(*) > 1"
    )
    assert ended_twice == []


def all_survive(harm, stack, w, queue, folder):
    """While JOBS jobs are submitted and run, harm is done: all SUCCEED, each ran to its end
    once."""
    definition = w.definition(
        ["sh", "-c", "echo $AWS_BATCH_JOB_ID >> /out/$AWS_BATCH_JOB_ID"],
        volumes=[{"name": "out", "host": {"sourcePath": str(folder)}}],
        mountPoints=[{"sourceVolume": "out", "containerPath": "/out"}],
        memory=32,
    )
    ids = []

    def submit():
        for n in range(JOBS):
            ids.append(w.submit(queue, definition, jobName=f"survivor-{n}"))

    submitting = threading.Thread(target=submit)
    submitting.start()
    wait_for("the first ends", lambda: len(list(folder.iterdir())) >= 10, 90)
    harm()
    submitting.join(120)
    assert len(ids) == JOBS
    check_once(stack, w, ids)
    for job_id in ids:
        assert (folder / job_id).read_text() == f"{job_id}\n"
    assert stack.sql("SELECT count(*) FROM inbox") == [["0"]]


@pytest.mark.timeout(420)
@pytest.mark.parametrize("part", PARTS)
def test_jobs_survive_the_death_of(part, stack, shared_work, queue, tmp_path):
    def kill():
        names = stack.instances()[:1] if part == "executor" else [part]
        killed = {name: stack.kill(name) for name in names}
        assert killed
        begin = time.monotonic()
        for name, pid in killed.items():
            wait_for(f"{name} back", lambda n=name, p=pid: stack.pid(n) not in (None, p), 15)
        assert time.monotonic() - begin < 15

    all_survive(kill, stack, shared_work, queue, tmp_path)


@pytest.mark.timeout(420)
def test_jobs_survive_the_loss_of_all_topics(stack, shared_work, queue, tmp_path):
    def delete_topics():
        admin = AdminClient(stack.kafka("admin"))
        topics = [name for name in admin.list_topics(timeout=10).topics if name[:6] == "batch."]
        assert "batch.executions" in topics
        for deleted in admin.delete_topics(topics).values():
            deleted.result(timeout=30)

    all_survive(delete_topics, stack, shared_work, queue, tmp_path)


def test_messages_read_twice_change_nothing(stack, shared_work, queue):
    """Replay: every message of the internal topics is written again; jobs and attempts stay as
    they are."""
    w = shared_work
    ids = [w.submit(queue, w.definition(["sh", "-c", f"exit {n % 2}"])) for n in range(10)]
    w.wait_all(ids)
    settings = stack.kafka("admin")

    def picture():
        return [
            stack.sql("SELECT * FROM done ORDER BY job_id, idx"),
            stack.sql("SELECT * FROM attempt ORDER BY job_id, idx, attempt"),
            stack.sql("SELECT count(*) FROM job_event"),
            stack.sql("SELECT count(*) FROM live"),
        ]

    wait_for("quiet", lambda: stack.sql("SELECT count(*) FROM live") == [["0"]], 30)
    before = picture()
    producer = Producer(settings)
    replayed = 0
    for topic in ("batch.submissions", "batch.commands", "batch.executions", "batch.placements"):
        reader = Consumer(settings | {"group.id": f"openbatch-replay-{topic}"})
        for partition in reader.list_topics(topic, 10).topics[topic].partitions:
            low, high = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            reader.assign([TopicPartition(topic, partition, max(low, high - 2000))])
            while low < high:
                message = reader.poll(5)
                if message is None or message.offset() >= high:
                    break
                if sealed.owner(message.value()) or json.loads(message.value())["type"] != "probe":
                    producer.produce(topic, message.value(), message.key(), partition)
                    replayed += 1
                if message.offset() == high - 1:
                    break
        reader.close()
    producer.flush(30)
    assert replayed > 50
    job = w.wait(w.submit(queue, w.definition()))
    assert job["status"] == "SUCCEEDED"
    known = {tuple(row) for row in before[0]}
    assert known <= {tuple(row) for row in picture()[0]}
    assert len(picture()[0]) == len(before[0]) + 1
    assert len(picture()[1]) == len(before[1]) + 1
