"""The rules of SQL, for the suite `format`: where it stands, and that facts in it have names.

1. SQL stands in sql/queries/*.sql, not in string literals of C.
2. Numbers that are stored (states, kinds, consumers, flags, locks) come from ob/rows.h by name.
3. C asks for a column by its name (the enums that tools/embed_queries.py makes), not by a number.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import embed_queries

ROOT = Path(__file__).resolve().parent.parent

# Why these may have SQL in C.
ALLOWED_FILES = {
    "services/api/migrate.c": "makes and reads the table that says which schema there is",
}
ALLOWED_TEXTS = {
    "SELECT 1": "asks whether the connection lives",
}

LITERALS = re.compile(r'(?:"(?:[^"\\\n]|\\.)*"(?:\s|\\\n)*)+')
SQL = re.compile(
    r"\bSELECT\s|\bINSERT\s+INTO\b|\bDELETE\s+FROM\b|\bUPDATE\s+\w+(\s+\w+)?\s+SET\b"
    r"|\bWITH\s+\w+\s+AS\s*\("
)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)

# Columns whose numbers stand in ob/rows.h.
NUMBERED = "state|bulk_state|kind|consumer|dep_types"
FLAGS = "flags"
BARE = [
    (
        rf"\b(?:{NUMBERED})\s*(?:=|<>|!=|<=|>=|<|>)\s*-?\d",
        "a number beside a column of states, kinds or consumers",
    ),
    (
        rf"\d\s*(?:=|<>|!=|<=|>=|<|>)\s*(?:\w+\.)?(?:{NUMBERED})\b",
        "a number beside a column of states, kinds or consumers",
    ),
    (rf"\b(?:{NUMBERED})\s+(?:NOT\s+)?(?:IN\s*\(\s*|BETWEEN\s+)\d", "a list of bare numbers"),
    (rf"\bCASE\s+(?:\w+\.)?(?:{NUMBERED})\s+WHEN\s+\d", "a case of a bare number"),
    (rf"\b{FLAGS}\s*[&|#]\s*\d|\d\s*[&|#]\s*(?:\w+\.)?{FLAGS}\b", "a bare flag"),
    (rf"\bcoalesce\([^()]*\b(?:{NUMBERED})\s*,\s*\d+\s*\)", "a bare number as default"),
    (r"\bcounts\[\s*\d", "the count of a state by its number"),
    (r"\bhashtextextended\((?:[^()]|\([^()]*\))*,\s*\d+\s*\)", "a lock by a bare number"),
    (r"\bpg_(?:try_)?advisory\w*\(\s*\d", "a lock by a bare number"),
]
INSERT = re.compile(
    r"\bINSERT\s+INTO\s+\w+\s*\(([^()]*)\)\s*(?:SELECT\s+(?:DISTINCT\s+)?|VALUES\s*\()"
)

C_NUMBER = re.compile(
    r"\b(?:state|bulk_state|consumer)\s*(?:==|!=|<=|>=|<|>)\s*\d|\bob_param_int\([^,;]*,\s*\d+\)"
)
CALL = re.compile(r"\b(ob_col\w*|PQgetvalue|PQgetisnull|PQgetlength)\(")
POSITION = re.compile(r"\d+|\w+\s*[+-]\s*\d+")


def line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def blanked(text: str, pattern: re.Pattern) -> str:
    """Lines stay where they are."""
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def items(text: str, start: int) -> list[str]:
    """What stands from 'start' on, divided by commas, up to the parenthesis that closes it, or to
    FROM or the end of the statement."""
    depth, last, at, result = 0, start, start, []
    while at < len(text):
        char = text[at]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and (char == ";" or re.match(r"\sFROM\s", text[at:]))):
            break
        if depth == 0 and char == ",":
            result.append(text[last:at].strip())
            last = at + 1
        at += 1
    return [*result, text[last:at].strip()]


def sql_in_c(path: str, text: str) -> Iterator[tuple[int, str]]:
    if path in ALLOWED_FILES:
        return
    for match in LITERALS.finditer(blanked(text, COMMENT)):
        joined = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', match[0]))
        if SQL.search(joined) and joined not in ALLOWED_TEXTS:
            yield line_of(text, match.start()), "SQL stands in sql/queries/*.sql"


def positions_in_c(text: str) -> Iterator[tuple[int, str]]:
    plain = blanked(text, COMMENT)
    for match in CALL.finditer(plain):
        args = items(plain, match.end())
        if len(args) > 2 and POSITION.fullmatch(args[2]):
            yield line_of(text, match.start()), f"column {args[2]} has a name (*_sql.h)"


def numbers_in_c(text: str) -> Iterator[tuple[int, str]]:
    for match in C_NUMBER.finditer(blanked(text, COMMENT)):
        yield line_of(text, match.start()), "a stored number: name it (ob/rows.h)"


def plain_sql(text: str) -> str:
    """Without comments and strings."""
    return "".join(
        re.sub(r"[^\n]", " ", token) if kind in ("comment", "string") else token
        for kind, token in embed_queries.tokens(text)
    )


def numbers_in_sql(text: str) -> Iterator[tuple[int, str]]:
    plain = plain_sql(text)
    for pattern, why in BARE:
        for match in re.finditer(pattern, plain):
            yield line_of(text, match.start()), f"{why}: name it (ob/rows.h)"
    for match in INSERT.finditer(plain):
        names = [name.strip() for name in match[1].split(",")]
        values = items(plain, match.end())
        for name, value in zip(names, values, strict=False):
            if re.fullmatch(rf"{NUMBERED}|{FLAGS}", name) and re.fullmatch(r"-?\d+", value):
                yield line_of(text, match.start()), f"{name} {value}: name it (ob/rows.h)"


def findings() -> Iterator[str]:
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            name, text = str(path.relative_to(ROOT)), path.read_text()
            for line, why in [
                *sql_in_c(name, text),
                *positions_in_c(text),
                *numbers_in_c(text),
            ]:
                yield f"{name}:{line}: {why}"
        for path in sorted((ROOT / folder).rglob("sql/queries/*.sql")):
            for line, why in numbers_in_sql(path.read_text()):
                yield f"{path.relative_to(ROOT)}:{line}: {why}"


def main() -> int:
    found = list(findings())
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
