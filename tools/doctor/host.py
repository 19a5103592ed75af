"""The host: disks, secrets, certificates, settings, clocks."""

import email.utils
import os
import pwd
import re
import stat
import subprocess
import time
from pathlib import Path

from finding import Finding
from system import COMMAND_S

# As services/api/disks.c: below this PostgreSQL cannot go on.
LEAST_BYTES = 16 << 20
LEAST_PART = 20
# Worth a note.
LOW_BYTES = 2 << 30
LOW_PART = 10
CLOCK_S = 5
CLOCK_SET_S = 3600  # for so long after the clock was set nothing is deleted by its age
CERTIFICATE_S = 14 * 86400

FULL = {
    "PostgreSQL": "SubmitJob answers 503; accepted jobs wait for free space",
    "Kafka": "SubmitJob answers 503; executors keep what they have to report",
    "executors": "SubmitJob answers 503; nothing new starts",
    "logs": "nothing: lines of the services' logs are dropped and counted",
    "containers": "images cannot be pulled and containers cannot start; such runs are given back "
    "without using an attempt",
    "images": "images cannot be pulled; their jobs fail",
}


# --- disks ----------------------------------------------------------------------------------------


def folders(system):
    """(name, folder) of all that is watched: OPENBATCH_DISKS, and the data of an engine on this
    host."""
    text = system.setting("OPENBATCH_DISKS", f"state={system.home}")
    for part in filter(None, text.split(";")):
        name, folder = re.split("[=~]", part, maxsplit=1)
        yield name, Path(folder)
    docker = system.engine and system.runtime == "docker" and not system.engine_is_ours
    if docker and Path("/var/lib/docker").is_dir():
        yield "containers", Path("/var/lib/docker")


def disks(system):
    seen = {}
    for name, folder in folders(system):
        try:
            space = os.statvfs(folder)
        except OSError as err:
            yield Finding(
                part="disk",
                wrong=f"{folder} ({name}) cannot be looked at: {err.strerror}",
                means="if it stays away, what needs it cannot work",
                do="mount it; docs/configuration.md: OPENBATCH_DISKS",
            )
            continue
        seen.setdefault((space.f_fsid, os.stat(folder).st_dev), []).append((name, folder, space))
    for group in seen.values():
        yield from one_disk(group)


