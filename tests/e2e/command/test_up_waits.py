"""How `up` waits for what it starts, and for other package installations: the functions of
tools/stack.sh and tools/install.sh, with processes and locks of the test's own."""

import fcntl
import os
import subprocess

from stack import ROOT

PRELUDE = """set -euo pipefail
. "$OB_ROOT/tools/lib.sh"
. "$OB_ROOT/tools/install.sh"
. "$OB_ROOT/tools/stack.sh"
mkdir -p "$OPENBATCH_HOME"/{sv/kafka/supervise,log/kafka}
pid_file=$OPENBATCH_HOME/sv/kafka/supervise/pid log_file=$OPENBATCH_HOME/log/kafka/current
echo "what it said last" >"$log_file"
"""


def shell(script, home, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")}
    return subprocess.Popen(
        ["bash", "-c", PRELUDE + script],
        env=env | {"OB_ROOT": str(ROOT), "OPENBATCH_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def test_it_waits_for_a_service_that_gets_on_and_says_so(tmp_path):
    slow = """
    (while :; do :; done) & echo $! >"$pid_file"; trap "kill $!" EXIT
    healthy() { ((SECONDS >= 13)); }
    wait_healthy kafka; echo "after $SECONDS s"
    """
    done = shell(slow, tmp_path)
    out = done.communicate(timeout=120)[0]
    assert done.returncode == 0, out
    assert "waiting for kafka, which is starting (1" in out
    assert "after 1" in out


def test_a_service_that_ends_again_and_again_is_told_at_once(tmp_path):
    # Each look finds another process, as of a service that dies at its start.
    crashing = """
    made=(); trap 'kill ${made[*]}' EXIT
    healthy() { sleep 1000 >/dev/null & made+=($!); echo $! >"$pid_file"; return 1; }
    wait_healthy kafka
    """
    done = shell(crashing, tmp_path)
    out = done.communicate(timeout=60)[0]
    assert done.returncode == 1, out
    assert "kafka is not healthy: it ends soon after each start" in out
    assert "what it said last" in out


def test_who_installs_packages_is_waited_for_and_named(tmp_path):
    lock = tmp_path / "lock-frontend"
    waiting = f"""
    say() {{ printf '%s\\n' "$*"; }}
    stat() {{ [[ $* != *lock-frontend* ]] && return 1; command stat -c %i {lock}; }}
    wait_for_apt; echo free
    """
    with lock.open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        waits = shell(waiting, tmp_path)
        line = waits.stdout.readline()
        assert "waiting for another package installation to finish" in line
        assert f"(pid {os.getpid()})" in line
        assert waits.poll() is None
    assert waits.communicate(timeout=60)[0] == "free\n"


def test_a_package_whose_triggers_are_pending_is_installed(tmp_path):
    states = """
    dpkg-query() { echo "$state"; }
    for state in installed triggers-pending triggers-awaited half-configured ''; do
        if is_installed x; then echo yes; else echo no; fi
    done
    """
    out = shell(states, tmp_path).communicate(timeout=60)[0]
    assert out.split() == ["yes", "yes", "yes", "no", "no"]
