"""What OpenBatch is compared with, measured in the same run: raw inserts into the same PostgreSQL,
and the bare loops of a container engine and of OCI runtimes. Slurm is in slurm.py."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

from benchmark import numbers_of
from cpu import Meter

TPS = re.compile(r"tps = ([0-9.]+)")
LATENCY = re.compile(r"latency average = ([0-9.]+) ms")


# --- raw inserts ---


def insert_script(row):
    """pgbench's script that inserts copies of a row of `job`, each with an id of its own, in the
    order of time. row: {column: value}, as JSON has it. Texts are written in hexadecimal: pgbench
    takes :word in a text for a variable."""
    columns, values = [], []
    for name, value in row.items():
        if value is None or name == "id":
            continue
        columns.append(name)
        is_number = isinstance(value, int)
        values.append(str(value) if is_number else f"convert_from('\\x{hex_of(value)}', 'UTF8')")
    new_id = (
        "(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')"
        " || '7' || substr(md5(random()::text), 1, 19))::uuid"
    )
    return (
        f"INSERT INTO bench_job (id, {', '.join(columns)}) VALUES ({new_id}, {', '.join(values)});"
    )


def hex_of(text):
    return text.encode().hex()


def raw_inserts(copy, folder, seconds, clients=64):
    """Inserts a second of rows like the newest job's, each in a transaction of its own, into a
    table with the same indexes in the same PostgreSQL."""
    row = json.loads(copy.now.value("SELECT row_to_json(j) FROM job j ORDER BY id DESC LIMIT 1"))
    copy.sql("DROP TABLE IF EXISTS bench_job; CREATE TABLE bench_job (LIKE job INCLUDING ALL)")
    script = Path(folder, "insert.sql")
    script.write_text(insert_script(row) + "\n")
    out = subprocess.run(
        ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds)]
        + ["-f", script, "-h", copy.run_dir, "-U", "openbatch", "openbatch"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    copy.sql("DROP TABLE bench_job")
    rate = TPS.search(out)
    if not rate:
        raise RuntimeError(f"pgbench inserted nothing in {seconds} s")
    return {"perSecond": float(rate.group(1)), "p50ms": float(LATENCY.search(out).group(1))}


# --- bare loops of containers ---


def engine_loop(bench, copy, count, parallel, image="openbatch/busybox", command=("true",)):
    """The engine of this copy, with nothing but its API between."""
    socket = copy.env["DOCKER_HOST"].removeprefix("unix://")
    begin = time.monotonic()
    with Meter(copy.home, every=0.2) as meter:
        found = numbers_of(
            [bench.program("loop_engine"), socket, image, str(count), str(parallel), *command]
        )
    shares, all_us = meter.each(count)
    return {"perSecond": found["perSecond"], "cpuUs": all_us, "took": time.monotonic() - begin}


def oci_config(command):
    """A container like a job's: the host's network, Docker's default rights, limits."""
    rights = ["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "SETGID", "SETUID", "SETFCAP"]
    rights += ["SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"]
    rights = [f"CAP_{right}" for right in rights]
    strict = ["nosuid", "noexec", "nodev"]
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    memory = 64 * 1024 * 1024
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(command),
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {kind: rights for kind in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": strict},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
            },
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": pts},
            {
                "destination": "/dev/shm",
                "type": "tmpfs",
                "source": "shm",
                "options": [*strict, "mode=1777", "size=65536k"],
            },
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "resources": {"memory": {"limit": memory, "swap": memory}, "cpu": {"shares": 1024}},
        },
    }


def make_bundle(copy, folder):
    """A bundle with the files of the image that the jobs have."""
    bundle = Path(folder, "bundle")
    if bundle.exists():
        return bundle
    (bundle / "rootfs").mkdir(parents=True)
    for name in ("proc", "dev", "tmp"):
        (bundle / "rootfs" / name).mkdir(exist_ok=True)
    container = copy.docker("create", "openbatch/busybox", "true").strip()
    archive = bundle / "image.tar"
    copy.docker("export", "-o", str(archive), container)
    copy.docker("rm", container)
    subprocess.run(["tar", "-xf", archive, "-C", bundle / "rootfs"], check=True)
    archive.unlink()
    (bundle / "config.json").write_text(json.dumps(oci_config(["/bin/true"])))
    return bundle


def oci_loop(bench, program, bundle, count, parallel, whole=False):
    """crun or runc alone, from create to delete; whole: its `run`, which is all in one."""
    state = Path(bundle).parent / f"{program}-state"
    state.mkdir(mode=0o700, exist_ok=True)
    command = [bench.program("loop_oci"), program, state, bundle, str(count), str(parallel)]
    found = numbers_of([*command, "run"] if whole else command)
    return {"perSecond": found["perSecond"], "cpuUs": found["cpuUs"] / count}


def has(program):
    return shutil.which(program) is not None
