"""A join token lets a host into an environment and gives no key: with the token, all that shows on
Kafka and the directory of one host, nobody reads the orders of another host that joined by the
same token, or speaks as it. Hosts that joined with the version before go on; none joins so any
more."""

import hashlib
import json
import os
import re
import signal
import subprocess

import pytest
from cryptography.exceptions import InvalidTag
from sealed import (
    Key,
    Sender,
    derive,
    host_key,
    host_key_before,
    in_common,
    owner,
)
from stack import end_groups, wait_for
from topic_content import messages, topics

SECRET = "the-environment-of-another-job"
EXECUTIONS, LOGS, PLACEMENTS = "batch.executions", "batch.logs", "batch.placements"


class Hosts:
    """Executors that are started by hand, on this host and without containers."""

    def __init__(self, stack, folder):
        self.stack, self.folder, self.processes = stack, folder, []

    def join(self, environment, join_token, name):
        """Its directory, and its process."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        settings = {
            "OPENBATCH_HOME": folder,
            "OPENBATCH_INSTANCE_DIR": folder / "own",
            "OPENBATCH_KAFKA": self.stack.settings["OPENBATCH_KAFKA"],
            "OPENBATCH_KAFKA_USER": "executor",
            "OPENBATCH_KAFKA_PASSWORD_FILE": self.stack.home / "secrets/kafka-executor.password",
            "OPENBATCH_JOIN_TOKEN": join_token,
            "OPENBATCH_RUNTIME": "null",
        }
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")}
        size = ["--vcpus", "1", "--memory", "1024"]
        with (folder / "log").open("a") as log:
            self.processes.append(
                subprocess.Popen(
                    [
                        self.stack.build / "services/executor/openbatch-executor",
                        *("--compute-environment", environment, *size),
                    ],
                    env=env | {name: str(value) for name, value in settings.items()},
                    start_new_session=True,
                    stdout=log,
                    stderr=log,
                )
            )
        return folder / "own", self.processes[-1]

    def end(self):
        end_groups(self.processes)


@pytest.fixture
def hosts(stack, tmp_path):
    hosts = Hosts(stack, tmp_path)
    yield hosts
    hosts.end()


def join_token(stack, environment):
    made = stack.openbatch("join", environment)
    assert made.returncode == 0, made.stderr
    return re.search(r"OPENBATCH_JOIN_TOKEN=(\w+)", made.stdout)[1]


def join_token_before(stack, environment):
    """As the version before made them."""
    secret = bytes.fromhex((stack.home / "secrets/seal.key").read_text().strip())
    name = os.urandom(8).hex()
    token = name + derive(secret, "join token", "", name.encode()).hex()
    stack.sql(
        "INSERT INTO join_token (ce_id, hash) SELECT id,"
        f" '{hashlib.sha256(token.encode()).hexdigest()}'"
        f" FROM compute_environment WHERE name = '{environment}'"
    )
    return token


def new_instance():
    return "i-" + os.urandom(9).hex()[:17]


def state(stack, instance):
    return [row[0] for row in stack.sql(f"SELECT state FROM instance WHERE id = '{instance}'")]


def placements(stack):
    """All that an executor's host can read there."""
    return messages(stack.kafka("executor"), PLACEMENTS, topics(stack)[PLACEMENTS])


def registration(environment):
    return {
        "v": 1,
        "type": "registered",
        "epoch": 0,
        "session": "by-hand",
        "ce": environment,
        "host": "by-hand",
        "held": [],
        "last": {"epoch": 0, "seq": 0},
        "join": {"mcpu": 1000, "mem": 1024, "gpus": 0},
    }


def forged(stack):
    return [stack.health(s)["info"]["forgedMessages"] for s in ("scheduler", "scaler")]


def reached(stack, expected):
    return all(n >= m for n, m in zip(forged(stack), expected, strict=True))


def leave(sender, key):
    left = {"v": 1, "type": "left", "epoch": 0, "session": "by-hand"}
    assert sender.send(EXECUTIONS, key.seal(EXECUTIONS, left)) is None


