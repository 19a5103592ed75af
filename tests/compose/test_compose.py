"""docker-compose.yml as users run it (docs/compose.md): real servers, each in a container."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from composed import ROOT, Composed, compose_command, docker, evaluated, run
from stack import HOLD, RUNNABLE, STARTING, rounds, wait_for

SERVICES = ["postgres", "redis", "kafka", "api", "scheduler", "scaler", "console"]
PROGRAMS = ["api", "scheduler", "scaler", "executor", "console"]
PUBLISHED = ("api", "console")


@pytest.fixture(scope="module")
def queues(work):
    """The demo's: on-demand and Spot, 0 to 256 vCPUs, priorities 10 and 1."""
    on_demand = work.environment(256, ("m5", "c5"))
    spot = work.environment(256, ("m5", "c5"), "SPOT")
    return work.queue(on_demand, priority=10), work.queue(spot, priority=1)


def mounted(folder, path="/out"):
    return {
        "volumes": [{"name": "out", "host": {"sourcePath": str(folder)}}],
        "mountPoints": [{"sourceVolume": "out", "containerPath": path}],
    }


def test_services_add_less_than_50_mb_to_their_base(composed):
    base = int(docker("image", "inspect", "-f", "{{.Size}}", "debian:bookworm-slim"))
    for name in PROGRAMS:
        size = int(docker("image", "inspect", "-f", "{{.Size}}", f"openbatch/{name}"))
        print(f"{name}: {(size - base) / 1e6:.1f} MB above its base")
        assert size - base < 50_000_000
        tools = docker(
            "run", "--rm", "--entrypoint", "sh", f"openbatch/{name}",
            "-c", "command -v gcc cc make ninja meson; true",
        )  # fmt: skip
        assert tools == ""


def test_only_the_api_and_the_console_are_published_and_only_here(composed):
    for service in SERVICES:
        ports = composed.inspect(service)["NetworkSettings"]["Ports"] or {}
        published = [p["HostIp"] for bindings in ports.values() for p in bindings or []]
        assert published == (["127.0.0.1"] if service in PUBLISHED else [])


def test_services_without_rights_where_they_can(composed):
    for service, user in (("api", "10001"), ("scheduler", "10001"), ("console", "10002")):
        assert docker("exec", composed.id(service), "id", "-u") == user
    for service in ("postgres", "redis", "kafka"):
        assert docker("exec", composed.id(service), "id", "-u") not in ("0", "")


def test_the_console_can_read_no_secrets_but_its_own(composed):
    """Its links are made by the user who may read the root key."""
    console = composed.id("console")
    find = "find /var/lib/openbatch/secrets -type f -size +0 -readable -printf %P\\n"
    files = set(docker("exec", console, *find.split(), check=False).splitlines())
    files = {name for name in files if not name.startswith("tls/")}
    assert files == {"console.key", "kafka-reader.password"}
    link = docker("exec", "-u", "openbatch", console, "openbatch-console", "--link")
    assert len(link) > 64 and "\n" not in link


