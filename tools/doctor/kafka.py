"""Kafka: whether a broker answers at its address, whether topics and access rules are there, and
whether the api reads the jobs' output."""

import contextlib
import socket
import struct
import sys
import time
from pathlib import Path

from finding import Finding
from processes import MEANS
from system import WAIT_S

GROUP, LOGS = "openbatch-api", "batch.logs"
LOOK_AGAIN_S = 3
# As shared/src/topics.c.
TOPICS = [
    "batch.submissions",
    "batch.commands",
    "batch.placements",
    "batch.executions",
    "batch.instances",
    "batch.demand",
    "batch.logs",
    "batch.job-state",
]


def address(system):
    host, _, port = system.setting("OPENBATCH_KAFKA", f"127.0.0.1:{system.kafka_port}").rpartition(
        ":"
    )
    return host.split(",")[0], int(port)


def handshake(system):
    """Asks for the broker's versions, which needs no password. Raises OSError."""
    host, port = address(system)
    body = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection((host, port), WAIT_S) as sock:
            sock.sendall(struct.pack(">i", len(body)) + body)
            answer = sock.recv(8)
    except TimeoutError:
        raise OSError("no answer within 5 s") from None
    if len(answer) < 8 or struct.unpack(">ii", answer)[1] != 1:
        raise OSError("what listens there does not speak Kafka's protocol")


def server(system):
    host, port = address(system)
    try:
        if not system.setting("OPENBATCH_KAFKA_SETTINGS"):  # else TLS, which needs Kafka's client
            handshake(system)
    except OSError as err:
        yield Finding(
            "kafka",
            f"Kafka does not answer at {host}:{port}: {err.strerror or err}",
            MEANS["kafka"],
            "./openbatch logs kafka shows why; './openbatch up' starts it",
        )
        return
    try:
        import confluent_kafka  # noqa: F401
    except ImportError:
        yield Finding(
            "kafka",
            "topics and access rules were not looked at: Kafka's Python client is not installed",
            "nothing",
            "./openbatch up installs it",
            level="note",
        )
        return
    if system.supervisor == "runsvdir" and not is_ours(system):
        yield Finding(
            "kafka",
            f"another process than Kafka listens at {host}:{port}; it was not sent the password",
            MEANS["kafka"],
            f"ss -Hltnp 'sport = :{port}' shows which; stop it, and Kafka takes its port",
        )
        return
    yield from inside(system)


def is_ours(system):
    """Jobs share the host's network: one may have taken the port while Kafka was away."""
    sys.path.append(str(system.root / "tools/kafka"))
    import acls

    host, port = address(system)
    try:
        pid = Path(system.setting("OPENBATCH_KAFKA_PID_FILE")).read_text().strip()
    except OSError:
        return False
    return acls.listens(pid, f"{host}:{port}")


def inside(system):
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    password = system.secrets / "kafka-admin.password"
    host, port = address(system)
    admin = AdminClient(
        {
            "bootstrap.servers": f"{host}:{port}",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "admin",
            "sasl.password": password.read_text().strip() if password.exists() else "",
            "log_level": 0,
        }
    )
    try:
        there = admin.list_topics(timeout=WAIT_S).topics
    except KafkaException as err:
        yield Finding(
            "kafka",
            f"Kafka answers, but serves nothing: {err.args[0].str()}",
            MEANS["kafka"],
            "./openbatch logs kafka; if the administrator's password was changed, './openbatch up'",
        )
        return
    missing = [name for name in TOPICS if name not in there]
    if missing:
        yield Finding(
            "kafka",
            f"topics are missing: {', '.join(missing)}",
            "messages on them wait; the services make missing topics within seconds",
            "nothing at first; if they stay away, ./openbatch logs api scheduler scaler say why",
        )
    yield from access_rules(system, admin)
    if LOGS not in missing:
        yield from reading_of_logs(admin)


def access_rules(system, admin):
    """As tools/kafka/acls.py has them."""
    from confluent_kafka.admin import (
        AclBindingFilter,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    sys.path.append(str(system.root / "tools/kafka"))
    import acls

    every = AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    there, wanted = set(admin.describe_acls(every).result(timeout=2 * WAIT_S)), set(acls.rules())
    if wanted - there:
        yield Finding(
            "kafka",
            f"{len(wanted - there)} of {len(wanted)} access rules are missing",
            "services and executors are refused by Kafka: no job starts",
            "./openbatch up sets them; Kafka's own start does so too",
        )
    if there - wanted:
        yield Finding(
            "kafka",
            f"there are {len(there - wanted)} access rules that OpenBatch did not make",
            "nothing; but somebody may read or write more than OpenBatch intends",
            "./openbatch up removes them, when tools/kafka/acls.py has changed; or kafka-acls",
            level="note",
        )


def behind(admin):
    """{partition: (at, end)} of the api's reading of the jobs' output. Where it has committed
    nothing yet, it reads from the first message that is there."""
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
    from confluent_kafka.admin import OffsetSpec

    numbers = admin.list_topics(LOGS, timeout=WAIT_S).topics[LOGS].partitions
    parts = [TopicPartition(LOGS, number) for number in numbers]

    def offsets(of_kind):
        asked = admin.list_offsets({part: of_kind for part in parts})
        return {part.partition: f.result(timeout=WAIT_S).offset for part, f in asked.items()}

    first, ends = offsets(OffsetSpec.earliest()), offsets(OffsetSpec.latest())
    asked = [ConsumerGroupTopicPartitions(GROUP, parts)]
    said = admin.list_consumer_group_offsets(asked)[GROUP].result(timeout=WAIT_S)
    committed = {p.partition: p.offset for p in said.topic_partitions}
    return {p: (max(at, first[p]), ends[p]) for p, at in committed.items()}


def reading_of_logs(admin):
    """The one topic with a group: offsets that stand still behind the end."""
    from confluent_kafka import KafkaException

    with contextlib.suppress(KafkaException, TimeoutError):
        before = behind(admin)
        if all(at >= end for at, end in before.values()):
            return
        time.sleep(LOOK_AGAIN_S)
        now = behind(admin)
        stuck = [p for p, (at, end) in now.items() if at < end and at == before[p][0]]
        if stuck:
            waiting = sum(now[p][1] - now[p][0] for p in stuck)
            yield Finding(
                "api",
                f"nobody reads {LOGS}: {waiting} messages wait, and none was taken within "
                f"{LOOK_AGAIN_S} s",
                "jobs go on; their output is not shown until it is read, and is kept for a day",
                "./openbatch logs api; a member of the group that died is given up after 10 s",
                echo_of="postgres",
            )
