"""Writes docs/configuration.md from the tables in code.

usage: configuration.py BUILD_DIR [--check]: with --check nothing is written; exits 1 when the
document differs from the tables."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/configuration.md"
SERVICES = ("api", "scheduler", "scaler", "executor", "console")
HEAD = (ROOT / "tools/configuration.head.md").read_text()


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
            sys.exit("docs/configuration.md differs from the tables: run tools/configuration.py")
    else:
        DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
