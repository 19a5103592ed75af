"""The bus with a Kafka of its own whose topics are deleted: tests/unit/test_bus_broker.c, one case
after the other."""

import os
import re
import subprocess
import sys

import pytest
from stack import ROOT, wait_for

CASES = re.findall(
    r"cmocka_unit_test\((\w+)\)", (ROOT / "tests/unit/test_bus_broker.c").read_text()
)
# A home with nothing but Kafka in it, as `up` makes it.
MAKE = """set -e
. "$OB_ROOT/tools/lib.sh"
. "$OB_ROOT/tools/kafka.sh"
mkdir -p "$OPENBATCH_HOME"/{secrets,log,kafka,sv/kafka}
make_secrets
kafka_configure
touch "$OPENBATCH_HOME/env"
"""


@pytest.fixture(scope="module")
def broker(stack, tmp_path_factory):
    """The environment that the program wants."""
    home = tmp_path_factory.mktemp("broker")
    port = int(stack.settings["OPENBATCH_PORT"]) + 10
    env = os.environ | {
        "OB_ROOT": str(ROOT),
        "OPENBATCH_HOME": str(home),
        "OPENBATCH_PORT": str(port),
        "OB_KAFKA_LIBS": stack.settings["OB_KAFKA_LIBS"],
    }
    subprocess.run(["bash", "-c", MAKE], env=env, check=True)
    log = (home / "log/kafka.log").open("w")
    kafka = subprocess.Popen([ROOT / "tools/sv/kafka"], cwd=home / "sv/kafka", env=env, stdout=log)
    address, secrets = f"127.0.0.1:{port + 1}", home / "secrets"
    acls = [ROOT / "tools/kafka/acls.py", address, secrets / "kafka-admin.password"]

    def has_rules():
        """It gives Kafka 30 s, which are not enough for its start on a busy machine."""
        assert kafka.poll() is None, f"Kafka ended with {kafka.returncode}: {log.name}"
        return subprocess.run([sys.executable, *acls], stdout=log, stderr=log).returncode == 0

    try:
        wait_for("Kafka's access rules", has_rules, 300)
        yield {"OPENBATCH_TEST_KAFKA": address, "OPENBATCH_TEST_KAFKA_SECRETS": str(secrets)}
    finally:
        kafka.kill()
        kafka.wait()
        log.close()


@pytest.fixture(scope="module")
def program(stack):
    name = "tests/unit/test_bus_broker"
    subprocess.run(["ninja", "-C", stack.build, name], check=True, capture_output=True)
    return stack.build / name


@pytest.mark.parametrize("case", CASES)
def test_on_a_real_broker(case, broker, program):
    done = subprocess.run(
        [program],
        env=os.environ | broker | {"OB_TEST_FILTER": case},
        capture_output=True,
        text=True,
        timeout=120,
    )
    print(done.stdout + done.stderr)
    assert done.returncode == 0 and "[  PASSED  ] 1 test(s)." in done.stdout + done.stderr
