"""Container properties, each in a real container. Jobs of a group are submitted together, and each
test looks at its own; settings change twice, for the permits."""

import contextlib
import os
import socket
from pathlib import Path

import pytest
from registry import PASSWORD, USER, Registry, write_docker_config
from stack import limits_of_groups, wait_for
from work import Work

SECRET = "hunter2-" + os.urandom(8).hex()
SM = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
TRAP = "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.05; done"


def sh(script):
    return {"command": ["sh", "-c", script]}


def host_volume(path, **mount):
    return {
        "volumes": [{"name": "h", "host": {"sourcePath": str(path)}}],
        "mountPoints": [{"sourceVolume": "h", "containerPath": "/h"} | mount],
    }


DEVICE = {"devices": [{"hostPath": "/dev/zero", "containerPath": "/dev/nulls"}]}


class Place:
    """A queue with an environment of its own, and jobs in it by name."""

    def __init__(self, batch, logs, image, max_vcpus=8):
        self.work = Work(batch, logs, image)
        self.queue = self.work.queue(self.work.environment(max_vcpus=max_vcpus))
        self.ids = {}

    def submit(self, name, properties, **more):
        definition = self.work.definition(**({"memory": 32} | properties))
        self.ids[name] = self.work.submit(self.queue, definition, **more)

    def ended(self, name):
        return self.work.wait(self.ids[name], timeout=120)

    def ok(self, name):
        """The output of a job that succeeded."""
        job = self.ended(name)
        assert job["status"] == "SUCCEEDED", job
        return self.work.log(job)

    def failed(self, name):
        job = self.ended(name)
        assert job["status"] == "FAILED", job
        return job


