"""An upgrade of a copy of the version before, while jobs run: service by service, with work going
on between, so that each stands beside others of the version before for a while; and back, if the
schema is the same. `./openbatch test upgrades` runs it."""

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from crowd import Crowd
from fixtures import free_ports, own_env, share_installed
from stack import ROOT, Stack, wait_for
from trial import Trial

pytestmark = pytest.mark.upgrades

# The version that was released before this one. OB_TEST_BEFORE names another one.
BEFORE = os.environ.get("OB_TEST_BEFORE", "1322df0ef152fbd84e63a152f4e4416e49994704")
SERVICES = ["api", "scheduler", "scaler"]  # the order of docs/operations.md, "Upgrades"
WORDS = 40  # that containers say between two steps


def git(*args):
    return subprocess.run(
        ["git", *map(str, args)], check=True, capture_output=True, text=True
    ).stdout.strip()


class Copy:
    """A copy that is built from a clone of this repository, of which only what is committed
    counts."""

    def __init__(self, folder):
        self.tree, self.home = folder / "tree", folder / "home"
        git("clone", "-q", "--shared", "--no-checkout", ROOT, self.tree)
        self.new = git("-C", ROOT, "rev-parse", "HEAD")
        self.home.mkdir(mode=0o711)
        share_installed(self.home)
        for build in self.home.glob("build*"):
            build.unlink()
        (self.home / "config").write_text("made=for the tests of upgrades\nengine=ours\n")
        self.env = own_env(self.home, free_ports())

    def openbatch(self, *args):
        done = subprocess.run(
            [self.tree / "openbatch", *args],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def checkout(self, version):
        git("-C", self.tree, "checkout", "-q", version)

    def build(self):
        """New programs on the disk; those that run stay what they are. The jobs that go on take
        what is left of the processors, or it would take a quarter of an hour."""
        [build] = self.home.glob("build*")
        programs = [f"services/{name}/openbatch-{name}" for name in (*SERVICES, "executor")]
        ninja = subprocess.Popen(
            ["nice", "-n", "-10", "ninja", "-C", build, *programs],
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        with contextlib.suppress(FileNotFoundError):  # Linux may weigh sessions, not processes
            Path(f"/proc/{ninja.pid}/autogroup").write_text("-10")
        said, _ = ninja.communicate(timeout=1800)
        assert ninja.returncode == 0, said[-4000:]

    def migrations(self):
        return len(list((self.tree / "services/api/sql").glob("0*.sql")))


@pytest.fixture
def old():
    with tempfile.TemporaryDirectory(prefix="openbatch-upgrade.", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        copy = Copy(Path(folder))
        copy.checkout(BEFORE)
        try:
            copy.openbatch("up")
            yield copy
        finally:
            for link in (copy.home / "venv", copy.home / "node_modules", copy.home / "kafka/libs"):
                link.unlink(missing_ok=True)
            with contextlib.suppress(AssertionError):
                copy.openbatch("down", "--wipe", "--yes")


def is_new(trial, part):
    """Do all processes of a part run the program that is on the disk?"""
    try:
        programs = [os.readlink(f"/proc/{pid}/exe") for pid in trial.harm.pids(part)]
    except FileNotFoundError:  # one has just ended
        return False
    return programs and not any(program.endswith(" (deleted)") for program in programs)


def replace(trial, part):
    """Its supervisor starts it again, with the program of now; work goes on beside it."""
    pids = trial.harm.kill(part, signal.SIGTERM)
    trial.harm.wait_back(part, pids)
    wait_for(f"{part} to be new", lambda: is_new(trial, part), 60)
    trial.wait_word(len(trial.word()) + WORDS, timeout=300)


def test_services_are_replaced_one_by_one_while_jobs_run(old, tmp_path):
    trial = Trial(Stack(old.home), tmp_path)
    crowd = Crowd(trial, rounds=None, every=6.0, lasts=3.0)
    with crowd.arriving():
        before = old.migrations()
        old.checkout(old.new)
        old.build()
        old.openbatch("up", "--backing-only")  # what the services find beside them: secrets, rules
        for part in (*SERVICES, "executor"):
            replace(trial, part)
        if old.migrations() == before:
            old.checkout(BEFORE)
            old.build()
            for part in ("executor", *reversed(SERVICES)):
                replace(trial, part)
            old.checkout(old.new)
            old.build()
        old.openbatch("up")
        wait_for("all to be new", lambda: all(is_new(trial, p) for p in SERVICES), 60)
    crowd.wait_ended()
    trial.check()