def first_steps():
    """What the README says of containers, but for its last block: what looks and stops."""
    section = (ROOT / "README.md").read_text().split("\n## In containers\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.S)[:-1])


# The README's command, by that of these tests.
COMPOSE = """
docker() { if [ "$1" = compose ]; then shift; command %s "$@"; else command docker "$@"; fi; }
"""


def test_the_first_steps_of_the_readme(composed, work, image):
    """As they are written, in one go; `busybox` is in the engine already, for it cannot be pulled
    where there is no registry."""
    docker("tag", image, "busybox")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = COMPOSE % " ".join(compose_command()) + first_steps() + 'echo "job=$job"\n'
    env = composed.env | {"PATH": path, "COMPOSE_PROJECT_NAME": composed.project}
    done = run("/bin/bash", "-euc", script, cwd=ROOT, env=env)
    job = work.wait(done.stdout.split("job=")[-1].strip(), timeout=90)
    assert job["status"] == "SUCCEEDED", job["statusReason"]
    assert work.log(job) == ["hello"]


def test_the_default_queue_stays_away_when_deleted(composed, work):
    work.batch.update_job_queue(jobQueue="default", state="DISABLED")
    wait_for("queue default VALID", lambda: work.jq("default")["status"] == "VALID")
    work.batch.delete_job_queue(jobQueue="default")
    wait_for("queue default gone", lambda: work.jq("default") is None, 60)
    assert composed.exports()["AWS_ACCESS_KEY_ID"]
    assert work.jq("default") is None


def test_a_job_its_log_and_a_host_folder(work, queues, tmp_path):
    definition = work.definition(["sh", "-c", "echo said; echo kept > /out/x"], **mounted(tmp_path))
    job = work.wait(work.submit(queues[0], definition), timeout=90)
    assert (job["status"], job["container"]["exitCode"]) == ("SUCCEEDED", 0)
    assert work.log(job) == ["said"]
    assert (tmp_path / "x").read_text() == "kept\n"


def test_executors_pose_as_instances_and_go(composed, work, queues):
    """Scale to zero: no executor stays when nothing runs."""
    held = work.submit(queues[1], work.definition(HOLD))
    job = work.wait(held, "RUNNING", timeout=90)
    instance = job["container"]["containerInstanceArn"].split("/")[-1]
    name = f"{composed.project}-{instance}"
    assert name in composed.executors()
    env = docker("exec", name, "cat", f"/var/lib/openbatch/instances/{instance}/env")
    assert re.search(r"^OPENBATCH_INSTANCE_TYPE='[mc]5\.", env, re.M)
    assert docker("exec", name, "hostname") == instance
    work.batch.terminate_job(jobId=held, reason="enough")
    assert work.wait(held)["statusReason"] == "enough"
    wait_for("no executors", lambda: composed.executors() == [], 60)


def test_a_spot_interruption(composed, work, queues):
    """The job runs again elsewhere, with AWS's reason."""
    job = work.submit(
        queues[1],
        work.definition(
            ["sh", "-c", "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] || exec sleep 1000"],
        ),
        retryStrategy={"attempts": 2},
    )
    first = work.wait(job, "RUNNING", timeout=90)
    instance = first["container"]["containerInstanceArn"].split("/")[-1]
    subprocess.run(
        [sys.executable, ROOT / "tools/interrupt.py", instance],
        check=True, env=os.environ | composed.exports(),
    )  # fmt: skip
    ended = work.wait(job, timeout=90)
    assert (ended["status"], len(ended["attempts"])) == ("SUCCEEDED", 2)
    assert ended["attempts"][0]["statusReason"] == f"Host EC2 (instance {instance}) terminated."


def test_the_higher_priority_goes_first(composed, work):
    """Low jobs fill the environment and wait; urgent ones are submitted: no low job is placed
    between them."""
    environment = work.environment(2, ("m5.large",))
    low, high = work.queue(environment, priority=1), work.queue(environment, priority=10)
    definition = work.definition(["sleep", "1"])
    lows = [work.submit(low, definition) for _ in range(8)]
    wait_for("a low job RUNNING", lambda: any(j["status"] == "RUNNING" for j in work.jobs(lows)))
    highs = [work.submit(high, definition) for _ in range(3)]
    assert {j["status"] for j in work.wait_all(highs + lows)} == {"SUCCEEDED"}
    known = max(rounds(composed, highs, RUNNABLE))
    last = max(rounds(composed, highs, STARTING))
    assert [r for r in rounds(composed, lows, STARTING) if known < r < last] == []
    assert max(rounds(composed, lows, STARTING)) > last


@pytest.mark.parametrize("name", ["genomics", "monte-carlo"])
def test_an_example_runs_unchanged(composed, image, queues, name):
    words = ["--queue", queues[0], "--image", image]
    done = subprocess.run(
        [sys.executable, ROOT / f"examples/{name}/run.py", *words],
        check=False, env=os.environ | composed.exports(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


ASK = """
import socket, sys
pg, redis, kafka = sys.argv[1:]
def asked(host, port, words):
    with socket.create_connection((host, port), 5) as s:
        s.settimeout(5)
        s.sendall(words)
        try:
            return s.recv(4096)
        except (TimeoutError, ConnectionResetError):
            return b""
start = b"\\0\\3\\0\\0user\\0openbatch\\0database\\0openbatch\\0\\0"
answer = asked(pg, 5432, (len(start) + 4).to_bytes(4, "big") + start)
# Authentication is wanted (R), and it is not the 0 that lets one in.
print("postgres", "refused" if answer[:1] == b"R" and answer[5:9] != b"\\0\\0\\0\\0" else answer)
answer = asked(redis, 6379, b"GET x\\r\\n")
print("redis", "refused" if answer.startswith(b"-NOAUTH") else answer)
# A Metadata request without a password: the broker hangs up.
body = b"\\0\\3\\0\\0\\0\\0\\0\\1\\0\\1x" + b"\\0\\0\\0\\0"
answer = asked(kafka, 9092, len(body).to_bytes(4, "big") + body)
print("kafka", "refused" if answer == b"" else answer)
"""
REFUSED = ["postgres refused", "redis refused", "kafka refused"]


def test_who_has_no_password_is_refused_on_the_default_network(composed):
    out = docker(
        "run", "--rm", "--network", f"{composed.project}_default", "--entrypoint", "python3",
        "openbatch/setup", "-c", ASK, "postgres", "redis", "kafka",
    )  # fmt: skip
    assert out.splitlines() == REFUSED


def test_who_has_no_password_is_refused_from_a_job(composed, work, queues):
    addresses = [composed.address(name) for name in ("postgres", "redis", "kafka")]
    definition = work.definition(
        ["-c", 'exec /usr/bin/python3 -c "$0" "$@"', ASK, *addresses],
        image="openbatch/asker",
        memory=128,
    )
    job = work.wait(work.submit(queues[0], definition), timeout=90)
    assert job["status"] == "SUCCEEDED", job["statusReason"]
    assert work.log(job) == REFUSED


# The last ten children wait for the test, so that there is no moment at which none runs.
CHILD = """
sleep 2
while [ $AWS_BATCH_JOB_ARRAY_INDEX -ge 40 ] && ! [ -e /out/go ]; do sleep 0.2; done
echo done >>/out/$AWS_BATCH_JOB_ARRAY_INDEX
"""


@pytest.mark.timeout(400)
def test_50_children_survive_the_death_of_every_container(composed, work, queues, tmp_path):
    """Each container of ours is killed once while children run; all children SUCCEED, each ran to
    its end once. Docker leaves what was killed by hand where it is, so it is started by hand as
    well, but for the executor: the scaler sees to that."""
    definition = work.definition(["sh", "-c", CHILD], memory=32, **mounted(tmp_path))
    job = work.submit(queues[0], definition, arrayProperties={"size": 50})
    for part in [*SERVICES, "executor"]:
        wait_for("children that run", composed.jobs, 120)
        if part == "executor":
            docker("kill", wait_for("an executor", composed.executors, 60)[0])
        else:
            docker("kill", composed.id(part))
            docker("start", composed.id(part))
        assert "stoppedAt" not in work.job(job)
    (tmp_path / "go").touch()
    parent = work.wait(job, timeout=240)
    assert parent["status"] == "SUCCEEDED"
    assert parent["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 50
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"go": ""} | {
        str(n): "done\n" for n in range(50)
    }
    successes = f"FROM attempt WHERE job_id = '{job}' AND exit_code = 0"
    assert composed.sql(f"SELECT count(*), count(DISTINCT idx) {successes}") == [["50", "50"]]
    assert composed.sql("SELECT count(*) FROM inbox") == [["0"]]


def test_the_api_finds_the_metrics_of_the_others(composed):
    """The services are different users in different containers; the metrics have one page."""
    token = docker(
        "exec", composed.id("api"), "cat", "/var/lib/openbatch/secrets/metrics.token"
    ).strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{composed.port}/metrics", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    for service in ("scheduler", "scaler"):
        assert f'openbatch_service_up{{service="{service}"}} 1\n' in text
        assert f'openbatch_healthy{{service="{service}"}} 1\n' in text
        assert f'openbatch_leader{{role="{service}"}} 1\n' in text


def test_a_crash_needs_nobody(composed, work, queues):
    """A program that dies in its container is started again by the engine."""
    for part in ("api", "scheduler", "scaler"):
        before = composed.inspect(part)["State"]["Pid"]
        os.kill(before, signal.SIGKILL)
        wait_for(
            f"{part} again",
            lambda p=part, b=before: composed.inspect(p)["State"]["Pid"] not in (0, b),
            30,
        )
    job = work.wait(work.submit(queues[0], work.definition()), timeout=90)
    assert job["status"] == "SUCCEEDED"


def test_down_ends_cleanly_and_up_goes_on(composed, work, queues, tmp_path):
    definition = work.definition(
        ["sh", "-c", "echo begun; while ! [ -e /out/go ]; do sleep 0.2; done; echo ended"],
        **mounted(tmp_path),
    )
    job = work.submit(queues[0], definition)
    key = composed.exports()["AWS_ACCESS_KEY_ID"]
    work.wait(job, "RUNNING", timeout=90)
    running = composed.jobs()
    begin = time.monotonic()
    said = run(*composed.command, "down", cwd=ROOT, env=composed.env).stderr
    assert "ERROR" not in said, said
    print(f"down took {time.monotonic() - begin:.1f} s")
    assert composed.containers() == []
    assert composed.jobs() == running
    (tmp_path / "go").touch()
    composed.up()
    ended = work.wait(job, timeout=90)
    assert (ended["status"], len(ended["attempts"])) == ("SUCCEEDED", 1)
    assert work.log(ended) == ["begun", "ended"]
    assert composed.exports()["AWS_ACCESS_KEY_ID"] == key


def served_certificate(composed, ca, unlike=None):
    """The proxy's, when a client trusts it: serial number and names; None while it is `unlike`."""
    trusting = ssl.create_default_context(cafile=ca)
    with (
        socket.create_connection(("127.0.0.1", composed.port + 3), 5) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        found = tls.getpeercert()
    if found["serialNumber"] == unlike:
        return None
    return found["serialNumber"], {name for _, name in found["subjectAltName"]}


def end_sleep(container):
    """The program in a container that sleeps until tomorrow is woken."""
    for line in docker("top", container, "-eo", "pid,comm").splitlines():
        if line.split()[1] == "sleep":
            os.kill(int(line.split()[0]), signal.SIGKILL)


def test_https_and_a_second_scheduler_by_the_override(composed, work, queues, tmp_path):
    """The proxy's certificate is of the printed authority, also when it is a new one; when the
    leading scheduler is killed the other one leads."""
    both = Composed(
        composed.project, composed.port, ("docker-compose.yml", "docker-compose.tls.yml")
    )
    both.up()
    ca = tmp_path / "ca.pem"
    ca.write_text(both.compose("exec", "-T", "api", "cat", "/var/lib/openbatch/secrets/tls/ca.pem"))
    https = f"https://localhost:{composed.port + 3}"
    assert both.exports()["AWS_ENDPOINT_URL_BATCH"] == https
    first, names = served_certificate(both, ca)
    assert "batch.example.org" not in names
    both.env["OPENBATCH_TLS_NAMES"] = "batch.example.org"
    both.up()
    second, names = wait_for("another name", lambda: served_certificate(both, ca, unlike=first))
    assert "batch.example.org" in names
    # It is looked at once a day; without its names it is made anew as one that ends soon would be.
    docker("exec", both.id("certificate"), "rm", "/var/lib/openbatch/secrets/tls/tls.names")
    end_sleep(both.id("certificate"))
    wait_for("a renewed one", lambda: served_certificate(both, ca, unlike=second))
    batch = both.client("batch", verify=str(ca))
    held = batch.submit_job(
        jobName="held", jobQueue=queues[0], jobDefinition=work.definition(HOLD)
    )["jobId"]
    work.wait(held, "RUNNING", timeout=90)
    docker("kill", both.id("scheduler"))
    begin = time.monotonic()
    after = batch.submit_job(jobName="after", jobQueue=queues[0], jobDefinition=work.definition())
    assert work.wait(after["jobId"], timeout=60)["status"] == "SUCCEEDED"
    print(f"a job went through {time.monotonic() - begin:.1f} s after the kill")
    batch.terminate_job(jobId=held, reason="enough")
    assert len(work.wait(held, timeout=60)["attempts"]) == 1
    docker("start", both.id("scheduler"))
    docker("rm", "-f", both.id("standby"), both.id("tls"), both.id("certificate"))


DOCUMENTED = re.compile(r"`docker-compose.secrets.yml`.*?```yaml\n(.*?)```", re.S)


def test_a_secret_of_a_job_by_the_documented_override(composed, work, queues, tmp_path):
    """With the folders of the document's example below another one."""
    text = DOCUMENTED.search((ROOT / "docs/compose.md").read_text())[1]
    override = tmp_path / "docker-compose.secrets.yml"
    override.write_text(text.replace("./secrets", f"{tmp_path}/s").replace("~/.d", f"{tmp_path}/d"))
    (tmp_path / "s").mkdir()
    (tmp_path / "s/token").write_text("of a job\n")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/config.json").write_text("{}")
    wait_for("no executors of before", lambda: composed.executors() == [], 60)
    Composed(composed.project, composed.port, ("docker-compose.yml", override)).up()
    definition = work.definition(
        ["sh", "-c", 'echo "$TOKEN" >/out/x'],
        secrets=[{"name": "TOKEN", "valueFrom": "token"}],
        **mounted(tmp_path),
    )
    job = work.wait(work.submit(queues[0], definition), timeout=90)
    assert job["status"] == "SUCCEEDED", job["statusReason"]
    assert (tmp_path / "x").read_text() == "of a job\n"
    # The registries' credentials as well; not the copy's own secrets.
    executor = composed.executors()[0]
    assert docker("exec", executor, "cat", "/etc/openbatch/docker/config.json") == "{}"
    assert docker("exec", executor, "ls", "/var/lib/openbatch") == "instances"


def made_secrets(folder, **chosen):
    """What the container `secrets` says, and the files that it makes in `folder`."""
    words = [word for pair in chosen.items() for word in ("-e", "=".join(pair))]
    for path in ("secrets", "postgres", "kafka"):
        (folder / path).mkdir(parents=True)
    done = run(
        "docker", "run", "--rm", *words, "-v", f"{folder}/secrets:/var/lib/openbatch/secrets",
        "-v", f"{folder}:/volumes", "openbatch/setup", "secrets",
        check=False,
    )  # fmt: skip
    return done, {p.name: p.read_text() for p in (folder / "secrets").iterdir() if p.is_file()}


def test_chosen_secrets_come_from_the_environment(composed, tmp_path):
    done, made = made_secrets(
        tmp_path / "both",
        OPENBATCH_ACCESS_KEY_ID="AKIACHOSEN",
        OPENBATCH_SECRET_ACCESS_KEY="chosen/secret",
        POSTGRES_PASSWORD='of:any \\ "kind',
        REDIS_PASSWORD='a \\ and "b"',
    )
    assert done.returncode == 0, done.stderr
    assert "AKIACHOSEN" not in done.stdout + done.stderr
    assert made["root.key"] == "AKIACHOSEN\nchosen/secret\n"
    assert made["postgres.password"] == 'of:any \\ "kind\n'
    assert made["pgpass"] == '*:*:*:openbatch:of\\:any \\\\ "kind\n'
    assert made["redis.password"] == 'a \\ and "b"\n'
    assert 'requirepass "a \\\\ and \\"b\\""\n' in made["redis.conf"]

    done, made = made_secrets(tmp_path / "half", OPENBATCH_ACCESS_KEY_ID="AKIACHOSEN")
    assert done.returncode == 1
    assert "must be set together" in done.stderr
    assert "root.key" not in made


ODD = "a $HOME; & 'b' \"c\" `d` \\ #"


def test_what_ready_prints_is_quoted(composed, tmp_path):
    made_secrets(tmp_path, OPENBATCH_ACCESS_KEY_ID="AKIAODD", OPENBATCH_SECRET_ACCESS_KEY=ODD)
    (tmp_path / "secrets/default_queue").touch()  # there is no api here that could make it
    printed = docker(
        "run", "--rm", "-v", f"{tmp_path}/secrets:/var/lib/openbatch/secrets",
        "-e", "OPENBATCH_URL=http://127.0.0.1:1", "openbatch/setup", "ready",
    )  # fmt: skip
    variables = evaluated(printed)
    assert variables["AWS_SECRET_ACCESS_KEY"] == ODD
    assert variables["AWS_ENDPOINT_URL_BATCH"] == "http://127.0.0.1:1"


def test_a_copy_is_forgotten_also_when_the_scaler_is_dead(composed, work, queues):
    """Then nobody but compose takes the executors away, and their network and volume are free; the
    next copy of the name ends the jobs. The last test: nothing is left of what the others made."""
    work.wait(work.submit(queues[0], work.definition(HOLD)), "RUNNING", timeout=90)
    running = composed.labelled("openbatch.run")
    assert len(running) == 1
    docker("kill", composed.id("scaler"))
    assert composed.executors() != []
    composed.compose("down", "-v", "--remove-orphans")
    assert composed.containers() == []
    of_project = f"label=com.docker.compose.project={composed.project}"
    assert docker("network", "ls", "-q", "--filter", of_project) == ""
    assert docker("volume", "ls", "-q", "--filter", of_project) == ""
    assert composed.labelled("openbatch.run") == running
    composed.up()
    wait_for("no job", lambda: not composed.labelled("openbatch.run", "-a"), 30)