def one_disk(group):
    names, (_, folder, space) = ", ".join(name for name, *_ in group), group[0]
    means = "; ".join(dict.fromkeys(FULL.get(name, FULL["PostgreSQL"]) for name, *_ in group))
    free, size = space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize
    where = f"the disk with {folder} ({names})"
    if space.f_flag & os.ST_RDONLY:
        yield Finding(
            "disk", f"{where} is read-only", means, "dmesg says why; mount it for writing"
        )
    elif free < min(LEAST_BYTES, size // LEAST_PART):
        yield Finding(
            "disk",
            f"{where} is full: {free >> 20} MiB free",
            means,
            "free space: old images (docker image prune, ./openbatch image rm), other files; or "
            "make the disk larger. OpenBatch goes on by itself",
        )
    elif space.f_files and space.f_favail == 0:
        yield Finding("disk", f"{where} has no free inodes", means, "delete small files there")
    elif free < min(LOW_BYTES, size // LOW_PART):
        yield Finding(
            "disk",
            f"{where} is nearly full: {free >> 20} MiB of {size >> 20} free",
            "nothing yet",
            "free space, or make the disk larger",
            level="note",
        )


# --- secrets --------------------------------------------------------------------------------------

USERS = ["admin", "api", "scheduler", "scaler", "executor", "reader"]
LOST_KEY = (
    "put it back from a backup (./openbatch restore); a new one cannot open what it encrypted"
)


def expected_secrets(system):
    """(file, what its text must be, who needs it, what to do)."""
    folder = system.secrets
    master = system.setting("OPENBATCH_MASTER_KEY_FILE", str(folder / "master.key"))
    root = system.setting("OPENBATCH_ROOT_KEY_FILE", str(folder / "root.key"))
    yield (
        Path(master),
        r"[0-9a-f]{64}\s*",
        "the api cannot start again, and accepts no key",
        LOST_KEY,
    )
    yield (
        Path(root),
        r"\S+\n\S+\s*",
        "the api cannot start again, and accepts no key",
        ("write a key id and a secret into it, one a line, and run './openbatch up'"),
    )
    yield (
        folder / "seal.key",
        r"[0-9a-f]{64}\s*",
        "no service can start again, and executors are not heard",
        "put it back from a backup (./openbatch restore); ./openbatch up makes a new one, and then "
        "all instances are lost",
    )
    if "console" in system.services():
        yield (
            Path(system.setting("OPENBATCH_CONSOLE_KEY_FILE", str(folder / "console.key"))),
            r"[0-9a-f]{64}\s*",
            "the console cannot start again",
            "./openbatch up makes a new one; pages then have to sign in again",
        )
    for user in USERS:
        yield (
            folder / f"kafka-{user}.password",
            r"\S+\s*",
            f"the Kafka user '{user}' cannot sign in after the next start",
            "./openbatch up makes a new one, with which Kafka and the services have to start again",
        )


def secrets(system):
    for file, form, means, do in expected_secrets(system):
        try:
            text, status = file.read_text(), file.stat()
        except (OSError, UnicodeDecodeError) as err:
            why = getattr(err, "strerror", None) or "it is not text"
            yield Finding("secrets", f"{file} cannot be read: {why}", means, do)
            continue
        if not re.fullmatch(form, text):
            why = "is empty" if not text.strip() else "does not have its form"
            yield Finding("secrets", f"{file} {why}", means, do)
            continue
        yield from kept(system, file, status)


def kept(system, file, status):
    """A secret's owner and mode."""
    mode, owner = stat.S_IMODE(status.st_mode), system.owner(file)
    if mode & 0o077:
        yield Finding(
            "secrets",
            f"{file} may be read by other users (mode {mode:o})",
            "nothing; but who reads it can act as OpenBatch",
            f"chmod 600 {file}; if others use this host, replace the secret too",
        )
    if owner and status.st_uid != pwd.getpwnam(owner).pw_uid:
        yield Finding(
            "secrets",
            f"{file} does not belong to the user {owner}",
            "the service that reads it cannot start again",
            "./openbatch setup",
        )


def certificates(system):
    """Certificates of HTTPS and of Kafka's listener for other hosts."""
    used = {
        "tls": system.config.get("tls") == "on",
        "kafka": bool(system.config.get("kafka_remote")),
    }
    for name, is_used in used.items():
        pem = system.home / f"secrets/{name}.pem"
        if not is_used or not pem.exists():
            continue
        for seconds, level, how in (
            (0, "problem", "has expired"),
            (CERTIFICATE_S, "note", "ends soon"),
        ):
            done = subprocess.run(
                ["openssl", "x509", "-in", pem, "-noout", "-checkend", str(seconds)],
                capture_output=True,
                timeout=COMMAND_S,
            )
            if done.returncode:
                yield Finding(
                    "certificate",
                    f"the certificate {pem} {how}",
                    "clients over HTTPS are refused"
                    if name == "tls"
                    else "executors on other hosts do not reach Kafka",
                    "./openbatch up renews it",
                    level=level,
                )
                break


# --- settings -------------------------------------------------------------------------------------


def settings(system):
    """Each program reads its settings as at its start."""
    for service in system.services():
        program = system.program(service)
        if not program.exists():
            yield Finding(
                service,
                f"{program} does not exist",
                f"{service} cannot start again",
                "./openbatch up builds it",
            )
            continue
        done = subprocess.run(
            [program, "--check-config"],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            env=system.env | {"ASAN_OPTIONS": "detect_leaks=0"},
        )
        if done.returncode:
            yield Finding(
                "settings",
                (done.stderr.strip().splitlines() or ["a setting cannot work"])[0],
                f"{service} does not start again with it",
                "export a value that works (docs/configuration.md) and run './openbatch up'",
            )
    yield from contradictions(system)


def contradictions(system):
    heartbeat = number(system, "OPENBATCH_HEARTBEAT_MS", 1000)
    lost = number(system, "OPENBATCH_LOST_AFTER_MS", 30000)
    if lost < 3 * heartbeat:
        yield Finding(
            "settings",
            f"OPENBATCH_LOST_AFTER_MS={lost} is less than three times "
            f"OPENBATCH_HEARTBEAT_MS={heartbeat}",
            "instances that are well may be lost, and their runs end",
            "set OPENBATCH_LOST_AFTER_MS higher and run './openbatch up'",
        )


def number(system, name, default):
    text = system.setting(name, str(default))
    return int(text) if text.isdigit() else default


# --- clocks ---------------------------------------------------------------------------------------


def clocks(system):
    yield from set_clocks(system)
    here = time.time()
    try:
        said = email.utils.parsedate_to_datetime(system.health("api")["date"]).timestamp()
        yield from differing("api", said - here)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # an api that does not answer is found elsewhere
    try:
        asked = time.time()
        said = float(system.psql("SELECT extract(epoch FROM clock_timestamp())")[0][0])
        yield from differing("PostgreSQL", said - asked)
    except OSError:
        pass


def differing(who, by_s):
    if abs(by_s) < CLOCK_S:
        return
    yield Finding(
        "clock",
        f"the clock of {who} is {abs(by_s):.0f} s {'ahead of' if by_s > 0 else 'behind'} "
        "this host's",
        "signatures that are more than 5 minutes off are refused; waits that PostgreSQL counts are "
        "wrong until the clocks agree",
        "set the clocks right, and keep them with NTP (systemd-timesyncd, chrony)",
    )


def set_clocks(system):
    """What the services saw: the clock was set while they ran."""
    jumps = {}
    for service in system.services():
        try:
            jump = system.health(service).get("info", {}).get("clockJump")
        except (OSError, ValueError):
            continue
        if jump and jump["secondsAgo"] < 24 * 3600:
            jumps[service] = jump
    if not jumps:
        return
    jump = min(jumps.values(), key=lambda one: one["secondsAgo"])
    recent = jump["secondsAgo"] < CLOCK_SET_S
    yield Finding(
        "clock",
        f"the clock was set by {jump['byMs'] / 1000:+.0f} s, {jump['secondsAgo']} s ago "
        f"(seen by {', '.join(jumps)})",
        "nothing is deleted by its age for an hour; a jump of PostgreSQL's clock shortens or "
        "lengthens waits for deadlines",
        "find out who set it (journalctl, date), and keep the clock with NTP",
        level="problem" if recent else "note",
    )
