"""The rules of includes, for the suite `format`: no circle of files, no two files of one name, and
an engine of the scheduler's that is pure.

A module is a .c file with the header of its name. It leans on the modules whose headers it
includes, from the .c file or from the header. Files that lean on each other in a circle cannot be
read, tested or changed alone."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("shared", "services")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
ANY_INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)
# What the scheduler's engine may lean on besides its own files: no I/O, no clock, no threads.
PURE = Path("services/scheduler/engine")
PURE_MAY = {
    *("ob/error.h", "ob/id.h", "ob/job.h", "ob/json.h", "ob/rows.h", "ob/text.h"),
    *("jansson.h", "uthash.h", "utlist.h"),
    *("assert.h", "math.h", "search.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h"),
    *("stdio.h", "stdlib.h", "string.h", "strings.h"),
}
# Each service has one.
MANY = {"main", "retention"}


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", *(f"{place}/*.[ch]" for place in PLACES)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listed.stdout.split() if (ROOT / name).exists()]


def module(path: Path) -> str:
    """A library's header and its source are one module, though they lie apart; so is what the files
    of a module share among themselves (x_internal.h)."""
    name = str(path.with_suffix("")).replace("shared/include/ob/", "shared/src/")
    return name.removesuffix("_internal")


def found(include: str, by: Path, headers: set[Path]) -> Path | None:
    service = Path(*by.parts[:2])
    for folder in (
        by.parent,
        service,
        service / "engine",
        Path("shared/include"),
        Path("shared/src"),
    ):
        path = folder / include
        if path in headers:
            return path
    return None


def graph(paths: list[Path]) -> dict[str, set[str]]:
    headers = {path for path in paths if path.suffix == ".h"}
    leans: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        for include in INCLUDE.findall((ROOT / path).read_text()):
            header = found(include, path, headers)
            if header and module(header) != module(path):
                leans[module(path)].add(module(header))
    return leans


def circles(leans: dict[str, set[str]]) -> list[list[str]]:
    """Tarjan's strongly connected components of more than one module."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    result = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(leans.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            members = stack[at:]
            del stack[at:]
            if len(members) > 1:
                result.append(sorted(members))

    for node in sorted(leans):
        if node not in index:
            visit(node)
    return result


def same_names(paths: list[Path]) -> dict[str, set[str]]:
    of: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        of[path.stem].add(module(path))
    return {name: modules for name, modules in of.items() if len(modules) > 1 and name not in MANY}


def impure(paths: list[Path]) -> list[str]:
    own = {path.name for path in paths if path.parent == PURE}
    return [
        f"{path} includes {include}: the engine has no I/O, no clock, no threads"
        for path in paths
        if path.parent == PURE
        for include in ANY_INCLUDE.findall((ROOT / path).read_text())
        if include not in PURE_MAY | own
    ]


def main() -> int:
    paths = files()
    wrong = [f"a circle of files: {', '.join(circle)}" for circle in circles(graph(paths))]
    wrong += [
        f"one name for two things: {', '.join(sorted(m))}" for m in same_names(paths).values()
    ]
    wrong += impure(paths)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
