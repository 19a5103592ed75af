"""Writes docs/runtime-tests.md: which tests are left out with which runtime of executors, and why,
from the marks docker(why) and oci(why) in the tests.

usage: runtime_tests.py [--check]: with --check nothing is written; exits 1 when the document
differs, or when a mark does not say why.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/runtime-tests.md"
HEAD = (ROOT / "tools/runtime_tests.head.md").read_text()
FOLDERS = ("tests/e2e", "tests/faults")
# The mark of what needs one runtime: where it is left out.
SECTIONS = {"docker": "Left out without an engine", "oci": "Left out with Docker"}


def why(node: ast.AST, runtime: str) -> str | None:
    """What a mark of this runtime in an expression says; empty: nothing."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == runtime
            and ast.unparse(call.func) == f"pytest.mark.{runtime}"
        ):
            return "".join(one.value for one in call.args if isinstance(one, ast.Constant))
    return None


def left_out(tree: ast.Module, runtime: str) -> Iterator[tuple[str, str]]:
    """(what, why) of a file. A mark outside of a test and of pytestmark is that of some cases."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            name, places = "all", [node.value]
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            name, places = f"`{node.name}`", node.decorator_list
        else:
            name, places = "some cases", [node]
        for reason in [why(place, runtime) for place in places]:
            if reason is not None:
                yield name, reason


def main() -> None:
    wrong, text = [], HEAD
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("test_*.py"))
    for runtime, title in SECTIONS.items():
        text += f"\n## {title}\n\n| file | tests | why |\n| --- | --- | --- |\n"
        for path in files:
            place = path.relative_to(ROOT)
            for name, reason in left_out(ast.parse(path.read_text()), runtime):
                text += f"| `{place}` | {name} | {reason} |\n"
                if not reason:
                    wrong.append(f"{place}: {name}: the mark {runtime} does not say why")
    if wrong:
        sys.exit("\n".join(wrong))
    if "--check" not in sys.argv:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        sys.exit("docs/runtime-tests.md is not what the tests say: run tools/runtime_tests.py")


if __name__ == "__main__":
    main()
