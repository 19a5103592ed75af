"""A browser for the tests of the console."""

import pytest
from browsing import chromium, run_scenario

SCENARIO_S = 240


@pytest.fixture(scope="session")
def console_url(stack):
    return f"http://127.0.0.1:{stack.settings['OPENBATCH_CONSOLE_PORT']}"


@pytest.fixture(scope="session")
def root_key(stack):
    return {"id": stack.env["AWS_ACCESS_KEY_ID"], "secret": stack.env["AWS_SECRET_ACCESS_KEY"]}


@pytest.fixture(scope="session")
def browser(stack):
    """The address of a browser."""
    with chromium(stack.home) as address:
        yield address


@pytest.fixture
def browse(stack, browser, console_url, root_key, tmp_path):
    """browse(scenario, when_ready=None, **arguments): what the scenario returns."""

    def run(scenario, when_ready=None, **arguments):
        given = {
            "browser": browser,
            "url": console_url,
            "key": root_key,
            "picture": str(tmp_path / "failed.png"),
        }
        return run_scenario(stack.home, scenario, given | arguments, SCENARIO_S, when_ready)

    return run
