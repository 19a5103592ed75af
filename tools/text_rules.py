"""Is text from outside made text (shared/include/ob/text.h) before it is cut, packed or stored?

json_string() and json_pack()'s "s" give NULL for bytes that are no UTF-8, and "%.100s" cuts within
a character: each has ended a process or stopped a stream. The api is left out: all that it handles
was UTF-8 when it came in, and its answers are made text in one place (errors.c).

A statement with a comment that says "ASCII" or "ours" is about text that cannot be anything else.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [
    "shared/src",
    "services/console",
    "services/executor",
    "services/scheduler",
    "services/scaler",
]
EXCUSE = re.compile(r"/\*.*\b(ASCII|ours)\b.*\*/")
RULES = [
    (re.compile(r"%\.(\d+|\*)s"), "cuts within characters: ob_cut(text, n) or ob_text_dup()"),
    (re.compile(r"(?<!\w)json_stringn?(_nocheck)?\("), "may be NULL: ob_json_text()"),
    (re.compile(r"(?<!\w)strn?cpy\("), "copies bytes: ob_text_into()"),
]
PACK = re.compile(r"(?<!\w)json_v?pack(?:_ex)?\(\s*((?:\"[^\"]*\"\s*)+)")
PACKED_TEXT = re.compile(r"(?:^|[\[:,]\s*)s[#%?*]*\s*(?=[,\]}]|$)")


def packs_text(formats):
    """Does this format of json_pack have a string as a value? Keys are followed by a colon."""
    return PACKED_TEXT.search("".join(re.findall(r'"([^"]*)"', formats))) is not None


def findings(path):
    text = path.read_text()
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        for pattern, why in RULES:
            if pattern.search(line) and not EXCUSE.search(line):
                yield number, why
    for match in PACK.finditer(text):
        end = text.find(";", match.end())
        statement = text[match.start() : text.find("\n", end)]
        if packs_text(match[1]) and not EXCUSE.search(statement.replace("\n", " ")):
            yield (
                text.count("\n", 0, match.start()) + 1,
                '"s" makes the whole NULL: "o" with ob_json_text()',
            )


def main():
    bad = 0
    for path in sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.c")):
        if path.name == "json.c":
            continue  # makes the strings
        for number, why in findings(path):
            print(f"{path.relative_to(ROOT)}:{number}: {why}", file=sys.stderr)
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
