"""Packages on a clean Debian root, set up as docs/operations.md says: they run a job, the doctor
finds all well, and a backup comes back."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from clean_root import environment_file
from stack import wait_for

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["openbatch-api", "openbatch-scheduler", "openbatch-scaler", "openbatch-console"]
CLIENT = 'export PATH=/var/lib/openbatch/venv/bin:$PATH; eval "$(openbatch env)"\n'
DEFINITION = json.dumps(
    {
        "image": "openbatch/busybox",
        "command": ["echo", "hello from a package"],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
    }
)


MAKE_QUEUE = f"""
aws batch create-compute-environment --compute-environment-name hosts --type UNMANAGED \\
    --service-role batch
for ((i = 0; i < 100; i++)); do
    aws batch describe-compute-environments --compute-environments hosts |
        grep -q '"status": "VALID"' && break
done
aws batch create-job-queue --job-queue-name default --priority 1 \\
    --compute-environment-order order=1,computeEnvironment=hosts
aws batch register-job-definition --job-definition-name hello --type container \\
    --container-properties '{DEFINITION}'
"""
SUBMIT = """aws batch submit-job --job-name first --job-queue default --job-definition hello \\
    --query jobId --output text"""
LIST = f"{CLIENT}aws batch list-jobs --job-queue default --job-status SUCCEEDED"


def health(system, name):
    program = "/usr/bin/python3 /usr/share/openbatch/tools/health.py"
    done = system.inside(f"{program} {name} /run/openbatch 8080", check=False)
    return json.loads(done.stdout or "{}")


def start_servers(system):
    """PostgreSQL, Redis and Kafka as Debian's packages and ours run them."""
    system.inside("pg_ctlcluster 15 main start")
    system.inside(
        "install -d -o redis -g redis /run/redis\n"
        "setpriv --reuid=redis --regid=redis --clear-groups "
        "/usr/bin/redis-server /etc/redis/redis.conf --daemonize yes --supervised no"
    )


def start_services(system):
    for name in SERVICES:
        system.start(name)
    for name in ("api", "scheduler", "scaler", "console"):
        wait_for(f"{name} to be well", lambda n=name: health(system, n).get("ok"), 120, every=0.5)


@pytest.fixture(scope="module")
def running(system):
    start_servers(system)
    setup(system)
    system.start("openbatch-kafka")
    start_services(system)
    return system


def setup(system):
    """Fetches Python packages, so it has this machine's network; PostgreSQL's socket is a file."""
    said = system.chroot("openbatch", "setup")
    assert "role and database 'openbatch'" in said and "/etc/openbatch/kafka.properties" in said
    assert "PostgreSQL" not in system.chroot("openbatch", "setup"), (
        "a second time there is nothing to do"
    )


def test_packages_hold_what_they_are_for(packages):
    def files(name):
        listed = subprocess.run(
            ["dpkg-deb", "-c", packages[name]], check=True, capture_output=True, text=True
        ).stdout
        return {line.split()[5].removeprefix(".") for line in listed.splitlines()}

    for name in ("api", "scheduler", "scaler"):
        assert {
            f"/usr/sbin/openbatch-{name}",
            f"/lib/systemd/system/openbatch-{name}.service",
        } <= files("openbatch-services")
        assert f"/usr/share/man/man8/openbatch-{name}.8.gz" in files("openbatch-services")
    assert {
        "/usr/sbin/openbatch-executor",
        "/usr/sbin/openbatch-image",
        "/usr/sbin/openbatch-keeper",
        "/lib/systemd/system/openbatch-executor@.service",
    } <= files("openbatch-executor")
    assert "/usr/share/openbatch/tools/doctor/__main__.py" in files("openbatch-tools")
    version = subprocess.run(
        ["dpkg-deb", "-f", packages["openbatch-services"], "Version"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert f"version: '{version}'," in (ROOT / "meson.build").read_text()


def test_units_are_what_systemd_accepts(system):
    units = [*SERVICES, "openbatch-executor@hosts", "openbatch-kafka"]
    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            f"--root={system.root}",
            *(f"{name}.service" for name in units),
        ],
        capture_output=True,
        text=True,
    )
    ours = [line for line in done.stderr.splitlines() if "openbatch" in line and "man:" not in line]
    assert done.returncode == 0 and ours == [], done.stderr


def test_services_run_as_their_own_user_without_rights(running):
    for name in SERVICES:
        process = running.running[name]
        status = Path(f"/proc/{process.pid}/status").read_text()
        uid = re.search(r"^Uid:\t(\d+)", status, re.M)[1]
        assert uid not in ("0", "65534") and re.search(r"^CapEff:\t0+$", status, re.M), status
        assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    for file in (running.root / "var/lib/openbatch/secrets").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def job(system, job_id):
    return json.loads(system.inside(f"{CLIENT}aws batch describe-jobs --jobs {job_id}").stdout)[
        "jobs"
    ][0]


