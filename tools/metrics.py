"""Writes docs/metrics.md: the metrics of the services.

usage: metrics.py [--check]: with --check nothing is written; exits 1 when the document differs.

The tables of metrics in C (`ob_metric x[] = { ... }`, shared/include/ob/metrics.h) are the only
place where a metric is described. Their names and labels are held to rules: Prometheus' own, and
those of docs/metrics.md about labels. What docs/monitoring asks for must be there."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from log_events import COMMENT, arguments, literals

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/metrics.md"
HEAD = (ROOT / "tools/metrics.head.md").read_text()
FOLDERS = {
    "shared": "All services",
    "services/api": "`openbatch-api`",
    "services/scheduler": "`openbatch-scheduler`",
    "services/scaler": "`openbatch-scaler`",
}
TABLE = re.compile(r"^(?:static )?ob_metric \w+\[\w*\] = \{", re.MULTILINE)
ROW = re.compile(r"\[\w+\] = \{")
KINDS = {"OB_COUNTER": "counter", "OB_GAUGE": "gauge", "OB_HISTOGRAM": "histogram"}
BOUNDS = {
    "ob_bounds_us": "100 µs to 10 s",
    "ob_bounds_ms": "0.1 s to a day",
    "ob_bounds_count": "1 to 256",
}
LABELS = {
    *("service", "version", "dependency", "role"),
    *("queue", "compute_environment", "share"),
    *("state", "kind", "instance_type", "operation", "code"),
    *("reason", "result", "cause", "consumer", "provider"),
}
NAME = re.compile(r"openbatch(_[a-z]+)+")


@dataclass
class Metric:
    name: str
    kind: str
    help: str
    labels: list[str]
    bounds: str
    shares: bool

    def faults(self) -> list[str]:
        wrong = []
        if not NAME.fullmatch(self.name):
            wrong.append("is not openbatch_...")
        if (self.kind == "counter") != self.name.endswith("_total"):
            wrong.append("a counter's name, and no other, ends in _total")
        if (self.kind == "histogram") != bool(self.bounds):
            wrong.append("a histogram, and nothing else, has bounds")
        if not self.help.endswith("."):
            wrong.append("its help is not a sentence")
        wrong += [f"{label} is not a known label" for label in self.labels if label not in LABELS]
        return [f"{self.name}: {fault}" for fault in wrong]

    def row(self) -> str:
        kind = f"{self.kind}, {BOUNDS[self.bounds]}" if self.bounds else self.kind
        labels = ", ".join(f"`{label}`" for label in self.labels)
        text = self.help + (" On `/metrics/shares`." if self.shares else "")
        return f"| `{self.name}` | {kind} | {labels} | {text} |"


def metric(args: list[str]) -> Metric:
    """Of a row: name, kind, help, labels, decimals, bounds; from the labels on perhaps by name."""
    at = {"bounds": "", "page": ""}
    names = ["name", "kind", "help", "labels", "decimals", "bounds", "page"]
    for i, arg in enumerate(args):
        named = re.fullmatch(r"\.(\w+) = (.*)", arg, re.DOTALL)
        at[named[1] if named else names[i]] = named[2] if named else arg
    return Metric(
        name="".join(literals(at["name"])),
        kind=KINDS[at["kind"]],
        help="".join(literals(at["help"])),
        labels=literals(at.get("labels", "")),
        bounds=at["bounds"],
        shares=at["page"] == "OB_PAGE_SHARES",
    )


def metrics(folder: str) -> list[Metric]:
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", f"{folder}/*.c"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = []
    for path in sorted(listed.stdout.split()):
        source = (ROOT / path).read_text() if (ROOT / path).exists() else ""
        source = COMMENT.sub(lambda m: m[1] or " ", source)
        for table in TABLE.finditer(source):
            for row in arguments(source, table.end()):
                begin = ROW.match(row)
                if begin:
                    args = arguments(row, begin.end())
                    found.append(metric([arg for arg in args if arg]))
    return found


def section(folder: str, title: str, wrong: list[str]) -> str:
    found = metrics(folder)
    for one in found:
        wrong += one.faults()
    lines = [f"\n## {title}\n", "| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join(lines + [one.row() for one in found]) + "\n"


def described_differently() -> list[str]:
    """Metrics of several services must be the same: the api shows them together."""
    first: dict[str, Metric] = {}
    return [
        f"{one.name}: two services describe it differently"
        for folder in FOLDERS
        for one in metrics(folder)
        if first.setdefault(one.name, one) != one
    ]


def monitoring() -> list[str]:
    """Metrics that the rules or the dashboard ask for and that are not there."""
    known = set()
    for folder in FOLDERS:
        for one in metrics(folder):
            known.add(one.name)
            if one.bounds:
                known |= {one.name + suffix for suffix in ("_bucket", "_sum", "_count")}
    return [
        f"{path.relative_to(ROOT)}: there is no metric {name}"
        for path in sorted((ROOT / "docs/monitoring").glob("*.*"))
        for name in sorted(set(re.findall(r"\bopenbatch_[a-z_]+", path.read_text())) - known)
    ]


def main() -> None:
    wrong: list[str] = []
    text = HEAD + "".join(section(folder, title, wrong) for folder, title in FOLDERS.items())
    wrong += described_differently() + monitoring()
    if wrong:
        sys.exit("\n".join(sorted(wrong)))
    if "--check" not in sys.argv:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        sys.exit("docs/metrics.md is not what the code has: run tools/metrics.py")


if __name__ == "__main__":
    main()
