"""The examples, as users run them: stock boto3 with the variables that `./openbatch env` prints."""

import os
import subprocess
import sys

import pytest
from stack import ROOT

ARGUMENTS = {
    "genomics": ["--chunks", "4", "--reads", "1000"],
    "monte-carlo": ["--children", "5", "--darts", "20000"],
}
SAYS = {
    "genomics": "right: 64 beginnings of 1000 reads",
    "monte-carlo": "100000 darts: pi is about",
}


def run(stack, name, *arguments):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | stack.env
    return subprocess.run(
        [sys.executable, "-B", ROOT / "examples" / name / "run.py", *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_example_runs(stack, image, batch, shared_work, queue, name):
    done = run(stack, name, "--queue", queue, "--image", image, *ARGUMENTS[name])
    assert done.returncode == 0, done.stdout + done.stderr
    assert SAYS[name] in done.stdout
    made = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    assert not [d for d in made if d["jobDefinitionName"].startswith(("split-", "throw-"))]


def test_an_example_that_fails_says_so(stack, image, queue):
    """What it throws with is not there: its exit code is not 0."""
    done = run(stack, "monte-carlo", "--queue", queue, "--image", "openbatch/no-such-image")
    assert done.returncode == 1
    assert "CannotPullContainerError" in done.stdout and "wrong: " in done.stderr
