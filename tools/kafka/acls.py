"""Makes Kafka's access rules exactly those below: adds what is missing, removes what is more.

What no rule allows is refused; `admin` stands above the rules. Each service may do what its part in
the table of topics asks for. Executors run beside users' jobs and can write reports and logs and
nothing else; `reader` is for people and programs that follow batch.job-state.

usage: acls.py [--keep] [--process FILE] BOOTSTRAP ADMIN_PASSWORD_FILE
--keep: stays, and looks again every few seconds: Kafka may lose its data.
--process: a file with the number of Kafka's process on this host. Jobs share the host's network,
and one may have taken the port: the password goes to no other process.
"""

import argparse
import contextlib
import os
import socket
import sys
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

KEEP_S = 5
READS = {
    "api": ["logs"],
    "scheduler": ["submissions", "commands", "executions", "instances", "job-state"],
    "scaler": ["demand", "commands", "executions", "instances", "submissions"],
    "executor": ["placements"],
    "reader": ["job-state"],
}
WRITES = {
    "api": ["submissions", "commands"],
    # batch.executions: probes that tell a silent network from silent executors.
    "scheduler": ["placements", "demand", "instances", "executions", "job-state"],
    # batch.placements: what it asks of an executor that is silent.
    "scaler": ["instances", "executions", "placements"],
    "executor": ["executions", "logs"],
}
# These make the topics that are missing, at start and after a wipe.
MAKERS = ["api", "scheduler", "scaler"]


def rule(
    kind,
    name,
    user,
    operation,
    pattern=ResourcePatternType.LITERAL,
    permission=AclPermissionType.ALLOW,
):
    return AclBinding(kind, name, pattern, f"User:{user}", "*", operation, permission)


def rules():
    topic, group = ResourceType.TOPIC, ResourceType.GROUP
    prefixed = ResourcePatternType.PREFIXED
    for operation, table in ((AclOperation.READ, READS), (AclOperation.WRITE, WRITES)):
        for user, names in table.items():
            for name in names:
                yield rule(topic, f"batch.{name}", user, operation)
    for user in MAKERS:
        for operation in (
            AclOperation.CREATE,
            AclOperation.DESCRIBE,
            AclOperation.DESCRIBE_CONFIGS,
            AclOperation.ALTER_CONFIGS,
        ):
            yield rule(topic, "batch.", user, operation, prefixed)
    for user in WRITES:
        yield rule(ResourceType.BROKER, "kafka-cluster", user, AclOperation.IDEMPOTENT_WRITE)
        # librdkafka looks for a group's coordinator even where partitions are assigned by hand.
        yield rule(group, f"openbatch-{user}", user, AclOperation.READ, prefixed)
    yield rule(group, "*", "reader", AclOperation.READ)
    yield rule(group, "openbatch-", "reader", AclOperation.ALL, prefixed, AclPermissionType.DENY)


def wait(futures):
    for future in futures.values():
        future.result(timeout=30)


def apply(admin):
    """Says what it has changed; nothing where nothing was to be done."""
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    there = set(admin.describe_acls(everything).result(timeout=30))
    wanted = set(rules())
    if missing := list(wanted - there):
        wait(admin.create_acls(missing))
    if extra := [
        AclBindingFilter(
            acl.restype,
            acl.name,
            acl.resource_pattern_type,
            acl.principal,
            acl.host,
            acl.operation,
            acl.permission_type,
        )
        for acl in there - wanted
    ]:
        wait(admin.delete_acls(extra))
    if missing or extra:
        print(
            f"Kafka's access rules: {len(wanted)}, of which {len(missing)} new;"
            f" {len(extra)} removed",
            flush=True,
        )


def listens(pid, address):
    """Whether a process of this host, which is in no container, listens at an address of IPv4."""
    host, _, port = address.rpartition(":")
    # As proc(5) has it; Java's sockets are of IPv6, with the address in the last of four words.
    words = [int.from_bytes(b, sys.byteorder) for b in (b"\0\0\xff\xff", socket.inet_aton(host))]
    plain, mapped = f"{words[1]:08X}", f"{0:016X}{words[0]:08X}{words[1]:08X}"
    wanted = {f"{at}:{int(port):04X}" for at in (plain, mapped)}
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            sockets |= {f"socket:[{row[9]}]" for row in rows if row[1] in wanted and row[3] == "0A"}
    try:
        if os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid"):
            return False
        files = [str(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    for file in files:
        with contextlib.suppress(OSError):
            if os.readlink(file) in sockets:
                return True
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--process", type=Path)
    parser.add_argument("bootstrap")
    parser.add_argument("password_file", type=argparse.FileType(encoding="ascii"))
    args = parser.parse_args()
    if args.process and not listens(args.process.read_text().strip(), args.bootstrap):
        sys.exit(f"another process than Kafka listens at {args.bootstrap}, or none")
    admin = AdminClient(
        {
            "bootstrap.servers": args.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "admin",
            "sasl.password": args.password_file.read().strip(),
            "log_level": 2,  # what fails is raised
        }
    )
    while args.keep:
        # Kafka may be away: whoever needs it says so.
        with contextlib.suppress(KafkaException, TimeoutError):
            apply(admin)
        time.sleep(KEEP_S)
    apply(admin)


if __name__ == "__main__":
    main()
