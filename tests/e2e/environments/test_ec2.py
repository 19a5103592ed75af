"""The ec2 provider with moto's EC2."""

import random
import time

import pytest
from cloud import USER_DATA, cloud_of
from stack import wait_for


@pytest.fixture(scope="module")
def cloud(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ec2")
    executor = stack.build / "services/executor/openbatch-executor"
    with cloud_of(
        stack, folder, user_data=USER_DATA.format(dir=folder, executor=executor)
    ) as cloud:
        yield cloud


@pytest.fixture
def resources(cloud):
    return {"subnets": [cloud.subnet], "imageId": "ami-12345678", "securityGroupIds": []}


def test_an_instance_of_ec2_runs_a_job_and_goes(cloud, work, resources):
    """Launched with what its environment says, found by its tags, ended when idle."""
    environment = work.environment(
        8, ("m5.large",), "SPOT", **resources, tags={"team": "a"}, spotIamFleetRole="role"
    )
    job = work.submit(work.queue(environment), work.definition(["echo", "from EC2"]))

    def launched():
        """The simulated cloud says of an instance that it is Spot a moment after it is there."""
        return [
            (name, made) for name, made in cloud.alive().items() if "InstanceLifecycle" in made[0]
        ]

    ours, [one] = wait_for("a Spot launch", launched, 30)[0]
    assert one["InstanceType"] == "m5.large"
    assert one["SubnetId"] == cloud.subnet
    assert one["InstanceLifecycle"] == "spot"
    assert one["ClientToken"] == ours
    assert one["Tags"] == {
        "openbatch:instance": ours,
        "openbatch:copy": "openbatch",
        "AWSBatchServiceTag": "batch",
        "team": "a",
    }
    cloud.boot()
    ended = work.wait(job, timeout=60)
    assert (ended["status"], ended["container"]["containerInstanceArn"].split("/")[-1]) == (
        "SUCCEEDED",
        ours,
    )
    assert work.log(ended) == ["from EC2"]
    wait_for("EC2 terminated it", lambda: cloud.alive() == {}, 60)


def test_what_ec2_ends_or_says_nothing_is_replaced(cloud, stack, work, resources):
    """Also by another scaler than the one that launched it."""
    environment = work.environment(2, ("m5.large",), **resources, minvCpus=2)
    before = wait_for("a launch", cloud.alive, 30)
    [[one]] = before.values()
    cloud.ec2.terminate_instances(InstanceIds=[one["InstanceId"]])
    after = wait_for("another", lambda: {k: v for k, v in cloud.alive().items() if k not in before})
    [mute] = after
    cloud.kill_scaler()
    cloud.start_scaler(register_ms=2000)
    try:
        seen = before.keys() | {mute}
        wait_for("one in its place", lambda: cloud.alive().keys() - seen, 20)
        assert stack.sql(f"SELECT state, reason FROM instance WHERE id = '{mute}'") == [
            ["4", "its executor did not register in time"]
        ]
        wait_for("its end", lambda: mute not in cloud.alive(), 10)
    finally:
        cloud.kill_scaler()
        cloud.start_scaler()
    assert work.ce(environment)["status"] == "VALID"


def test_a_refused_launch_is_told_in_ec2s_words(cloud, stack, work, resources):
    """No loop, no instance that stays, and a row that says why."""
    environment = work.environment(4, ("m5.large",), **resources, instanceRole="nobody", minvCpus=2)
    rows = (
        "SELECT reason FROM instance JOIN compute_environment c ON c.id = ce_id"
        f" WHERE c.name = '{environment}' AND state = 4"
    )
    [reason], *_ = wait_for("a refusal", lambda: stack.sql(rows), 30)
    assert reason == "NoSuchEntity: Instance profile nobody not found"
    time.sleep(1)
    assert len(stack.sql(rows)) < 5
    # moto has made the instance before it looked at the profile: nobody knows it, so it ends.
    wait_for("nothing left", lambda: cloud.alive() == {}, 30)


NO_M5 = "InsufficientInstanceCapacity: There is no m5.large left."


@pytest.fixture
def no_m5(cloud):
    cloud.gate.none_of.add("m5.large")
    yield cloud.gate.none_of
    cloud.gate.none_of.clear()


def test_what_ec2_has_none_of_lacks_until_there_is_some(cloud, stack, work, resources, no_m5):
    """Asked for again and again: all that time the job waits for the same, or no time limit for a
    lack of capacity could ever end it. It runs when EC2 has some again."""
    environment = work.environment(8, ("m5.large",), **resources)
    job = work.submit(work.queue(environment), work.definition(["true"]))
    refusals = (
        "SELECT doubtful FROM instance JOIN compute_environment c ON c.id = ce_id"
        f" WHERE c.name = '{environment}' AND state = 4"
    )

    def reason():
        return work.job(job).get("statusReason", "")

    wait_for("the reason", lambda: NO_M5 in reason(), 30)
    asked = len(stack.sql(refusals))
    seen = set()
    while len(stack.sql(refusals)) < asked + 3:  # after 1 s, 2 s, 4 s ...
        seen.add(reason())
        time.sleep(0.05)
    assert all(NO_M5 in text for text in seen), seen
    assert stack.sql(refusals).count(["f"]) == 1  # nobody counted on the others
    no_m5.clear()
    [ours] = wait_for("a launch", cloud.alive, 30)
    wait_for("no lack", lambda: NO_M5 not in reason(), 5)
    assert stack.sql(f"SELECT doubtful FROM instance WHERE id = '{ours}'") == [["f"]]
    cloud.boot()
    assert work.wait(job, timeout=60)["status"] == "SUCCEEDED"


def test_only_what_lacks_goes_to_the_next_environment(cloud, stack, work, resources, no_m5):
    """One of two types is lacking: what needs it is launched elsewhere, once, the rest is not."""
    first = work.environment(8, ("c5.large", "m5.large"), **resources)
    second = work.environment(8, ("c5.large", "r5.large"), **resources)
    queue = work.queue(first, second)
    jobs = [work.submit(queue, work.definition(["true"], memory=6000))]
    types = (
        "SELECT DISTINCT c.name, i.type FROM instance i JOIN compute_environment c ON c.id = ce_id"
        f" WHERE c.name IN ('{first}', '{second}')"
    )
    wait_for("a launch elsewhere", lambda: [second, "r5.large"] in stack.sql(types), 30)
    small = work.definition(["true"], memory=100)
    jobs += [work.submit(queue, small) for _ in range(6)]
    wait_for("a launch here", lambda: [first, "c5.large"] in stack.sql(types), 30)

    def ended():
        cloud.boot()
        return all(job["status"] == "SUCCEEDED" for job in work.jobs(jobs))

    wait_for("their ends", ended, 60)
    assert sorted(stack.sql(types)) == sorted(
        [[first, "c5.large"], [first, "m5.large"], [second, "r5.large"]]
    )


def test_fargate_is_not_for_ec2(cloud, work):
    """The environment is INVALID and says why, the job says so too."""
    environment = work.fargate()
    job = work.submit(
        work.queue(environment), work.fargate_definition(["true"], vcpus="0.25", memory=512)
    )
    wait_for("INVALID", lambda: work.ce(environment)["status"] == "INVALID")
    assert work.ce(environment)["statusReason"] == (
        "CLIENT_ERROR - Fargate environments are not for the ec2 provider"
    )
    wait_for(
        "a reason",
        lambda: f'"{environment}" is not VALID' in work.job(job).get("statusReason", ""),
    )
    work.batch.cancel_job(jobId=job, reason="seen")


@pytest.mark.timeout(400)
@pytest.mark.long
@pytest.mark.parametrize("crashes", [21, 100])
def test_crashes_leave_nothing_behind(cloud, stack, work, resources, crashes):
    """kill -9 of the scaler at random points while capacity grows, shrinks and is replaced: each
    instance that EC2 has is known, once; at the end there is none."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    environment = work.environment(64, ("m5.large", "m5.xlarge"), **resources)

    def ask(vcpus):
        work.batch.update_compute_environment(
            computeEnvironment=environment, computeResources={"minvCpus": vcpus}
        )

    launched = set()
    for n in range(crashes):
        # Grows by one m5.large a crash; three times all of them go, once demand is known.
        wanted = 2 * (n % (crashes // 3))
        if work.ce(environment)["status"] == "VALID":
            ask(wanted)
        # From its start on: while it connects, is elected, reads, launches, looks.
        time.sleep(chance.uniform(0.2, 1.0) if wanted else chance.uniform(5, 6))
        cloud.kill_scaler()
        if n % 4 == 3:
            now = cloud.alive()
            launched |= set(now)
            assert all(len(same) == 1 for same in now.values()), "launched twice"
        cloud.start_scaler()
    wait_for("VALID", lambda: work.ce(environment)["status"] == "VALID")
    ask(8)
    known = "SELECT id FROM instance WHERE state < 4 AND ce_id ="
    known += f" (SELECT id FROM compute_environment WHERE name = '{environment}')"

    def settled():
        now = cloud.alive()
        vcpus = sum({"m5.large": 2, "m5.xlarge": 4}[i["InstanceType"]] for [i] in now.values())
        return vcpus == 8 and set(now) == {row[0] for row in stack.sql(known)}

    wait_for("8 vCPUs, all of them known", settled, 90)
    print(f"{len(launched)} instances were seen over {crashes} crashes")
    assert launched
    ask(0)
    wait_for("none left", lambda: cloud.alive() == {}, 90)