def attempts(token, own, instance, salt):
    """Keys that somebody may hope to be another instance's, with what the host of 'own' has."""
    keys = {
        "the key of the own instance": own.key,
        "the join token's key": bytes.fromhex(token[16:80]),
        "as in the version before": host_key_before(token, instance, salt),
        "the same, with a salt of that time": host_key_before(token, instance, salt[:48]),
    }
    private, copys, theirs = os.urandom(32), token[80:], salt[16:]
    both = zip(bytes.fromhex(copys), bytes.fromhex(theirs), strict=True)
    for what, common in {
        "nothing in common": bytes(32),
        "a new pair and the copy's": in_common(private, copys),
        "a new pair and the other host's": in_common(private, theirs),
        "the public keys": bytes(a ^ b for a, b in both),
        "the own key": own.key,
    }.items():
        keys[what] = host_key(token, common, instance, salt)
    return {what: Key(instance, salt, key, generation=9) for what, key in keys.items()}


def test_two_hosts_of_one_join_token_are_strangers(stack, hosts, work):
    environment = work.unmanaged()
    token, queue = join_token(stack, environment), work.queue(environment)
    folders, jobs = {}, {}
    for name in ("one", "two"):
        folders[name], _ = hosts.join(environment, token, name)
    definition = work.definition(["sleep", "1000"], environment=[{"name": "S", "value": SECRET}])
    for _ in range(2):
        job = work.submit(queue, definition)
        work.wait(job, "RUNNING")
        [[instance]] = stack.sql(f"SELECT instance_id FROM placement WHERE job_id = '{job}'")
        jobs[instance] = job
    own_id, other_id = ((folders[n] / "instance").read_text().strip() for n in ("one", "two"))
    assert set(jobs) == {own_id, other_id}
    own = Key.of(stack, own_id, folders["one"])

    # It reads its own orders; of the other's it sees the head.
    found = placements(stack)
    mine = [own.open(PLACEMENTS, data) for data in found if owner(data) == (own_id, own.salt)]
    assert any(SECRET.encode() in text for text in mine)
    theirs = [data for data in found if owner(data) and owner(data)[0] == other_id]
    assert theirs and all(SECRET.encode() not in data for data in theirs)
    [salt] = {owner(data)[1] for data in theirs}
    assert (salt[:16], len(salt)) == (own.salt[:16], 80) == (token[:16], 80)

    tried = attempts(token, own, other_id, salt)
    for what, key in tried.items():
        for data in theirs:
            with pytest.raises(InvalidTag):
                key.open(PLACEMENTS, data)
                pytest.fail(f"it opened: {what}")

    # Nor does anything count that it says as the other one.
    tried["the own pair, under the other's id"] = Key.joining(token, other_id)
    sender, before = Sender(stack), forged(stack)
    run = f"{jobs[other_id]}/1"
    says = {
        "registered": registration(environment),
        "report": {"runs": [{"run": run, "state": "exited", "started": True, "exitCode": 0}]},
        "heartbeat": {"last": {"epoch": 1 << 40, "seq": 0}, "digest": "0" * 16, "count": 0},
        "interrupted": {"in": 0},
        "left": {},
    }
    for key in tried.values():
        for kind, members in says.items():
            message = {"v": 1, "type": kind, "epoch": 0, "session": "by-hand"} | members
            data = key.seal(EXECUTIONS, message)
            assert sender.send(EXECUTIONS, data, other_id.encode()) is None
        chunk = {"v": 1, "type": "log", "epoch": 0, "run": run, "offset": 0}
        data = key.seal(LOGS, chunk | {"lines": [[1, "forged"]], "end": True})
        assert sender.send(LOGS, data) is None
    expected = [n + len(tried) * len(says) for n in before]
    wait_for(f"all to be refused, from {before}", lambda: reached(stack, expected))
    assert [state(stack, i) for i in (own_id, other_id)] == [["1"], ["1"]]
    job = work.job(jobs[other_id])
    assert (job["status"], job.get("attempts", [])) == ("RUNNING", [])
    assert stack.sql("SELECT 1 FROM log_event WHERE message = 'forged'") == []
    work.batch.terminate_job(jobId=jobs[other_id], reason="its host hears it")
    assert work.wait(jobs[other_id])["statusReason"] == "its host hears it"


def test_another_program_joins_by_what_the_documents_say(stack, work):
    """So the key is computed as docs/messages.md has it, on both sides."""
    environment = work.unmanaged()
    key = Key.joining(join_token(stack, environment), new_instance())
    sender = Sender(stack)
    assert sender.send(EXECUTIONS, key.seal(EXECUTIONS, registration(environment))) is None
    wait_for("its row", lambda: state(stack, key.instance))
    rows = stack.sql(f"SELECT key_salt FROM instance WHERE id = '{key.instance}'")
    assert rows == [[key.salt]]

    def orders():
        found = [data for data in placements(stack) if owner(data) == (key.instance, key.salt)]
        return [json.loads(key.open(PLACEMENTS, data)) for data in found]

    wait_for("an order", orders)
    assert {order["instance"] for order in orders()} == {key.instance}
    leave(sender, key)
    wait_for("its end", lambda: state(stack, key.instance) == ["4"])


