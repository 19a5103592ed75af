"""A browser for the tests of the console. Each scenario is a program for Node (scenarios/), because
Playwright speaks to Debian's chromium from there."""

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCENARIO_S = 240


@pytest.fixture(scope="session")
def console_url(stack):
    return f"http://127.0.0.1:{stack.settings['OPENBATCH_CONSOLE_PORT']}"


@pytest.fixture(scope="session")
def root_key(stack):
    return {"id": stack.env["AWS_ACCESS_KEY_ID"], "secret": stack.env["AWS_SECRET_ACCESS_KEY"]}


def node(stack, script, *arguments):
    """A process of Node with the tests' packages."""
    return subprocess.Popen(
        ["node", HERE / script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NODE_PATH": str(stack.home / "node_modules")},
    )


@pytest.fixture(scope="session")
def browser(stack):
    """The address of a browser."""
    process = node(stack, "browser.js")
    address = process.stdout.readline().strip()
    assert address, process.communicate()[1]
    yield address
    process.communicate(timeout=60)


@pytest.fixture
def browse(stack, browser, console_url, root_key, tmp_path):
    """browse(scenario, when_ready=None, **arguments): what the scenario returns. when_ready is
    called when the scenario prints READY."""

    def run(scenario, when_ready=None, **arguments):
        given = {
            "browser": browser,
            "url": console_url,
            "key": root_key,
            "picture": str(tmp_path / "failed.png"),
        }
        process = node(stack, "run.js", scenario)
        killer = threading.Timer(SCENARIO_S, process.kill)
        killer.start()
        said = []
        errors = threading.Thread(target=lambda: said.append(process.stderr.read()))
        errors.start()
        process.stdin.write(json.dumps(given | arguments))
        process.stdin.close()
        lines = []
        for line in process.stdout:
            if line.strip() == "READY" and when_ready:
                when_ready()
            lines.append(line)
        process.wait()
        errors.join()
        killer.cancel()
        assert process.returncode == 0, f"scenario {scenario}:\n{said[0]}"
        return json.loads(lines[-1])

    return run
