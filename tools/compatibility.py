"""Writes docs/compatibility.md from the tables of openbatch-api.

usage: compatibility.py BUILD_DIR [--check]: with --check nothing is written; exits 1 when the
document differs from the tables."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/compatibility.md"
HEAD = ROOT / "tools/compatibility.head.md"
COLUMNS = {"works": "works", "stored": "stored only", "refused": "refused"}
SERVICES = {"batch": "AWS Batch", "logs": "CloudWatch Logs", "sts": "AWS STS"}


def tables(build):
    program = [Path(build) / "services/api/openbatch-api", "--compatibility"]
    return json.loads(subprocess.run(program, check=True, capture_output=True).stdout)


def below(member, other):
    return other["path"].startswith((member["path"] + ".", member["path"] + "[]"))


def shortened(members):
    """Members without those that say nothing new: all below one are as it is."""
    out = []
    for member in members:
        above = [m for m in out if below(m, member)]
        if any(m["whole"] for m in above):
            continue
        under = [m for m in members if below(member, m)]
        whole = all(m["support"] == member["support"] and "why" not in m for m in under)
        out.append(member | {"whole": whole and bool(under)})
    # Of what is stored only, what is below is stored only: only what is refused is told.
    stored = [m for m in out if m["support"] == "stored"]
    return [m for m in out if m["support"] != "stored" or not any(below(s, m) for s in stored)]


def note(member):
    if "why" not in member and member["support"] != "refused" and "refusedValues" in member:
        return f"not {member['refusedValues'].replace('|', ', ')}"
    return member.get("why", "")


def told(members):
    """Their names, those with the same note together, in the order of the first of each."""
    notes = {}
    for member in members:
        name = f"`{member['path']}`" + (" and all below" if member["whole"] else "")
        notes.setdefault(note(member), []).append(name)
    return "; ".join(
        ", ".join(names) + (f" ({text})" if text else "") for text, names in notes.items()
    )


def operation(op):
    lines = [f"\n### {op['name']}\n"]
    if not op["members"]:
        return lines + ["Takes nothing."]
    members = shortened(op["members"])
    for support, column in COLUMNS.items():
        text = told([m for m in members if m["support"] == support])
        if text:
            lines.append(f"- **{column}**: {text}")
    return lines


def document(build):
    every = tables(build)
    lines = [HEAD.read_text().rstrip()]
    for service, title in SERVICES.items():
        ops = [op for op in every if op["service"] == service]
        lines.append(f"\n## {title}")
        for op in ops:
            if op["built"]:
                lines += operation(op)
        missing = [op for op in ops if not op["built"]]
        if missing:
            lines.append("\n### Operations that are not built\n")
            lines.append("They are answered with a `ClientException` that names the operation.\n")
            lines += ["| operation | why |", "| --- | --- |"]
            lines += [f"| {op['name']} | {op['why']} |" for op in missing]
    return "\n".join(lines) + "\n"


def main():
    text = document(sys.argv[1])
    if "--check" in sys.argv:
        if DOCUMENT.read_text() != text:
            sys.exit("docs/compatibility.md differs from the tables: run tools/compatibility.py")
    else:
        DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
