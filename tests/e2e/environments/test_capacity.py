"""Queues by priority over shared environments; instances that come with demand and go again."""

from stack import HOLD, RUNNABLE, STARTING, rounds, wait_for


def vcpus(work, environment):
    return work.ce(environment)["computeResources"]["desiredvCpus"]


def test_an_environment_grows_with_demand_and_shrinks_to_its_minimum(work, stack):
    """From 0 to what the jobs need, never above maxvCpus, and back to 0 with no executor left."""
    environment = work.environment(max_vcpus=4, types=("m5",))
    queue = work.queue(environment)
    assert vcpus(work, environment) == 0
    ids = [work.submit(queue, work.definition(["sleep", "3"])) for _ in range(8)]
    grown = 0

    def ended():
        nonlocal grown
        grown = max(grown, vcpus(work, environment))
        return all(j["status"] == "SUCCEEDED" for j in work.jobs(ids))

    wait_for("all jobs SUCCEEDED", ended, 60)
    assert 2 <= grown <= 4
    hosts = {j["container"]["containerInstanceArn"].rsplit("/", 1)[1] for j in work.jobs(ids)}
    wait_for("no vCPUs left", lambda: vcpus(work, environment) == 0, 30)
    ids = ", ".join(f"'{host}'" for host in hosts)
    states = stack.sql(f"SELECT DISTINCT state FROM instance WHERE id IN ({ids})")
    assert states == [["4"]]
    for host in hosts:
        folder = stack.home / "instances" / host / "supervise"
        wait_for(f"{host} gone", lambda f=folder: not f.exists(), 10)
        assert stack.containers(instance=host) == []


def test_min_vcpus_are_kept_running(work):
    environment = work.environment(max_vcpus=4, types=("m5.large",), minvCpus=2)
    wait_for("the minimum", lambda: vcpus(work, environment) == 2, 30)
    work.batch.update_compute_environment(
        computeEnvironment=environment, computeResources={"minvCpus": 0}
    )
    wait_for("nothing", lambda: vcpus(work, environment) == 0, 30)


def test_the_higher_priority_goes_first(work, stack):
    """While low jobs run and wait, urgent ones are submitted: no low job is placed between."""
    environment = work.environment(max_vcpus=2, types=("m5.large",))
    low, high = work.queue(environment, priority=1), work.queue(environment, priority=10)
    definition = work.definition(["sleep", "1"])
    low_ids = [work.submit(low, definition) for _ in range(8)]
    wait_for("a low job RUNNING", lambda: any(j["status"] == "RUNNING" for j in work.jobs(low_ids)))
    high_ids = [work.submit(high, definition) for _ in range(4)]
    jobs = work.wait_all(high_ids) + work.wait_all(low_ids)
    assert {j["status"] for j in jobs} == {"SUCCEEDED"}
    known = max(rounds(stack, high_ids, RUNNABLE))
    last = max(rounds(stack, high_ids, STARTING))
    assert [r for r in rounds(stack, low_ids, STARTING) if known < r < last] == []
    assert max(rounds(stack, low_ids, STARTING)) > last


def test_a_queue_takes_its_environments_in_order(work):
    """What the first environment can never take goes to the second."""
    small = work.environment(max_vcpus=2, types=("m5.large",))
    large = work.environment(max_vcpus=4, types=("m5.xlarge",))
    queue = work.queue(small, large)
    for vcpu_count, environment in ((1, small), (3, large)):
        job = work.wait(work.submit(queue, work.definition(["env"], vcpus=vcpu_count)))
        assert f"AWS_BATCH_CE_NAME={environment}" in work.log(job)


def test_a_disabled_environment_takes_nothing(work):
    environment = work.environment(max_vcpus=2)
    queue = work.queue(environment)
    work.batch.update_compute_environment(computeEnvironment=environment, state="DISABLED")
    wait_for("VALID", lambda: work.ce(environment)["status"] == "VALID")
    job = work.submit(queue, work.definition())
    wait_for("a reason", lambda: "DISABLED" in work.job(job).get("statusReason", ""), 10)
    assert vcpus(work, environment) == 0
    work.batch.update_compute_environment(computeEnvironment=environment, state="ENABLED")
    assert work.wait(job)["status"] == "SUCCEEDED"


def test_a_spot_environment_works_alike(work):
    queue = work.queue(work.environment(max_vcpus=4, types=("m5", "c5"), kind="SPOT"))
    assert work.wait(work.submit(queue, work.definition()))["status"] == "SUCCEEDED"


def test_deleting_a_queue_ends_its_jobs(work):
    queue = work.queue(work.environment(max_vcpus=2, types=("m5.large",)))
    running = work.submit(queue, work.definition(HOLD, vcpus=2))
    waiting = work.submit(queue, work.definition(HOLD, vcpus=2))
    work.wait(running, "RUNNING")
    work.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    wait_for("VALID", lambda: work.jq(queue)["status"] == "VALID")
    work.batch.delete_job_queue(jobQueue=queue)
    shown = work.jq(queue)
    assert shown is None or shown["status"] == "DELETING"
    for job in (work.wait(waiting), work.wait(running, timeout=60)):
        assert (job["status"], job["statusReason"]) == ("FAILED", "JobQueue deleted")
    wait_for("the queue gone", lambda: work.jq(queue) is None)
    work.queues.remove(queue)
