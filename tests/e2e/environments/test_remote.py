"""Executors on other hosts without a tunnel: OPENBATCH_KAFKA_LISTEN. The other host is a network
namespace at the end of a cable, which has only the address that it was given."""

import os
import subprocess
import time

import pytest
from cloud import cloud_of
from confluent_kafka import KafkaError, Producer
from other_host import OtherHost
from stack import ROOT, Stack, assignments, wait_for


def up(**settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_KAFKA")}
    return subprocess.run(
        [ROOT / "openbatch", "up"], env=env | settings, capture_output=True, text=True, timeout=240
    )


@pytest.fixture(scope="module")
def other(stack):
    other = OtherHost(int(stack.settings["OPENBATCH_PORT"]))
    yield other
    other.end()


@pytest.fixture(scope="module")
def remote(stack, other):
    """The same copy, listening for other hosts; without the setting it does not any more."""
    done = up(OPENBATCH_KAFKA_LISTEN=other.here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Kafka at {other.here}:{other.port}" in done.stdout
    yield Stack(stack.home)
    done = up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not other.reaches(other.here, other.port)
    assert not (stack.home / "tls/kafka.settings").exists()
    assert "OPENBATCH_EC2_KAFKA" not in (stack.home / "env").read_text()


def join(environment, *options):
    made = subprocess.run(
        [ROOT / "openbatch", "join", environment, *options], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_an_executor_joins_by_the_commands_as_they_are_printed(remote, work, other, tmp_path):
    environment = work.unmanaged()
    commands = join(environment, "--dir", str(tmp_path / "state"))
    assert f"OPENBATCH_KAFKA={other.here}:{other.port}\n" in commands
    runtime = assignments(remote.runtime_settings())
    executor = other.run(f"export {runtime}\n{commands}", tmp_path / "log")
    job = work.wait(work.submit(work.queue(environment), work.definition(["echo", "hello"])))
    assert (job["status"], work.log(job)) == ("SUCCEEDED", ["hello"])
    executor.terminate()
    assert executor.wait(timeout=20) == 0
    unit = join(environment, "--unit")
    assert "ssl.ca.pem=" in unit
    assert "OPENBATCH_KAFKA_SETTINGS=/etc/openbatch/kafka-executor.settings" in unit
    # The way through a tunnel stays as it was.
    for options in ((), ("--unit",)):
        tunnel = join(environment, "--kafka", f"127.0.0.1:{other.port - 3}", *options)
        assert "SETTINGS" not in tunnel


def test_one_listener_more_is_open_to_others_and_nothing_else(remote, other):
    port = other.port - 4
    out = subprocess.run(
        ["ss", "-Hltn", f"sport >= :{port} and sport < :{port + 20}"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    listening = {
        line.split()[3].replace("[::ffff:", "").replace("]", "") for line in out.splitlines()
    }
    assert {a for a in listening if not a.startswith("127.0.0.1:")} == {
        f"{other.here}:{other.port}"
    }
    assert other.reaches(other.here, other.port)
    assert not any(other.reaches(other.here, port + n) for n in range(4))


def test_only_executors_that_trust_the_copys_authority_get_in(remote, other, tmp_path):
    """Others are refused by the handshake, before they send a password, or by their name: also
    with the password that the listener of this host takes."""

    def password(user):
        return (remote.home / f"secrets/kafka-{user}.password").read_text().strip()

    def client(user, protocol="SASL_SSL", **more):
        errors, delivered = [], []
        settings = {
            "bootstrap.servers": f"{other.here}:{other.port}",
            "security.protocol": protocol,
            "ssl.ca.location": str(remote.home / "tls/ca.pem"),
            "error_cb": errors.append,
            "log_level": 0,
        }
        if "SASL" in protocol:
            settings |= {"sasl.mechanism": "PLAIN", "sasl.username": user}
            settings["sasl.password"] = more.pop("password", None) or password(user)
        producer = Producer(settings | more)
        producer.produce("batch.executions", b"{}", on_delivery=lambda e, _: delivered.append(e))
        return producer, errors, delivered

    foreign = tmp_path / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key"]
        + ["-subj", "/CN=OpenBatch", "-days", "2", "-out", foreign],
        check=True, capture_output=True,
    )  # fmt: skip
    auth, tls = KafkaError._AUTHENTICATION, KafkaError._SSL
    since = time.monotonic()
    refused = {
        "wrong password": (client("executor", password="x" * 32), auth),
        "another authority": (client("executor", **{"ssl.ca.location": str(foreign)}), tls),
        "no user": (client(None, "SSL"), None),
        "no TLS": (client("executor", "SASL_PLAINTEXT"), None),
        "neither": (client(None, "PLAINTEXT"), None),
    } | {user: (client(user), auth) for user in ("admin", "api", "scheduler", "scaler", "reader")}
    producer, errors, delivered = client("executor")
    assert producer.flush(10) == 0 and delivered == [None], errors
    enough = since + 2 * (time.monotonic() - since) + 1

    def over():
        """All have been told why, and had more time than who got in."""
        for (producer, _, _), _ in refused.values():
            producer.poll(0)
        told = [
            code in [e.code() for e in errors] for (_, errors, _), code in refused.values() if code
        ]
        return all(told) and time.monotonic() > enough

    wait_for(f"refusals as expected: {refused}", over, 20)
    for who, ((producer, _, delivered), _) in refused.items():
        assert delivered == [], who
        producer.purge()


@pytest.fixture
def cloud(remote, other, tmp_path):
    """EC2 whose instances are the other host, with directories of their own."""
    folder = tmp_path
    runtime = remote.runtime_settings()
    if "DOCKER_HOST" in runtime:
        engine = runtime["DOCKER_HOST"].removeprefix("unix://")
        runtime["DOCKER_HOST"] = f"unix:///proc/{os.getpid()}/root{engine}"
    executor = remote.build / "services/executor"
    script = (
        "for d in /var/lib /run; do mount -t tmpfs none $d; done;"
        f'export {assignments(runtime)} PATH={executor}:$PATH; exec sh -c "$1"'
    )
    boot = [*other.enter, "unshare", "-m", "sh", "-c", script, "sh"]
    with cloud_of(remote, folder, boot=boot) as cloud:
        yield cloud


def test_an_instance_of_ec2_comes_by_the_script_it_gets_by_default(cloud, work):
    environment = work.environment(
        2, ("m5.large",), subnets=[cloud.subnet], imageId="ami-12345678", securityGroupIds=[]
    )
    job = work.submit(work.queue(environment), work.definition(["echo", "from there"]))
    [ours] = wait_for("a launch", cloud.alive, 30)
    cloud.boot()
    ended = work.wait(job, timeout=60)
    assert ended["status"] == "SUCCEEDED"
    assert ended["container"]["containerInstanceArn"].split("/")[-1] == ours
    assert work.log(ended) == ["from there"]


def chosen(**settings):
    """What `up` makes of the settings: address:port and name, or its refusal."""
    script = ". tools/lib.sh; . tools/remote.sh; remote_choose; say $OB_REMOTE_BIND $OB_REMOTE_HOST"
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_KAFKA")}
    env |= {"OB_ROOT": str(ROOT)} | {f"OPENBATCH_KAFKA_{k}": v for k, v in settings.items()}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT, env=env, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else done.stderr


def test_an_address_that_cannot_be_is_refused_by_its_name(stack, remote, other):
    at = f"{other.here}:{other.port}"
    assert chosen() == "\n"
    assert chosen(LISTEN=other.here) == f"{at} {other.here}\n"
    assert chosen(LISTEN=other.here, HOST="batch.example.org") == f"{at} batch.example.org\n"
    assert chosen(LISTEN="0.0.0.0", HOST="10.1.2.3") == f"0.0.0.0:{other.port} 10.1.2.3\n"
    for wrong in ("10.0.0.300", "10.0.0", "fd00::2", "x,EXTRA://0.0.0.0", "a b", "-a", "a..b"):
        for settings in ({"LISTEN": wrong}, {"LISTEN": other.here, "HOST": wrong}):
            said = chosen(**settings)
            assert f"OPENBATCH_KAFKA_{[*settings][-1]}={wrong} is neither an IPv4 address" in said
    for words, settings in (
        ("has no IPv4 address here", {"LISTEN": "no-such-host.invalid"}),
        ("is not an address of this host; it has: ", {"LISTEN": "203.0.113.7"}),
        ("is 127.0.0.1, which no other host can reach", {"LISTEN": "localhost"}),
        ("set OPENBATCH_KAFKA_HOST to the address", {"LISTEN": "0.0.0.0"}),
        ("cannot be reached from other hosts", {"LISTEN": "0.0.0.0", "HOST": "localhost"}),
        ("has no effect without OPENBATCH_KAFKA_LISTEN", {"HOST": "batch.example.org"}),
    ):
        said = chosen(**settings)
        [name, value] = [*settings.items()][-1]
        assert f"OPENBATCH_KAFKA_{name}={value} " in said and words in said
    # Nothing has changed then.
    before = (stack.home / "env").read_text(), stack.pid("kafka")
    done = up(OPENBATCH_KAFKA_LISTEN="203.0.113.7")
    assert done.returncode == 1 and "is not an address of this host" in done.stderr
    assert before == ((stack.home / "env").read_text(), stack.pid("kafka"))
    assert other.reaches(other.here, other.port)
