"""One report of a run: JSON with every slice, Markdown for people, SVG plots. Decides which goals
are met."""

import json
from pathlib import Path

import plots
from stats import median, median_ratio, merge, spread, text_of

README_BEGIN, README_END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
BY_SECOND = ("idle", "console")  # whose CPU is that of a second, not of a job
# (benchmark, figure, baseline, what the row says); of rows for the same benchmark the first with a
# value counts.
MAIN = (
    ("submit", "perSecond", "pgbench", "jobs accepted a second; raw inserts of PostgreSQL"),
    ("life", "perSecond", "slurm", "separate jobs a second, without containers; Slurm"),
    ("array", "perSecond", "slurm", "children of arrays a second, without containers; Slurm"),
    ("containers", "oci.perSecond", "crun", "containers a second; crun alone"),
    ("containers", "docker.perSecond", "engine", "containers a second; Docker's API alone"),
    ("history", "perSecond", "empty", "jobs a second with 3,000,000 finished ones; an empty copy"),
)


# --- judging ---


def _values(slices, key):
    return [one["ours"][key] for one in slices if key in one["ours"]]


def _pairs(slices, key, of):
    """([ours], [baseline]) of the slices that have both."""
    baseline, _, its_key = of.partition(".")
    both = [
        (one["ours"][key], one["beside"][baseline][its_key])
        for one in slices
        if key in one["ours"] and its_key in one["beside"].get(baseline, {})
    ]
    return [a for a, _ in both], [b for _, b in both]


def judge_figure(benchmark, figure, slices, compared=False):
    """One row of the report. compared: the baseline is another version, and goals do not count."""
    of = f"other.{figure.key}" if compared else figure.of
    values = _values(slices, figure.key)
    row = {"benchmark": benchmark, "figure": figure.key, "label": figure.label}
    row |= {"unit": figure.unit, "of": of, "goal": "" if compared else figure.goal()}
    row |= {"value": None, "low": None, "high": None, "baseline": None, "ratio": None, "met": None}
    if values:
        row["value"] = median(values)
        row["low"], row["high"] = spread(values)
    if of:
        ours, others = _pairs(slices, figure.key, of)
        if others:
            row["baseline"] = median(others)
            row["ratio"] = median_ratio(ours, others)
    if not compared:
        row["met"] = figure.is_met(row["ratio"] if of else row["value"])
    return row


def judge(results, figures):
    """Rows of all benchmarks. figures: {benchmark: its figures}."""
    compared = bool(results.get("compare"))
    rows = []
    for one in results["benchmarks"]:
        seen = set()
        for figure in figures[one["name"]]:
            if compared and figure.key in seen:
                continue
            seen.add(figure.key)
            rows.append(judge_figure(one["name"], figure, one["slices"], compared))
    return rows


def slice_text(benchmark, one):
    """A line for the terminal."""

    def some(found, keys):
        return ", ".join(f"{key} {text_of(found[key])}" for key in keys if key in found)

    keys = list(dict.fromkeys(figure.key for figure in benchmark.figures))
    theirs = [figure.of.split(".", 1)[1] for figure in benchmark.figures if figure.of]
    beside = [
        f"{name}: {some(found, dict.fromkeys([*keys, *theirs]))}"
        for name, found in one["beside"].items()
    ]
    return "; ".join([some(one["ours"], keys), *beside])


# --- Markdown ---


def _met(row):
    return {True: "yes", False: "**no**", None: ""}[row["met"]]


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _figure_cells(row):
    value = text_of(row["value"])
    if row["low"] is not None and row["low"] != row["high"]:
        value += f" ({text_of(row['low'])} to {text_of(row['high'])})"
    baseline = ratio = ""
    if row["of"]:
        name = row["of"].split(".")[0]
        baseline = f"{name}: {text_of(row['baseline'])}"
        ratio = f"{text_of(row['ratio'])} ×" if row["ratio"] is not None else "not measured"
    return [row["label"], f"{value} {row['unit']}", baseline, ratio, row["goal"], _met(row)]


HEAD = ["figure", "median (lowest to highest)", "baseline", "ratio", "goal", "met"]


def cpu_tables(one):
    """{name: {process: µs}} of a benchmark's slices, medians."""
    names = sorted({key for found in one["slices"] for key in found["ours"] if key[:3] == "cpu"})
    tables = {}
    for key in names:
        found = [s["ours"][key] for s in one["slices"] if isinstance(s["ours"].get(key), dict)]
        if found:
            tables[key] = merge(found)
    return tables


def _section(results, one):
    name = one["name"]
    rows = [row for row in results["figures"] if row["benchmark"] == name]
    lines = [f"## {name}", "", *sentences(one["what"]), ""]
    if "failure" in one:
        return [*lines, f"It failed: `{one['failure']}`", ""]
    lines += [*_table(HEAD, [_figure_cells(row) for row in rows]), ""]
    for plot in plots_of(results, one):
        lines += [f"![{plot[1]}](benchmarks/{plot[0]})", ""]
    for key, table in cpu_tables(one).items():
        each = "second" if name in BY_SECOND else "job"
        lines += [f"CPU by process{_of_runtime(key)}, µs a {each}:", ""]
        ordered = sorted(table.items(), key=lambda item: -item[1])
        cells = [[process, text_of(us)] for process, us in ordered if us > 0]
        lines += [*_table(["process", "µs"], [*cells, ["all", text_of(sum(table.values()))]]), ""]
    lines += one["notes"]
    pairs = len(one["slices"])
    many = f"{pairs} slices, alternating" if pairs > 1 else "one slice"
    return [*lines, f"It took {one['seconds']:.0f} s: {many}.", ""]


