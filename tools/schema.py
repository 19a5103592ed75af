"""Writes docs/schema.sql: the tables as they are after all migrations.

usage: schema.py [--check]: with --check nothing is written; exits 1 when the document is not what
the migrations make, and 77 when PostgreSQL is not installed or is another version than wrote it.

A server of its own applies services/api/sql/*.sql in order, and pg_dump says what there is. What
belongs to a table is put behind it."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/schema.sql"
MIGRATIONS = sorted((ROOT / "services/api/sql").glob("*.sql"))
SKIPPED = 77
HEAD = """\
-- The schema as it is after all migrations (services/api/sql). Made by tools/schema.py from
-- PostgreSQL {version}: change it by a new migration, and run the tool again.
-- docs/architecture.md says who writes which table. The table schema_migration, which says what was
-- applied, is made by services/api/migrate.c.
"""


class Server:
    """PostgreSQL in a directory of its own; it refuses to run as root."""

    def __init__(self, programs: Path, folder: str) -> None:
        self.programs, self.folder = programs, folder
        self.who = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            self.who = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def command(self, name: str, *args: str) -> list[str]:
        return [str(self.programs / name), *args]

    def run(self, name: str, *args: str, **more) -> str:
        done = subprocess.run(
            self.command(name, *args),
            check=True,
            capture_output=True,
            text=True,
            cwd=self.folder,
            **self.who,
            **more,
        )
        return done.stdout

    def __enter__(self) -> "Server":
        data = f"{self.folder}/data"
        self.run(
            "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-N", "-A", "trust"
        )
        self.process = subprocess.Popen(
            self.command("postgres", "-D", data, "-k", self.folder, "-c", "listen_addresses="),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            **self.who,
        )
        deadline = time.monotonic() + 60
        while subprocess.run(
            self.command("pg_isready", "-q", "-h", self.folder), check=False
        ).returncode:
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.process.kill()
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)


def dumped(programs: Path) -> str:
    folder = tempfile.mkdtemp(prefix="ob-schema-")
    try:
        with Server(programs, folder) as server:
            to = ("-h", folder, "-U", "postgres")
            for path in MIGRATIONS:
                server.run(
                    "psql",
                    *to,
                    "-q",
                    "-1",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-f",
                    "-",
                    input=path.read_text(),
                )
            return server.run("pg_dump", *to, "--schema-only", "--no-owner", "--no-privileges")
    finally:
        shutil.rmtree(folder)


def statements(dump: str) -> list[str]:
    """Each with its lines; a function's body has semicolons and blank lines of its own."""
    result, lines, body = [], [], False
    for line in dump.splitlines():
        if not lines and (not line.strip() or re.match(r"--|SET |SELECT pg_catalog|\\", line)):
            continue
        lines.append(line.replace("public.", "").rstrip())
        body ^= line.count("$$") % 2 == 1
        if not body and line.endswith(";"):
            result.append("\n".join(lines))
            lines = []
    return result


ABOUT = [
    r"CREATE TABLE (\w+)",
    r"ALTER TABLE (?:ONLY )?(\w+)",
    r"CREATE (?:UNIQUE )?INDEX \w+ ON (\w+)",
    r"CREATE TRIGGER .*? ON (\w+)",
    r"COMMENT ON (?:TABLE|COLUMN) (\w+)",
]


def document(dump: str, version: str) -> str:
    tables: dict[str, list[str]] = defaultdict(list)
    others = []
    for statement in statements(dump):
        for pattern in ABOUT:
            match = re.match(pattern, statement, re.DOTALL)
            if match:
                if identity := re.search(r"ALTER COLUMN (\w+) ADD GENERATED (\w+) ", statement):
                    column = rf"(?m)^(    {identity[1]} .*?)(?=,?$)"
                    made = rf"\1 GENERATED {identity[2]} AS IDENTITY"
                    tables[match[1]][0] = re.sub(column, made, tables[match[1]][0])
                    break
                one = re.sub(r"\s+", " ", statement)
                short = one if statement.startswith("ALTER") and len(one) <= 100 else statement
                tables[match[1]].append(short)
                break
        else:
            others.append(statement)
    parts = [HEAD.format(version=version).rstrip()]
    parts += ["\n".join(tables[name]) for name in sorted(tables)]
    return "\n\n".join(parts + others) + "\n"


def newest() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def main() -> None:
    programs = newest()
    check = "--check" in sys.argv
    if not programs:
        sys.exit(SKIPPED if check else "PostgreSQL is not installed")
    version = programs.parent.name
    if check and f"PostgreSQL {version}:" not in DOCUMENT.read_text():
        sys.exit(SKIPPED)
    text = document(dumped(programs), version)
    if not check:
        DOCUMENT.write_text(text)
    elif DOCUMENT.read_text() != text:
        sys.exit("docs/schema.sql is not what the migrations make: run tools/schema.py")


if __name__ == "__main__":
    main()
