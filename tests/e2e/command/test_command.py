"""./openbatch itself, run from another directory."""

import subprocess
from pathlib import Path

import pytest
from stack import ROOT


def openbatch(*args):
    return subprocess.run(
        [ROOT / "openbatch", *args], capture_output=True, text=True, cwd="/", timeout=120
    )


def test_run_follows_a_container_to_its_exit_code(image):
    """`run` prints the container's output and exits with its exit code."""
    done = openbatch("run", "--memory", "64", image, "sh", "-c", "echo out; exit 7")
    assert done.returncode == 7, done.stderr
    assert done.stdout == "out\n"


def test_logs_of_a_job(shared_work, queue):
    job = shared_work.wait(shared_work.submit(queue, shared_work.definition(["echo", "said"])))
    shared_work.log(job)
    assert openbatch("logs", "--job", job["jobId"]).stdout == "said\n"


def test_status_tells_each_part():
    done = openbatch("status")
    assert done.returncode == 0, done.stdout
    for part in ("postgres", "redis", "kafka", "api", "scheduler", "scaler"):
        line = next(x for x in done.stdout.splitlines() if x.startswith(part))
        assert "healthy" in line


def test_kafkas_java_has_the_options_of_the_copy(stack):
    options = stack.settings.get("OPENBATCH_KAFKA_JAVA", "").split()
    if not options:
        pytest.skip("the copy has none")
    command = Path(f"/proc/{stack.pid('kafka')}/cmdline").read_text().split("\0")
    assert set(options) <= set(command)


def test_what_is_no_verb_is_refused():
    done = openbatch("frobnicate")
    assert done.returncode != 0
    assert "frobnicate" in done.stderr
    assert openbatch("--version").stdout.startswith("openbatch ")