def sentences(text):
    """One a line, as in all documents."""
    return text.replace(". ", ".\n").split("\n")


def _of_runtime(key):
    return f" ({key.partition('.')[2]})" if "." in key else ""


def _machine_lines(results):
    m = results["machine"]
    versions = ", ".join(text for text in m["versions"].values() if text)
    lines = [
        f"- machine: {m['processor']}, {m['cores']} cores, {m['memoryGib']} GiB; {m['system']},"
        f" Linux {m['kernel']}",
        f"- version: {m['commit']}, {m['build']}, {m['at']}",
        f"- beside it: {versions}",
        "- settings: those that `./openbatch up` makes; durability settings of PostgreSQL and Kafka"
        " are the usual ones",
        f"- other programs used {m['busyPercent']} % of the machine before the start",
        f"- all of it took {results['seconds'] / 60:.0f} minutes",
    ]
    if m["busyPercent"] > 10:
        lines.append("- **the machine was not quiet: the figures are worth little**")
    if results["scale"] != 1:
        lines.append(
            f"- **this was a try with {results['scale']:g} of the work: the figures mean nothing**"
        )
    if results.get("compare"):
        lines.append(f"- the baseline `other` is the build of {results['compare']}")
    return lines


def markdown(results):
    met = [row["met"] for row in results["figures"] if row["met"] is not None]
    lines = [
        "# Benchmarks",
        "",
        "`./openbatch bench --with-slurm` measures this, and writes this page with `--docs`.",
        "Each figure stands beside a baseline that was measured in the same run, in turn with it.",
        "A rate is the median of its slices, a ratio the median of the ratios of neighbours.",
        "CPU is that of all processes of the copy, servers included, from `/proc`.",
        "",
        *_machine_lines(results),
        "",
        f"{sum(met)} of {len(met)} goals are met.",
        "",
    ]
    for one in results["benchmarks"]:
        lines += _section(results, one)
    while lines[-1] == "":
        lines.pop()
    return "\n".join(lines) + "\n"


# --- plots ---


def plots_of(results, one):
    """[(file, title, svg)] of a benchmark."""
    name, made = one["name"], []
    if not one["slices"]:
        return made
    bars, seen = [], set()
    for row in (row for row in results["figures"] if row["benchmark"] == name):
        if row["value"] is not None and row["figure"] not in seen:
            seen.add(row["figure"])
            bars.append((row["label"], row["value"], row["unit"], False))
        if row["baseline"] is not None:
            bars.append((row["of"].split(".")[0], row["baseline"], row["unit"], True))
    if bars:
        title = f"{name}: OpenBatch (blue) and baselines (grey)"
        made.append((f"{name}.svg", title, plots.bars(title, bars)))
    tables = cpu_tables(one)
    if tables:
        rows = [(key.partition(".")[2] or name, table) for key, table in tables.items()]
        unit = "µs a second" if name in BY_SECOND else "µs a job"
        title = f"{name}: CPU by process"
        made.append((f"{name}-cpu.svg", title, plots.stacks(title, unit, rows)))
    return made


# --- writing ---


def write(results, folder):
    """The page, benchmarks.json beside it, and the plots in a folder below."""
    folder = Path(folder)
    drawn = folder / "benchmarks"
    drawn.mkdir(parents=True, exist_ok=True)
    for old in drawn.glob("*.svg"):
        old.unlink()
    for one in results["benchmarks"]:
        for file, _, svg in plots_of(results, one):
            (drawn / file).write_text(svg)
    (folder / "benchmarks.md").write_text(markdown(results))
    (folder / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n")


def main_rows(results):
    """The five figures of the README, with their baselines."""
    found, done = [], set()
    for benchmark, key, baseline, text in MAIN:
        if benchmark in done:
            continue
        for row in results["figures"]:
            is_it = row["benchmark"] == benchmark and row["figure"] == key
            if is_it and (row["of"] or "").startswith(f"{baseline}.") and row["ratio"] is not None:
                what, _, beside = text.partition("; ")
                found.append(
                    [what, text_of(row["value"])]
                    + [f"{beside}: {text_of(row['baseline'])}", f"`./openbatch bench {benchmark}`"]
                )
                done.add(benchmark)
                break
    return found


def readme_section(results):
    m = results["machine"]
    return [
        README_BEGIN,
        "## How fast it is",
        "",
        f"On {m['cores']} cores ({m['processor']}), each beside what was measured in turn with it:",
        "",
        *_table(["what", "OpenBatch", "beside it", "measure it again"], main_rows(results)),
        "",
        "Slurm's figures need `--with-slurm`.",
        "[docs/benchmarks.md](docs/benchmarks.md) has all figures, their goals and how they are"
        " measured.",
        README_END,
    ]


def put_section(readme, section):
    """The text of the README with this section in place of the old one, or before the last ones."""
    text = "\n".join(section)
    if README_BEGIN in readme:
        before, _, rest = readme.partition(README_BEGIN)
        return before + text + rest.partition(README_END)[2]
    before, mark, rest = readme.partition("## Further reading")
    return f"{before}{text}\n\n{mark}{rest}"


def write_documents(results, root):
    """docs/benchmarks.md with its plots, and the section of the README."""
    docs = Path(root, "docs")
    write(results, docs)
    (docs / "benchmarks.json").replace(docs / "benchmarks" / "benchmarks.json")
    readme = Path(root, "README.md")
    readme.write_text(put_section(readme.read_text(), readme_section(results)))