def test_a_packaged_system_runs_a_job(running):
    running.bind(os.environ["OB_TEST_ENGINE"], "run/docker.sock")
    running.inside(f"{CLIENT}{MAKE_QUEUE}")
    commands = running.inside("openbatch join --unit hosts").stdout.splitlines()
    assert commands[-1] == "systemctl enable --now openbatch-executor@hosts"
    running.inside("\n".join(commands[:-1]))
    assert (running.root / "etc/openbatch/executor-hosts.conf").stat().st_mode & 0o777 == 0o600
    running.start("openbatch-executor@hosts")

    def submitted():
        done = running.inside(CLIENT + SUBMIT, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def ended():
        one = job(running, job_id)
        return one if one["status"] in ("SUCCEEDED", "FAILED") else None

    def said():
        return running.inside(f"openbatch logs --job {job_id}").stdout

    job_id = wait_for("a valid queue", submitted, 60, every=1)
    one = wait_for("the job's end", ended, 120, every=1)
    assert one["status"] == "SUCCEEDED", one
    wait_for("its output", lambda: said() == "hello from a package\n", 60, every=1)
    done = running.inside("openbatch doctor", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_upgrade_from_before_the_console_is_setup_and_a_restart(running):
    """Such a system has no key for the console, and the password of Kafka's user reader is root's.
    The doctor says what to do."""
    secrets = "/var/lib/openbatch/secrets"
    running.stop("openbatch-console")
    running.inside(f"rm {secrets}/console.key; chown root:root {secrets}/kafka-reader.password")
    said = json.loads(running.inside("openbatch doctor --json", check=False).stdout)["findings"]
    found = {f["wrong"]: f["do"] for f in said if f["part"] == "secrets"}
    assert found == {
        f"{secrets}/console.key cannot be read: No such file or directory": (
            "openbatch setup makes a new one; pages then have to sign in again"
        ),
        f"{secrets}/kafka-reader.password does not belong to the user openbatch": "openbatch setup",
    }
    running.chroot("openbatch", "setup")
    running.start("openbatch-console")
    wait_for("the console to be well", lambda: health(running, "console").get("ok"), 120, every=0.5)


# Makes of a backup one of a version that had no console.
WITHOUT_CONSOLE = """
mkdir /root/parts
tar -C /root/parts -xf /root/backup
tar --delete -f /root/parts/home.tar secrets/console.key
sum=$(sha256sum </root/parts/home.tar)
sed -i "s/^sha256.home.tar=.*/sha256.home.tar=${sum%% *}/" /root/parts/manifest
tar -C /root/parts -cf /root/backup manifest home.tar database
rm -r /root/parts
"""


def test_a_backup_of_a_packaged_system_comes_back(running):
    """Also one of a version that had fewer secrets."""
    before = json.loads(running.inside(LIST).stdout)
    assert before["jobSummaryList"]
    running.inside("openbatch backup /root/backup")
    running.inside(WITHOUT_CONSOLE)
    assert "services run" in running.inside("openbatch restore /root/backup", check=False).stderr
    for name in SERVICES:
        running.stop(name)
    refused = running.inside("openbatch restore /root/backup", check=False).stderr
    assert "secrets is not empty" in refused
    running.inside(
        "rm -rf /var/lib/openbatch/secrets; cd /; runuser -u postgres -- dropdb openbatch\n"
        "runuser -u postgres -- createdb -O openbatch -E UTF8 --locale=C.UTF-8 -T template0"
        " openbatch"
    )
    running.inside("openbatch restore /root/backup")
    start_services(running)
    assert json.loads(running.inside(LIST).stdout) == before


def test_settings_are_read_by_both_systemd_and_the_command(running):
    """/etc/openbatch/openbatch.conf has one form for both."""
    file = running.root / "etc/openbatch/openbatch.conf"
    console = running.inside(
        "env -i OPENBATCH_HOME=/x OPENBATCH_RUN_DIR=/x OPENBATCH_PORT=9090"
        " /usr/sbin/openbatch-console --check-config"
    ).stdout
    assert "OPENBATCH_CONSOLE_API=http://127.0.0.1:9090\n" in console
    by_bash = running.inside("env -i bash -c 'set -a; . /etc/openbatch/openbatch.conf; env'").stdout
    for name, value in environment_file(file).items():
        assert f"{name}={value}\n" in by_bash
