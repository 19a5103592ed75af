"""What a container may use of the host, and which key may grant it: no container gets folders of
the copy or of the engine; host folders, devices, privileged mode and log drivers need rights of
their own."""

import itertools

import botocore.exceptions
import pytest
from keys import ARN, statement
from submitting import RUNNABLE_FOR_EVER

COUNTER = itertools.count()
ASKS = {
    "openbatch:RunPrivileged": {"privileged": True},
    "openbatch:MountHost": {
        "volumes": [{"name": "v", "host": {"sourcePath": "/data"}}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}],
    },
    "openbatch:UseDevices": {"linuxParameters": {"devices": [{"hostPath": "/dev/null"}]}},
    "openbatch:UseLogDriver": {
        "logConfiguration": {
            "logDriver": "syslog",
            "options": {"syslog-address": "tcp://192.0.2.1:514"},
        }
    },
}


def register(client, image, name, **more):
    requirements = {"vcpus": 2, "memory": 900000}
    return client.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={"image": image, "command": ["true"]} | requirements | more,
    )


def refusal(call, *args, **more):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **more)
    return caught.value.response["Error"]


def mounting(path):
    return {
        "volumes": [{"name": "v", "host": {"sourcePath": str(path)}}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}],
    }


def test_no_container_gets_what_is_the_copys_or_the_engines(stack, batch, image):
    """Not even from the root key: the folder, what holds it, what lies in it, in any spelling."""
    run_dir = stack.run_dir
    paths = [
        stack.home,
        stack.home / "secrets",
        stack.home / "secrets/root.key",
        stack.home.parent,
        f"{stack.home}/../{stack.home.name}/secrets",
        f"/tmp/..{stack.home}//secrets",
        run_dir,
        f"{run_dir}.pg",
        f"{run_dir}/docker.sock",
        "/run",
        "/",
        "/..",
        "/var/run/docker.sock",
        "/var/lib/docker",
        "/proc",
        f"/proc/1/root{stack.home}",
    ]
    for path in paths:
        error = refusal(register, batch, image, f"host-{next(COUNTER)}", **mounting(path))
        assert error["Code"] == "ClientException"
        assert "which no container may use" in error["Message"], path


def test_links_are_followed_on_the_host(stack, shared_work, queue, tmp_path):
    w = shared_work
    tmp_path.chmod(0o777)
    (tmp_path / "link").symlink_to(stack.home / "secrets")
    (tmp_path / "up").symlink_to(stack.home.parent)
    (tmp_path / "fine").mkdir()
    (tmp_path / "also").symlink_to("fine")
    jobs = {
        name: w.submit(queue, w.definition(["ls", "/v"], **mounting(tmp_path / name)))
        for name in ("link", "link/root.key", "up", f"up/{stack.home.name}/secrets", "also")
    }
    for name, job_id in jobs.items():
        job = w.wait(job_id, timeout=120)
        if name == "also":
            assert job["status"] == "SUCCEEDED"
            continue
        assert job["status"] == "FAILED", name
        reason = job["container"]["reason"]
        assert reason.startswith("CannotCreateContainerError: sourcePath"), reason
        assert "which no container may use" in reason


@pytest.mark.parametrize("action", ASKS)
def test_each_asks_for_a_right_of_its_own(shared_work, queue, image, new_key, action):
    """At RegisterJobDefinition and at SubmitJob, on the definition; batch:* has none of them."""
    w, more = shared_work, ASKS[action]
    name = f"host-{queue}-{next(COUNTER)}"
    definition = f"{ARN}job-definition/{name}"
    register(w.batch, image, name, **more)
    plain = w.definition(["true"], **RUNNABLE_FOR_EVER)
    others = [other for other in ASKS if other != action]
    without = {
        "batch": [statement("batch:*", "*")],
        "others": [statement(["batch:*", *others], "*")],
        "elsewhere": [statement("batch:*", "*"), statement(action, definition + "-other")],
        "denied": [statement("*", "*"), statement(action, definition + ":*", "Deny")],
    }
    for n, statements in without.items():
        b = new_key(f"{n}-{next(COUNTER)}", *statements).client("batch")
        error = refusal(register, b, image, name, **more)
        assert error["Code"] == "AccessDeniedException"
        assert (
            f"is not authorized to perform: {action} on resource: {definition} " in error["Message"]
        )
        for spelling in (name, name + ":1", definition, definition + ":1"):
            error = refusal(b.submit_job, jobName="j", jobQueue=queue, jobDefinition=spelling)
            assert error["Code"] == "AccessDeniedException", spelling
            assert f"perform: {action} on resource: {definition}:1 " in error["Message"]
        job = b.submit_job(jobName="j", jobQueue=queue, jobDefinition=plain)["jobId"]
        w.batch.terminate_job(jobId=job, reason="tested")
    for n, statements in {
        "all": [statement("*", "*")],
        "own": [statement("batch:*", "*"), statement(action, definition + "*")],
    }.items():
        b = new_key(f"{n}-{next(COUNTER)}", *statements).client("batch")
        register(b, image, name, **more)
        job = b.submit_job(jobName="j", jobQueue=queue, jobDefinition=name)["jobId"]
        w.batch.terminate_job(jobId=job, reason="tested")