def test_a_public_key_of_low_order_lets_nobody_in(stack, work):
    """The join token alone would give its key."""
    environment = work.unmanaged()
    token, sender = join_token(stack, environment), Sender(stack)
    tried = []
    for point in (bytes(32), (1).to_bytes(32, "little"), b"\xec" + b"\xff" * 30 + b"\x7f"):
        instance, salt = new_instance(), token[:16] + point.hex()
        tried.append(Key(instance, salt, host_key(token, bytes(32), instance, salt)))
    expected = [n + len(tried) for n in forged(stack)]
    for key in tried:
        assert sender.send(EXECUTIONS, key.seal(EXECUTIONS, registration(environment))) is None
    wait_for("the refusals", lambda: reached(stack, expected))
    good = Key.joining(token, new_instance())
    assert sender.send(EXECUTIONS, good.seal(EXECUTIONS, registration(environment))) is None
    wait_for("the row of a good one", lambda: state(stack, good.instance))
    assert all(state(stack, key.instance) == [] for key in tried)
    leave(sender, good)


def test_a_host_that_joined_with_the_version_before_goes_on_and_none_joins_so(stack, hosts, work):
    environment = work.unmanaged()
    token, queue = join_token_before(stack, environment), work.queue(environment)
    instance, salt = new_instance(), token[:16] + os.urandom(16).hex()
    old = Key(instance, salt, host_key_before(token, instance, salt))

    # A new one is refused, although its message opens, and it is said why. It asks again and again,
    # as an executor does: the scaler says one refusal a minute, of whichever host.
    sender = Sender(stack)

    def refusals():
        assert sender.send(EXECUTIONS, old.seal(EXECUTIONS, registration(environment))) is None
        said = (stack.home / "log/scaler/current").read_text().splitlines()
        return [json.loads(li) for li in said if "join.refused" in li and instance in li]

    [line] = wait_for("the refusal", refusals, every=1)
    assert "earlier version" in line["error"] and "openbatch join" in line["error"]
    assert state(stack, instance) == []
    _, process = hosts.join(environment, token, "new")
    assert process.wait(timeout=30) != 0
    assert "run ./openbatch join again" in (hosts.folder / "new/log").read_text()
    # By the new way it is not let in either: its join token is not known in that form.
    secret = bytes.fromhex((stack.home / "secrets/seal.key").read_text().strip())
    copys = join_token(stack, environment)[80:]
    token_2 = token[:16] + derive(secret, "join token 2", "", token[:16].encode()).hex() + copys
    mixed = Key.joining(token_2, new_instance())
    assert sender.send(EXECUTIONS, mixed.seal(EXECUTIONS, registration(environment))) is None

    # One that has joined: its directory, and its row.
    folder = hosts.folder / "old/own"
    folder.mkdir(parents=True)
    (folder / "instance").write_text(instance)
    (folder / "token").write_text(f"{salt}.{old.key.hex()}")
    stack.sql(
        "INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, gpus, vcpus, state,"
        " token_hash, key_salt, infra)"
        f" SELECT '{instance}', id, 'unmanaged', false, 1000, 1024, 0, 0, 0, '', '{salt}', ''"
        f" FROM compute_environment WHERE name = '{environment}'"
    )
    stack.restart("scaler")
    _, process = hosts.join(environment, token, "old")
    job = work.wait(work.submit(queue, work.definition(["exit", "0"])))
    assert job["status"] == "SUCCEEDED"
    assert job["container"]["containerInstanceArn"].endswith(instance)
    assert state(stack, mixed.instance) == []

    # It leaves, and comes back with a new join token only.
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    _, process = hosts.join(environment, token, "old")
    assert process.wait(timeout=30) != 0
    hosts.join(environment, join_token(stack, environment), "old")
    later = work.wait(work.submit(queue, work.definition(["exit", "0"])))
    assert later["status"] == "SUCCEEDED"
    assert not later["container"]["containerInstanceArn"].endswith(instance)
    changed = Key.of(stack, (folder / "instance").read_text().strip(), folder)
    assert len(changed.salt) == 80
