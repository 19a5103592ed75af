"""Writes a program's man page from its own help.

usage: man_page.py PROGRAM
"""

import subprocess
import sys
from pathlib import Path


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def page(name, version, lines):
    yield f'.TH {name.upper()} 8 "" "{version}" "OpenBatch"'
    yield from (".SH NAME", escaped(f"{name} - part of OpenBatch, AWS Batch as open software"))
    yield from (".SH SYNOPSIS", ".B " + escaped(lines[0].removeprefix("Usage: ")))
    yield from (".SH DESCRIPTION", escaped(lines[2]), ".SH ENVIRONMENT")
    for line in lines[4:]:
        if line.startswith("      "):
            yield escaped(line.strip())
        elif line.strip():
            yield from (".TP", ".B " + escaped(line.strip()))
    yield from (
        ".SH SEE ALSO",
        ".BR openbatch (1),",
        escaped("/usr/share/doc/openbatch/operations.md"),
    )


def main():
    program = Path(sys.argv[1])

    def said(option):
        return subprocess.run([program, option], check=True, capture_output=True, text=True).stdout

    print("\n".join(page(program.name, said("--version").strip(), said("--help").splitlines())))


if __name__ == "__main__":
    main()
