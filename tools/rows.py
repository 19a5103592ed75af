"""The numbers of shared/include/ob/rows.h by their names: what SQL in our tools takes them from."""

import re
import sys
from pathlib import Path

HEADER = Path(__file__).resolve().parents[1] / "shared/include/ob/rows.h"


def numbers() -> dict[str, int]:
    """{name: number} of every enumerator."""
    pairs = re.findall(r"^\s*(OB_[A-Z0-9_]+)\s*=\s*(\d+)", HEADER.read_text(), re.M)
    return {name: int(value) for name, value in pairs}


def named(sql: str) -> str:
    """The statement with each :OB_NAME replaced by its number."""
    known = numbers()
    return re.sub(r":(OB_[A-Z0-9_]+)", lambda match: str(known[match[1]]), sql)


if __name__ == "__main__":
    sys.stdout.write(named(sys.stdin.read()))
