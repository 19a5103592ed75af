"""boto3, the AWS CLI and the SDK for JavaScript each do the same real work with only the variables
that `./openbatch env` prints: they register, submit an array that depends on another job, wait,
read logs, and terminate a long job. The three programs are in tests/clients."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from stack import ROOT

PROGRAMS = ROOT / "tests/clients"


@pytest.fixture(scope="module")
def clients(stack, image, shared_work, queue):
    """All at work at once."""
    # Version 2, Debian's, where it is; the virtual environment has version 1.
    aws = shutil.which("aws", path="/usr/local/bin:/usr/bin") or stack.home / "venv/bin/aws"
    commands = {
        "boto3": [sys.executable, "-B", PROGRAMS / "workflow.py"],
        "aws": ["bash", PROGRAMS / "workflow.sh", aws],
        "javascript": ["node", PROGRAMS / "workflow.js"],
    }
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_PAGER": ""} | stack.env
    env["NODE_PATH"] = str(stack.home / "node_modules")
    begun = {
        name: subprocess.Popen(
            [*command, queue, image, f"{name}-{queue}"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, command in commands.items()
    }
    yield begun
    for process in begun.values():
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["boto3", "aws", "javascript"])
def test_a_workflow_by(clients, name):
    out, err = clients[name].communicate(timeout=180)
    assert clients[name].returncode == 0, err
    assert json.loads(out) == {
        "array": "SUCCEEDED",
        "succeeded": 3,
        "first": ["child none"],
        "children": [["child 0"], ["child 1"], ["child 2"]],
        "in order": True,
        "long": ["FAILED", "long enough", 143],
    }
