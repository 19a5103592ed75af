"""Writes migrations.c: the numbered files of sql/, as C strings, in order."""

import pathlib
import re
import sys


def quoted(line):
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in line
    )
    return f'"{plain}"'


def main():
    out, files = (
        pathlib.Path(sys.argv[1]),
        [pathlib.Path(name) for name in sys.argv[2:] if name.endswith(".sql")],
    )
    rows, seen = [], set()
    for path in sorted(files, key=lambda p: p.name):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if not match or int(match[1]) in seen:
            sys.exit(f"{path}: must be NNNN_name.sql with a number of its own")
        seen.add(int(match[1]))
        rows.append((int(match[1]), match[2], path.read_bytes()))
    lines = ["/* Made by embed_sql.py from sql/. */", '#include "migrate.h"', ""]
    for version, _, text in rows:
        lines.append(f"static const char sql_{version}[] =")
        lines += ["    " + quoted(line) for line in text.splitlines(keepends=True)]
        lines[-1] += ";"
    lines.append("const migration migrations[] = {")
    lines += [f'    {{ {version}, "{name}", sql_{version} }},' for version, name, _ in rows]
    lines += ["    { 0 },", "};", ""]
    out.write_text("\n".join(lines))


main()
