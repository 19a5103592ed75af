"""Debian's chromium, driven by programs for Node (console/), because Playwright speaks to it from
there. A scenario is a module of JavaScript that gets a page, its arguments and tools."""

import contextlib
import json
import os
import subprocess
import threading
from pathlib import Path

HERE = Path(__file__).parent / "console"


def node(home, script, *arguments):
    """A process of Node with the packages of a home."""
    return subprocess.Popen(
        ["node", HERE / script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NODE_PATH": str(Path(home) / "node_modules")},
    )


@contextlib.contextmanager
def chromium(home):
    """A browser while the block runs: its address."""
    process = node(home, "browser.js")
    address = process.stdout.readline().strip()
    assert address, process.communicate()[1]
    try:
        yield address
    finally:
        process.communicate(timeout=60)


def run_scenario(home, scenario, arguments, longest_s, when_ready=None):
    """What the scenario returns: the name of one in scenarios/, or the path of another. It is
    killed after longest_s seconds; when_ready is called when it prints READY."""
    process = node(home, "run.js", scenario)
    killer = threading.Timer(longest_s, process.kill)
    killer.start()
    said = []
    errors = threading.Thread(target=lambda: said.append(process.stderr.read()))
    errors.start()
    process.stdin.write(json.dumps(arguments))
    process.stdin.close()
    lines = []
    try:
        for line in process.stdout:
            if line.strip() == "READY" and when_ready:
                when_ready()
            lines.append(line)
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
        errors.join()
        killer.cancel()
    assert process.returncode == 0, f"scenario {scenario}:\n{said[0]}"
    return json.loads(lines[-1])