@contextlib.contextmanager
def settings(stack, **changes):
    before = stack.change_settings(changes)
    try:
        yield
    finally:
        stack.change_settings(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("container")


@pytest.fixture(scope="module")
def registries(stack, folder, image):
    """One that anybody reads, one that wants a password. Both have the image."""
    open_one = Registry(folder / "open")
    locked = Registry(folder / "locked", password=True)
    file = folder / "image.tar"
    stack.save_image(image, file)
    names = [open_one.push(file, name) for name in ("bb:1", "many:1")]
    names += [locked.push(file, name) for name in ("bb:configured", "bb:secret")]
    yield open_one, locked
    if stack.runtime != "oci":
        for name in [*names, f"localhost:{locked.port}/bb:configured"]:
            stack.docker("rmi", name, check=False)
    open_one.stop()
    locked.stop()


@pytest.fixture(scope="module")
def syslog():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(30)
        yield s


@pytest.fixture(scope="module")
def configured(stack, folder, registries):
    secrets = folder / "secrets"
    (secrets / "app").mkdir(parents=True)
    (secrets / "token").write_text(SECRET + "\n")
    (secrets / "app/db").write_text(f'{{"password": "{SECRET}-db"}}')
    (secrets / "registry").write_text(f'{{"username": "{USER}", "password": "{PASSWORD}"}}')
    config = folder / "config.json"
    write_docker_config(config, [f"localhost:{registries[1].port}"])
    with settings(stack, OPENBATCH_SECRETS_DIR=secrets, OPENBATCH_DOCKER_CONFIG=config):
        yield


@pytest.fixture(scope="module")
def place(configured, batch, logs, image, folder, registries, syslog):
    """Everything that default permits allow."""
    p = Place(batch, logs, image)
    open_one, locked = registries
    p.submit(
        "timeout",
        sh("trap 'echo told; exit 7' TERM; while :; do sleep 0.1; done"),
        timeout={"attemptDurationSeconds": 60},
    )
    p.submit("terminate", sh(TRAP))
    p.submit("host", sh("echo out >/h/file; cat /h/in") | host_volume(folder / "made/here"))
    (folder / "made/there").mkdir(parents=True)
    (folder / "made/there/in").write_text("from the host\n")
    p.submit(
        "read_only",
        sh("cat /h/in; touch /h/new 2>&1 || true")
        | host_volume(folder / "made/there", readOnly=True),
    )
    p.submit(
        "volume",
        sh("echo kept >/a/file; cat /b/file")
        | {
            "volumes": [{"name": "v"}],
            "mountPoints": [
                {"sourceVolume": "v", "containerPath": "/a"},
                {"sourceVolume": "v", "containerPath": "/b"},
            ],
        },
    )
    linux = {
        "initProcessEnabled": True,
        "sharedMemorySize": 16,
        "tmpfs": [{"containerPath": "/t", "size": 3, "mountOptions": ["noexec"]}],
    } | DEVICE
    p.submit(
        "linux",
        sh(
            "cat /proc/1/comm; df -m /dev/shm /t | awk '{print $2}'; grep ' /t ' /proc/mounts;"
            "head -c 3 /dev/nulls | od -An -tx1"
        )
        | {"linuxParameters": linux},
    )
    p.submit(
        "modest",
        sh("id -u; id -g; ulimit -Sn; ulimit -Hn; touch /tmp/x 2>&1 || true")
        | {
            "user": "1234:2345",
            "readonlyRootFilesystem": True,
            "ulimits": [{"name": "nofile", "softLimit": 50, "hardLimit": 60}],
        },
    )
    p.submit(
        "environment",
        sh("env | sort") | {"environment": [{"name": n, "value": "definition"} for n in "AB"]},
        containerOverrides={"environment": [{"name": "B", "value": "override"}]},
    )
    p.submit(
        "array",
        sh("echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE"),
        arrayProperties={"size": 2},
    )
    p.submit(
        "shape",
        {"command": ["sleep", "600"], "linuxParameters": {"maxSwap": 8}},
        propagateTags=True,
        tags={"team": "blue"},
    )
    p.submit("no_device", sh("true") | {"linuxParameters": {"devices": [{"hostPath": "/dev/no"}]}})
    p.submit("no_command", {"command": ["/no/such/program"]})
    p.submit("no_permission", {"command": ["/etc"]})
    p.submit("no_user", sh("true") | {"user": "nobody-here"})
    p.submit("oom", {"command": ["tail", "/dev/zero"], "memory": 8})
    p.submit("privileged", sh("grep CapEff /proc/self/status") | {"privileged": True})
    p.submit("calls", sh("grep Seccomp: /proc/self/status; unshare -U true; unshare -m true"))
    p.submit(
        "secret",
        sh("echo $TOKEN $DB | md5sum; echo ${#TOKEN}")
        | {
            "secrets": [
                {"name": "TOKEN", "valueFrom": "token"},
                {"name": "DB", "valueFrom": SM + "app/db-a1B2c3:password::"},
            ],
            "executionRoleArn": "arn:aws:iam::123456789012:role/x",
        },
    )
    p.submit(
        "no_secret",
        sh("true")
        | {
            "secrets": [
                {"name": "TOKEN", "valueFrom": "token"},
                {"name": "X", "valueFrom": SM + "nowhere-a1B2c3"},
            ],
            "executionRoleArn": "arn:aws:iam::123456789012:role/x",
        },
    )
    p.submit(
        "syslog",
        sh("echo to the host")
        | {
            "logConfiguration": {
                "logDriver": "syslog",
                "options": {"syslog-address": f"udp://127.0.0.1:{syslog.getsockname()[1]}"},
                "secretOptions": [{"name": "tag", "valueFrom": "token"}],
            }
        },
    )
    p.submit(
        "bad_log_option",
        sh("true")
        | {
            "logConfiguration": {
                "logDriver": "syslog",
                "secretOptions": [{"name": "syslog-address", "valueFrom": "token"}],
            }
        },
    )
    p.submit("no_image", {"image": f"127.0.0.1:{open_one.port}/none:1"})
    p.submit("pull", {"image": f"127.0.0.1:{open_one.port}/bb:1", "command": ["true"]})
    for n in range(8):
        p.submit(f"many{n}", {"image": f"127.0.0.1:{open_one.port}/many:1", "command": ["true"]})
    p.submit("pull_auth", {"image": f"localhost:{locked.port}/bb:configured", "command": ["true"]})
    # By this name Docker's configuration has no password.
    p.submit("pull_denied", {"image": f"127.0.0.1:{locked.port}/bb:configured"})
    p.submit(
        "pull_secret",
        {
            "image": f"127.0.0.1:{locked.port}/bb:secret",
            "command": ["true"],
            "repositoryCredentials": {"credentialsParameter": SM + "registry"},
        },
    )
    yield p
    p.work.forget()


def test_host_folder_is_made_and_written(place, folder):
    place.ended("host")
    assert (folder / "made/here/file").read_text() == "out\n"


def test_host_folder_read_only(place, folder):
    out = place.ok("read_only")
    assert out[0] == "from the host"
    assert "Read-only" in out[1]
    assert not (folder / "made/there/new").exists()


def test_volume_without_path_is_shared_and_goes_with_the_container(place, stack):
    assert place.ok("volume") == ["kept"]
    job = place.ids["volume"]

    def is_there():
        if stack.runtime == "oci":  # it is in the attempt's folder
            return list((stack.home / "oci").glob(f"*/ob-{job}-*"))
        return job in stack.docker("volume", "ls")

    wait_for("the volume to be gone", lambda: not is_there())


def test_init_shared_memory_tmpfs_and_devices(place):
    out = place.ok("linux")
    assert out[0] == "docker-init"
    assert out[1:4] == ["1M-blocks", "16", "3"]
    assert "noexec" in out[4]
    assert out[5].split() == ["00", "00", "00"]


def test_user_ulimit_and_read_only_root(place):
    out = place.ok("modest")
    assert out[:4] == ["1234", "2345", "50", "60"]
    assert "Read-only" in out[4]


def test_environment_order_and_variables(place):
    env = dict(line.split("=", 1) for line in place.ok("environment"))
    assert (env["A"], env["B"]) == ("definition", "override")
    assert env["PATH"]  # the image's, or Docker's
    assert env["AWS_BATCH_JOB_ID"] == place.ids["environment"]
    assert env["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert env["AWS_BATCH_JQ_NAME"] == place.queue
    assert env["AWS_BATCH_CE_NAME"] == place.work.environments[0]
    assert env["AWS_EXECUTION_ENV"] == "AWS_ECS_EC2"
    assert "AWS_BATCH_JOB_ARRAY_INDEX" not in env
    assert "AWS_BATCH_JOB_ARRAY_SIZE" not in env


def test_children_know_the_size_of_their_array(place):
    assert place.ended("array")["status"] == "SUCCEEDED"
    child = place.work.wait(place.ids["array"] + ":1")
    assert place.work.log(child) == ["1 of 2"]


LIMITS = {
    "memory.limit_in_bytes": 32 << 20,
    "memory.memsw.limit_in_bytes": 40 << 20,
    "memory.max": 32 << 20,
    "memory.swap.max": 8 << 20,
    "cpu.shares": 1024,
}


def test_limits_and_tags_reach_the_container(place, stack, batch):
    job = place.ids["shape"]
    place.work.wait(job, "RUNNING")
    name = f"ob-{job}-1"
    if stack.runtime == "oci":  # containers have no labels
        found = limits_of_groups(name, LIMITS)
        assert "memory.limit_in_bytes" in found or "memory.max" in found
        assert all(LIMITS[key] == int(value) for key, value in found.items()), found
    else:
        shown = stack.docker(
            "inspect",
            "-f",
            "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuShares}} "
            '{{index .Config.Labels "openbatch.tag.team"}}',
            name,
        )
        assert shown.split() == [str(32 << 20), str(40 << 20), "1024", "blue"]
    batch.terminate_job(jobId=job, reason="seen")


def test_terminate_reaches_the_container(place, batch):
    job = place.work.wait(place.ids["terminate"], "RUNNING")
    wait_for("its first line", lambda: "ready" in place.work.log(job))
    batch.terminate_job(jobId=place.ids["terminate"], reason="enough")
    job = place.failed("terminate")
    wait_for("its last line", lambda: place.work.log(job)[1:] == ["told"])
    assert job["statusReason"] == "enough"
    assert job["container"]["exitCode"] == 7


@pytest.mark.parametrize(
    "name,kind,text,code",
    [
        ("no_device", "CannotStartContainerError", "/dev/no", None),
        ("no_command", "CannotStartContainerError", "/no/such/program", 127),
        ("no_permission", "CannotStartContainerError", "permission denied", 126),
        ("no_user", "CannotStartContainerError", "nobody-here", None),
        ("no_image", "CannotPullContainerError", "/none:1", None),
        ("pull_denied", "CannotPullContainerError", "no basic auth", None),
    ],
)
def test_what_cannot_start_says_why(place, stack, name, kind, text, code):
    if (stack.runtime, name) == ("oci", "pull_denied"):
        text = "authentication required"  # skopeo's words
    job = place.failed(name)
    container = job["attempts"][0]["container"]
    assert container["reason"].startswith(kind + ": ")
    assert text in container["reason"]
    assert container.get("exitCode") == code
    assert job["statusReason"] == "Task failed to start"
    assert len(container["reason"]) <= 255


@pytest.mark.docker("without an engine the registry is named")
def test_missing_image_names_the_engine(place, stack):
    reason = place.failed("no_image")["attempts"][0]["container"]["reason"]
    assert stack.settings["DOCKER_HOST"] in reason


def test_out_of_memory(place):
    job = place.failed("oom")
    container = job["attempts"][0]["container"]
    assert container["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert container["exitCode"] == 137
    assert job["statusReason"] == "Essential container in task exited"


def test_calls_that_reach_beyond_the_container_are_refused(place):
    """A new namespace of users (0x10000000) needs no capability, and opens what needs some."""
    job = place.failed("calls")
    assert sorted(place.work.log(job)) == [
        "Seccomp:\t2",
        "unshare: unshare(0x10000000): Operation not permitted",
        "unshare: unshare(0x20000): Operation not permitted",
    ]


def can_privileged(stack, image):
    """An engine refuses where it has not all capabilities itself."""
    return stack.runtime == "oci" or "CapEff" in stack.docker(
        "run", "--rm", "--privileged", image, "grep", "CapEff", "/proc/self/status", check=False
    )


def test_privileged_as_far_as_the_engine_can(place, stack, image):
    job = place.ended("privileged")
    if can_privileged(stack, image):
        assert job["status"] == "SUCCEEDED"
        capabilities = int(place.work.log(job)[0].split()[1], 16)
        assert capabilities >> 21 & 1  # CAP_SYS_ADMIN
    else:
        reason = job["attempts"][0]["container"]["reason"]
        assert reason.startswith("CannotStartContainerError: ")


def test_secrets_reach_the_container_and_nothing_else(place, stack, batch):
    import hashlib

    digest = hashlib.md5(f"{SECRET} {SECRET}-db\n".encode()).hexdigest()
    assert place.ok("secret") == [f"{digest}  -", str(len(SECRET))]
    place.ended("no_secret")
    place.ended("bad_log_option")
    jobs = batch.describe_jobs(jobs=list(place.ids.values()))
    assert SECRET not in str(jobs)
    for file in [*stack.home.glob("log/*/*"), *stack.home.glob("instances/*/spool")]:
        data = file.read_bytes()
        assert SECRET.encode() not in data and PASSWORD.encode() not in data, file


def test_missing_secret_fails_the_attempt(place):
    job = place.failed("no_secret")
    reason = job["attempts"][0]["container"]["reason"]
    assert reason.startswith("ResourceInitializationError: ")
    assert "nowhere" in reason
    assert job["statusReason"] == reason


@pytest.mark.docker("log drivers are the engine's")
def test_log_driver_trouble_hides_the_secret(place):
    reason = place.failed("bad_log_option")["attempts"][0]["container"]["reason"]
    assert reason.startswith("Cannot")
    assert "***" in reason


@pytest.mark.docker("log drivers are the engine's")
def test_other_log_drivers_are_docker_s(place, syslog):
    job = place.ended("syslog")
    assert job["status"] == "SUCCEEDED"
    assert "logStreamName" not in job["container"]
    line = syslog.recv(65536).decode()
    assert "to the host" in line
    assert SECRET in line  # secretOptions: the tag


def test_images_are_pulled(place):
    assert place.ended("pull")["status"] == "SUCCEEDED"


def test_an_image_is_pulled_once_for_all_who_wait(place, stack, registries):
    """Once by each executor that has jobs of it; the registry hears no more."""
    for n in range(8):
        assert place.ended(f"many{n}")["status"] == "SUCCEEDED"
    image = f"127.0.0.1:{registries[0].port}/many:1"
    logs = [file.read_text() for file in stack.home.glob("log/executor-*/current")]
    pulls = [sum("image.pulled" in x and image in x for x in log.splitlines()) for log in logs]
    assert max(pulls) == 1
    if stack.runtime == "oci":  # executors of this host share a store
        assert registries[0].manifests_sent("many") == 1
    else:
        assert registries[0].asked_for("many", "1") == sum(pulls)


def test_credentials_of_docker_s_configuration(place):
    assert place.ended("pull_auth")["status"] == "SUCCEEDED"


def test_repository_credentials(place):
    assert place.ended("pull_secret")["status"] == "SUCCEEDED"


def greedy(folder):
    return {
        "privileged": sh("grep CapEff /proc/self/status") | {"privileged": True},
        "mount": sh("ls -d /h 2>&1 || true") | host_volume(folder / "dropped"),
        "device": sh("ls /dev/nulls 2>&1 || true") | {"linuxParameters": DEVICE},
    }


VARIABLES = {
    "privileged": "OPENBATCH_PRIVILEGED",
    "mount": "OPENBATCH_HOST_MOUNTS",
    "device": "OPENBATCH_DEVICES",
}


def test_permits(place, stack, batch, logs, image, folder):
    """Refused: at submission. Dropped: the job runs without, and its reason says so."""
    cases = greedy(folder)
    definitions = {name: place.work.definition(**({"memory": 32} | cases[name])) for name in cases}
    with settings(stack, **dict.fromkeys(VARIABLES.values(), "refuse")):
        for name, variable in VARIABLES.items():
            with pytest.raises(batch.exceptions.ClientException) as refused:
                place.work.submit(place.queue, definitions[name])
            assert variable in str(refused.value)
        plain = place.work.submit(place.queue, place.work.definition())
    with settings(stack, **dict.fromkeys(VARIABLES.values(), "drop")):
        p = Place(batch, logs, image, max_vcpus=4)
        for name, properties in cases.items():
            p.submit(name, properties)
        p.submit("code", sh("exit 3") | {"privileged": True})
        capabilities = int(p.ok("privileged")[0].split()[1], 16)
        assert not capabilities >> 21 & 1
        for name in ("mount", "device"):
            assert "No such file" in p.ok(name)[0]
        for name, variable in [*VARIABLES.items(), ("code", VARIABLES["privileged"])]:
            job = p.ended(name)
            for container in (job["container"], job["attempts"][0]["container"]):
                assert container["reason"].startswith("Ran without ")
                assert variable in container["reason"]
        assert p.failed("code")["container"]["exitCode"] == 3
        p.work.forget()
    assert not (folder / "dropped").exists()
    assert place.work.wait(plain)["status"] == "SUCCEEDED"


def test_timeout_outlives_a_restart_of_the_executor(place, stack):
    """SIGTERM 60 s after the container's start, although its executor was killed meanwhile."""
    job = place.work.wait(place.ids["timeout"], "RUNNING", "FAILED")
    if job["status"] == "RUNNING":
        [[instance]] = stack.sql(
            f"SELECT instance_id FROM placement WHERE job_id = '{place.ids['timeout']}'"
        )
        stack.kill(instance)
    job = place.failed("timeout")
    assert job["statusReason"] == "Job attempt duration exceeded timeout"
    assert job["attempts"][0]["container"]["exitCode"] == 7
    assert 60_000 <= job["stoppedAt"] - job["startedAt"] < 65_000
    assert place.work.log(job) == ["told"]


def test_executors_logs_are_kept_small(place, stack):
    for instance in stack.instances():
        folder = Path(stack.home) / "log" / f"executor-{instance}"
        assert (folder / "config").read_text().startswith("s1000000")
        assert (folder / "lock").exists()  # svlogd has it
