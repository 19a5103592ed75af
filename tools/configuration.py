"""Writes docs/configuration.md from the tables in code: usage: configuration.py BUILD_DIR [--check].

With --check nothing is written; exits 1 when the document differs from the tables."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/configuration.md"
SERVICES = ("api", "scheduler", "scaler", "executor")
HEAD = """# Configuration

Everything is configured by environment variables. `./openbatch up` sets those that a copy needs in
`$OPENBATCH_HOME/env`; variables that begin with `OPENBATCH_` and are exported when `up` runs are kept there too.
An unknown or invalid value stops a service with a message that names the variable. `openbatch-<service> --check-config`
prints the effective values, secrets masked.

This page is made from the tables in code by `tools/configuration.py`; the tests compare the two.

## The command

| variable | default | meaning |
| --- | --- | --- |
| `OPENBATCH_HOME` | `.openbatch` beside `./openbatch` | all state of a copy |
| `OPENBATCH_PORT` | `8080` | first of the twenty ports of a copy: the api; Kafka +1 and +2. Remembered by `up` |
| `OPENBATCH_SANITIZE` | | `1`: build the services with the address and undefined behaviour sanitizers |
| `DOCKER_HOST` | `unix:///var/run/docker.sock` | engine to use if it answers; else `up` starts its own |
"""


def table(build, service):
    program = build / f"services/{service}/openbatch-{service}"
    out = subprocess.run([program, "--config-table"], check=True, capture_output=True, text=True)
    return [line.split("\t") for line in out.stdout.splitlines() if line]


def section(title, rows):
    lines = [f"\n## {title}\n", "| variable | default | meaning |", "| --- | --- | --- |"]
    for name, default, text in rows:
        shown = default if default in ("", "(required)") else f"`{default}`"
        lines.append(f"| `{name}` | {shown} | {text} |")
    return "\n".join(lines) + "\n"


def document(build):
    tables = {service: table(build, service) for service in SERVICES}
    common = [row for row in tables["api"] if all(row in t for t in tables.values())]
    text = HEAD + section("All services", common)
    for service, rows in tables.items():
        own = [row for row in rows if row not in common]
        text += section(f"`openbatch-{service}`", own)
    return text


def main():
    text = document(Path(sys.argv[1]))
    if "--check" in sys.argv:
        if DOCUMENT.read_text() != text:
            sys.exit("docs/configuration.md is not what the tables say: run tools/configuration.py")
    else:
        DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
