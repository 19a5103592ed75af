"""The disk of a copy fills: it is said, nobody hangs, and when there is room again all goes on by
itself."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter

import botocore.config
import botocore.exceptions
import pytest
from harm import settle
from stack import ROOT, wait_for
from test_bus_dies import ONE_TRY
from word import lasting

IMPATIENT = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=30, connect_timeout=5)


def said(stack):
    """(status, text) of GET /healthz."""
    try:
        with urllib.request.urlopen(f"{stack.endpoint}/healthz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as err:
        return err.code, err.read().decode()
    except OSError as err:
        return None, str(err)


def status_of(stack):
    """What `openbatch status` prints."""
    return subprocess.run(
        [ROOT / "openbatch", "status"],
        env=stack.own_env(),
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout


@pytest.mark.timeout(600)
def test_disk_full_is_said_and_submit_answers_503(small_trial):
    """healthz and `status` name the disk; SubmitJob answers 503 within 2 s; jobs that were accepted
    before, and what is sent when there is room again, end as they should."""
    trial, stack = small_trial, small_trial.stack
    short, long = trial.definition(lasting(0.2)), trial.definition(lasting(10))
    jobs = [trial.submit(long) for _ in range(2)] + [trial.submit(short) for _ in range(10)]
    trial.wait_word(2)
    impatient, took = stack.client("batch", config=IMPATIENT), []
    with trial.harm.full_disk() as empty:
        code, text = wait_for(
            "healthz to name the disk",
            lambda: (at := said(stack)) and at[0] == 503 and "disk" in at[1] and at,
            60,
        )
        print(code, text)
        for _ in range(5):
            begin = time.monotonic()
            with pytest.raises(botocore.exceptions.ClientError) as caught:
                impatient.submit_job(jobName="full", jobQueue=trial.queue, jobDefinition=short)
            took.append(time.monotonic() - begin)
            answer = caught.value.response
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503, answer
        assert "disk" in status_of(stack)
        empty()
        settle(stack)
    print(f"refused within {', '.join(f'{one:.2f}' for one in took)} s")
    assert sorted(took)[len(took) // 2] < 2, took
    jobs += [trial.submit(short) for _ in range(10)]
    ended = trial.wait_all()
    assert Counter(job["status"] for job in ended)["SUCCEEDED"] >= len(jobs)
    trial.check(may_be_empty=ONE_TRY)


@pytest.mark.timeout(600)
def test_full_log_disk_blocks_nobody(small_trial):
    """The disk of the logs is full: what cannot be logged is dropped, and jobs go on."""
    trial, stack = small_trial, small_trial.stack
    definition = trial.definition(lasting(0.05))
    with trial.harm.full_disk(at=stack.home / "log"):
        jobs = [trial.submit(definition) for _ in range(150)]
        ended = trial.wait_all(timeout=180)
        assert Counter(job["status"] for job in ended) == {"SUCCEEDED": len(jobs)}
        trial.submit(definition)
        trial.wait_all(timeout=30)
        print(json.dumps(stack.health("scheduler")))
    trial.check(may_be_empty=ONE_TRY, every_attempt_ran=True)
