"""Why a job waits, as DescribeJobs shows it, and the events of a blocked queue."""

import re

from job_events import consumer, read
from stack import wait_for


def test_each_environment_says_why_it_refuses(work):
    """One is DISABLED, one too small for the job, one is at its maximum; jobs ahead are counted."""
    off = work.environment(max_vcpus=2, types=("m5.large",))
    small = work.environment(max_vcpus=4, types=("c5.large",))
    full = work.environment(max_vcpus=2, types=("m5.large",))
    work.batch.update_compute_environment(computeEnvironment=off, state="DISABLED")
    wait_for("DISABLED", lambda: work.ce(off)["state"] == "DISABLED")
    queue = work.queue(off, small, full)
    holder = work.submit(queue, work.definition(("sleep", "300"), vcpus=2, memory=6000))
    work.wait(holder, "RUNNING")
    waiting = [work.submit(queue, work.definition(vcpus=2, memory=6000 + n)) for n in range(3)]
    work.reason(
        waiting[0],
        "Waiting for 2 vCPUs and 6000 MiB: ",
        f'"{off}" is DISABLED',
        f'"{small}" has no instance type that is large enough',
        f'"{full}" is at its maximum of 2 vCPUs',
    )
    work.reason(waiting[2], "at least 2 jobs ahead")
    work.batch.terminate_job(jobId=holder, reason="seen")
    work.wait_all(waiting)


def test_a_blocked_queue_is_told(stack, work):
    """The head of a queue that can never be served: its code, and one event for it; those behind it
    run meanwhile."""
    queue = work.queue(work.environment(max_vcpus=2, types=("m5.large",)))
    never = work.submit(queue, work.definition(vcpus=4))
    work.wait(work.submit(queue, work.definition()), "SUCCEEDED")
    text = work.reason(never, "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) ")
    assert "Requested: 4 vCPUs and 64 MiB; largest maxvCpus: 2." in text
    c, events = consumer(stack), []

    def blocked():
        read(c, events)
        return [
            e
            for e in events
            if e["detail-type"] == "Batch Job Queue Blocked" and e["detail"]["jobId"] == never
        ]

    event = wait_for("the event", blocked, 20)
    c.close()
    assert len(event) == 1
    job = work.job(never)
    assert event[0]["resources"] == [job["jobArn"], job["jobQueue"]]
    assert event[0]["detail"]["status"] == "RUNNABLE"
    assert event[0]["detail"]["statusReason"] == text
    snapshot = work.batch.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]["jobs"]
    assert [j["jobArn"] for j in snapshot] == [job["jobArn"]]
    work.batch.cancel_job(jobId=never, reason="seen")
    work.wait(never)


def test_an_array_and_who_depends_on_it_say_why(work):
    """The children of an array that can never be served, the array and what waits for it."""
    queue = work.queue(work.environment(max_vcpus=2, types=("m5.large",)))
    never = work.submit(queue, work.definition(vcpus=4), arrayProperties={"size": 3})
    after = work.submit(queue, work.definition(), dependsOn=[{"jobId": never}])
    code = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - "
    text = work.reason(f"{never}:1", code)
    assert work.job(never)["statusReason"] == text
    assert work.job(never)["status"] == "PENDING"
    waits = work.job(after)["statusReason"]
    assert waits == f'Waiting for job {never} ("{work.job(never)["jobName"]}"): {text}'
    work.batch.terminate_job(jobId=never, reason="seen")
    work.wait_all([never, after])


def test_what_can_never_come_is_no_lack_of_capacity(work):
    """An instance type that is larger than this host: the environment is INVALID and says what it
    needs and what is there. Among others it is left out, and no job is told to wait for it."""
    huge = work.environment(max_vcpus=1000, types=("m5.24xlarge",), status="INVALID")
    text = work.ce(huge)["statusReason"]
    assert text.startswith(
        "CLIENT_ERROR - The instance types [m5.24xlarge] cannot be launched: m5.24xlarge needs "
        "96 vCPUs and 393216 MiB; the local provider has "
    )
    assert re.search(r" [0-9.]+ vCPUs and \d+ MiB: not enough vCPUs( and memory)?\.$", text)
    queue = work.queue(work.environment(max_vcpus=1000, types=("m5.large", "m5.24xlarge")))
    never = work.submit(queue, work.definition(vcpus=90))
    work.reason(
        never, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - ", "; largest instance: 2 vCPUs"
    )
    work.batch.terminate_job(jobId=never, reason="seen")
    work.wait(never)
