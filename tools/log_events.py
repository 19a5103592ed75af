"""Writes docs/log-events.md: the events that the services log.

usage: log_events.py [--check]: with --check nothing is written; exits 1 when the document differs.

Name, level and fields of an event are read from the calls in C (ob_info, ob_warn, ob_errlog,
ob_debug, ob_log). What it means stands in services/<service>/log_events.txt, or in
shared/log_events.txt for those of the library: a line `noun.verb: meaning` for each event. A call
names its event where it stands, in the past: the log says what has happened."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/log-events.md"
HEAD = (ROOT / "tools/log_events.head.md").read_text()
FOLDERS = {
    "shared": "All services",
    "services/api": "`openbatch-api`",
    "services/scheduler": "`openbatch-scheduler`",
    "services/scaler": "`openbatch-scaler`",
    "services/executor": "`openbatch-executor`",
    "services/console": "`openbatch-console`",
}
CALL = re.compile(r"\bob_(debug|info|warn|errlog|log)\(")
LEVELS = ("debug", "info", "warn", "error")
NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*\.[a-z0-9]+(_[a-z0-9]+)*")
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')
COMMENT = re.compile(r'/\*.*?\*/|("(?:\\.|[^"\\])*")', re.DOTALL)


def arguments(text: str, start: int) -> list[str]:
    """Those of the call whose parenthesis opens just before 'start'."""
    parts, depth, at = [""], 0, start
    while depth >= 0:
        literal = LITERAL.match(text, at)
        piece = literal[0] if literal else text[at]
        at += len(piece)
        depth += (piece in "([{") - (piece in ")]}")
        if piece == "," and depth == 0:
            parts.append("")
        elif depth >= 0:
            parts[-1] += piece
    return [part.strip() for part in parts]


def literals(argument: str) -> list[str]:
    return LITERAL.findall(argument)


def fields(args: list[str]) -> dict[str, bool]:
    """The keys of an object of json_pack(), a format and its arguments; whether each is always
    there."""
    form, names, at = "".join(literals(args[0])) if args else "", {}, 1
    for key in re.findall(r"[a-zA-Z][^,}]*", form.replace(" ", "")):
        _, _, value = key.partition(":")
        names[(literals(args[at]) or [args[at]])[0]] = "*" not in value
        at += 1 + sum(c not in "*?n{}[]" for c in value)
    return names


class Event:
    def __init__(self) -> None:
        self.levels: set[str] = set()
        self.fields: dict[str, int] = {}  # name: in how many calls
        self.calls = 0


def levels(kind: str, args: list[str]) -> set[str]:
    if kind != "log":
        return {{"errlog": "error"}.get(kind, kind)}
    return {level.lower() for level in re.findall(r"OB_LOG_(\w+)", args[0])}


def calls(folder: str, wrong: list[str]) -> dict[str, Event]:
    events: dict[str, Event] = defaultdict(Event)
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", f"{folder}/*.c"], capture_output=True, text=True, check=True
    )
    for path in listed.stdout.split():
        source = (ROOT / path).read_text() if (ROOT / path).exists() else ""
        source = COMMENT.sub(lambda m: m[1] or " ", source)
        for call in CALL.finditer(source):
            args = arguments(source, call.end())
            if path == "shared/src/log.c" or not args[0]:
                continue
            rest = args[2:] if call[1] == "log" else args[1:]
            names = literals(args[1] if call[1] == "log" else args[0])
            if not names:
                wrong.append(f"{path}: ob_{call[1]}({', '.join(args[:2])}): no event's name")
            for name in names:
                event = events[name]
                event.calls += 1
                event.levels |= levels(call[1], args)
                for field, always in fields(rest).items():
                    event.fields[field] = event.fields.get(field, 0) + always
    return events


def meanings(folder: str) -> dict[str, str]:
    path = ROOT / folder / "log_events.txt"
    return dict(line.split(": ", 1) for line in path.read_text().splitlines() if line)


def section(folder: str, title: str, wrong: list[str]) -> str:
    events, means = calls(folder, wrong), meanings(folder)
    wrong += [
        f"{folder}: {name} is logged, but not in log_events.txt" for name in events.keys() - means
    ]
    wrong += [f"{folder}/log_events.txt: {name} is never logged" for name in means.keys() - events]
    wrong += [f"{folder}: {name} is not noun.verb" for name in events if not NAME.fullmatch(name)]
    if list(means) != sorted(means):
        wrong.append(f"{folder}/log_events.txt is not sorted")
    lines = [f"\n## {title}\n", "| event | level | fields | meaning |", "| --- | --- | --- | --- |"]
    for name in sorted(events):
        event = events[name]
        level = ", ".join(level for level in LEVELS if level in event.levels)
        shown = ", ".join(
            f"`{field}`" + ("" if n == event.calls else "?") for field, n in event.fields.items()
        )
        lines.append(f"| `{name}` | {level} | {shown} | {means.get(name, '')} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    wrong: list[str] = []
    text = HEAD + "".join(section(folder, title, wrong) for folder, title in FOLDERS.items())
    if wrong:
        sys.exit("\n".join(sorted(wrong)))
    if "--check" not in sys.argv:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        sys.exit("docs/log-events.md is not what the code logs: run tools/log_events.py")


if __name__ == "__main__":
    main()
