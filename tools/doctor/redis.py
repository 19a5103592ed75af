"""Redis, a view that is rebuilt: whether it answers and can be written."""

import socket
from pathlib import Path

from finding import Finding
from processes import MEANS
from system import WAIT_S


def connected(system):
    where = system.setting("OPENBATCH_REDIS", f"{system.run_dir}/redis.sock")
    if where.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(WAIT_S)
        sock.connect(where)
        return sock
    host, _, port = where.rpartition(":")
    return socket.create_connection((host, int(port)), WAIT_S)


def ask(file, *words):
    """One answer as text. Raises OSError on an error answer."""
    file.write(b"*%d\r\n" % len(words))
    for word in words:
        file.write(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()))
    file.flush()
    line = file.readline().decode().rstrip()
    if not line or line[0] == "-":
        raise OSError(line[1:] or "it closed the connection")
    return file.read(int(line[1:]) + 2).decode() if line[0] == "$" else line[1:]


def information(system):
    with connected(system) as sock, sock.makefile("rwb") as file:
        password = system.setting("OPENBATCH_REDIS_PASSWORD_FILE")
        if password:
            ask(file, "AUTH", Path(password).read_text().strip())
        text = ask(file, "INFO")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def server(system):
    try:
        info = information(system)
    except OSError as err:
        yield Finding(
            "redis",
            f"Redis does not answer: {err}",
            MEANS["redis"],
            "./openbatch logs redis shows why; './openbatch up' starts it",
        )
        return
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if most and used >= most and info.get("maxmemory_policy") == "noeviction":
        yield Finding(
            "redis",
            f"Redis refuses writes (OOM): it uses {used >> 20} MiB of at most {most >> 20}",
            "nothing: figures in Redis are old until it has memory",
            "raise maxmemory, or delete other programs' keys",
        )
    if info.get("role") == "slave":
        yield Finding(
            "redis",
            "Redis is a replica, which refuses writes",
            "nothing: figures in Redis are old",
            "let OPENBATCH_REDIS name the primary, or: redis-cli replicaof no one",
        )
