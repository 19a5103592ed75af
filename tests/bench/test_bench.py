"""The benchmarks' own arithmetic, what they read from /proc, and the report."""

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import arguments  # noqa: E402
import baselines  # noqa: E402
import copies  # noqa: E402
import cpu  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
import slurm  # noqa: E402
import stats  # noqa: E402
from benchmark import Figure  # noqa: E402
from marks import ALL  # noqa: E402
from marks.console import told_wrong  # noqa: E402

TICK = cpu.TICK_US


# --- arithmetic ---


def test_a_quantile_is_a_value_that_was_measured():
    values = list(range(1, 101))
    assert stats.quantile(values, 0.5) == 50
    assert stats.quantile(values, 0.99) == 99
    assert stats.quantile(values, 1) == 100
    assert stats.quantile([7], 0.99) == 7
    with pytest.raises(ValueError):
        stats.quantile([], 0.5)


def test_the_ratio_is_the_median_of_neighbours_not_of_medians():
    """A machine that gets slower: each pair has the ratio 2, the medians would have 4."""
    assert stats.median_ratio([800, 400, 20], [400, 200, 10]) == 2
    assert stats.median_ratio([1], [0]) is None
    with pytest.raises(ValueError):
        stats.ratios([1, 2], [1])


def test_what_is_missing_in_a_slice_counts_as_nothing():
    assert stats.merge([{"a": 2}, {"a": 4, "b": 6}, {"a": 3}]) == {"a": 3, "b": 0}


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (1234567, "1,230,000"), (12.345, "12.3"), (0.0123456, "0.0123"), (99.96, "100")]
    + [(None, "-"), (10, "10"), (2.5, "2.5"), (1000, "1,000"), (-3.14159, "-3.14")],
)
def test_numbers_have_three_digits(number, text):
    assert stats.text_of(number) == text


# --- processor time ---


def stat(pid, name, parent, ticks, began=5):
    user, system, of_user, of_system = ticks
    return (
        f"{pid} ({name}) S {parent} 1 1 0 -1 0 1 2 3 4 {user} {system} {of_user} {of_system} 20 0 1"
        f" 0 {began} 100 200"
    )


def processes(*texts):
    return {p.key[0]: p for p in map(cpu.parse_stat, texts)}


def test_a_process_may_have_blanks_and_brackets_in_its_name():
    found = cpu.parse_stat(stat(12, "a (b) c", 3, (1, 2, 3, 4)))
    assert (found.key, found.name, found.parent) == ((12, 5), "a (b) c", 3)
    assert (found.own, found.children) == (3 * TICK, 7 * TICK)


def test_own_process_is_among_all():
    import os

    found = cpu.all_processes()[os.getpid()]
    assert found.parent == os.getppid() and found.own >= 0


def test_names_that_the_kernel_cuts_are_known():
    names = ("scheduler", "scaler", "executor", "api")
    assert [cpu.group_of(f"openbatch-{name}"[:15]) for name in names] == list(names)
    assert cpu.group_of("containerd-shim"[:15]) == "containerd-shim"
    assert cpu.group_of("crun") == "crun"


def test_backends_belong_to_the_server_that_started_them():
    all_of_them = processes(
        stat(10, "postgres", 1, (0, 0, 0, 0)),
        stat(11, "postgres", 10, (0, 0, 0, 0)),
        stat(12, "other", 1, (0, 0, 0, 0)),
        stat(13, "sh", 11, (0, 0, 0, 0)),
    )
    assert set(cpu.below(all_of_them, {10})) == {10, 11, 13}


def used(*snapshots):
    accounts = cpu.Accounts(processes(*snapshots[0]))
    for snapshot in snapshots[1:]:
        accounts.take(processes(*snapshot))
    return {name: round(us / TICK) for name, us in accounts.used().items()}


def test_time_is_that_between_the_snapshots():
    assert used(
        [stat(10, "openbatch-api", 1, (5, 5, 0, 0))], [stat(10, "openbatch-api", 1, (8, 6, 0, 0))]
    ) == {"api": 4}


def test_a_process_that_began_later_counts_in_full():
    first = [stat(10, "postgres", 1, (1, 0, 0, 0))]
    then = [stat(10, "postgres", 1, (1, 0, 0, 0)), stat(11, "postgres", 10, (2, 1, 0, 0))]
    assert used(first, then) == {"postgresql": 3}


def test_a_child_that_ended_is_counted_once_through_its_parent():
    """It had 4 ticks before, and used 3 more; the kernel gave all 7 to its parent."""
    first = [stat(10, "postgres", 1, (1, 0, 0, 0)), stat(11, "postgres", 10, (4, 0, 0, 0))]
    seen = [stat(10, "postgres", 1, (1, 0, 0, 0)), stat(11, "postgres", 10, (6, 0, 0, 0))]
    then = [stat(10, "postgres", 1, (1, 0, 7, 0))]
    assert used(first, then) == {"postgresql": 3}
    assert used(first, seen, then) == {"postgresql": 3}


def test_what_was_nobodys_child_counts_as_it_was_last_seen():
    first = [stat(10, "containerd", 1, (0, 0, 0, 0))]
    seen = [stat(10, "containerd", 1, (0, 0, 0, 0)), stat(11, "containerd-shim", 1, (3, 0, 2, 0))]
    assert used(first, seen, first) == {
        "containerd-shim": 3,
        "programs that containerd-shim runs": 2,
    }


def test_a_number_that_is_used_again_is_another_process():
    first = [stat(10, "openbatch-api", 1, (9, 0, 0, 0), began=5)]
    then = [stat(10, "openbatch-api", 1, (2, 0, 0, 0), began=6)]
    assert used(first, then) == {"api": 2}


# --- goals and the report ---


def slices_of(ours, baseline):
    return [
        {"ours": {"perSecond": a, "p99ms": 9, "cpu": {"api": 20, "kafka": 30}}, "beside": beside}
        for a, beside in zip(ours, [{"slurm": {"perSecond": b}} for b in baseline], strict=True)
    ]


FIGURES = (
    Figure("perSecond", "jobs", "a second", of="slurm.perSecond", least=80),
    Figure("p99ms", "99 of 100", "ms", most=25),
    Figure("gone", "not there", "ms", most=25),
)


def results(slices, **more):
    machine = {"processor": "P", "cores": 2, "memoryGib": 8, "system": "Debian", "kernel": "6"}
    machine |= {"commit": "abc", "build": "release", "at": "now", "busyPercent": 1, "versions": {}}
    found = {
        "machine": machine,
        "scale": 1,
        "compare": None,
        "seconds": 61,
        "benchmarks": [
            {"name": "life", "what": "One. Two.", "slices": slices, "notes": [], "seconds": 3}
        ],
    } | more
    return found | {"figures": report.judge(found, {"life": FIGURES})}


def test_a_goal_about_a_baseline_is_about_the_ratio():
    row, most, gone = results(slices_of([4000, 5000, 6000], [50, 50, 50]))["figures"]
    assert (row["value"], row["low"], row["high"]) == (5000, 4000, 6000)
    assert (row["baseline"], row["ratio"], row["met"], row["goal"]) == (50, 100, True, ">= 80 ×")
    assert (most["value"], most["met"], most["ratio"], most["goal"]) == (9, True, None, "< 25 ms")
    assert (gone["value"], gone["met"]) == (None, None)


def test_a_goal_that_is_missed_is_no():
    assert results(slices_of([3900], [50]))["figures"][0]["met"] is False
    assert "**no**" in report.markdown(results(slices_of([3900], [50])))


def test_a_limit_may_be_reached():
    limit = Figure("rows", "rows", "rows", upto=200)
    assert limit.goal() == "<= 200 rows"
    assert [limit.is_met(value) for value in (200, 201, None)] == [True, False, None]


def test_a_baseline_that_was_not_measured_decides_nothing():
    found = [{"ours": {"perSecond": 3}, "beside": {}}]
    row = results(found)["figures"][0]
    assert (row["value"], row["ratio"], row["met"]) == (3, None, None)
    assert "not measured" in report.markdown(results(found))


def test_another_version_is_a_baseline_without_goals():
    slices = [{"ours": {"perSecond": 6}, "beside": {"other": {"perSecond": 3}}}]
    row = results(slices, compare="HEAD~1")["figures"][0]
    assert (row["of"], row["ratio"], row["met"], row["goal"]) == ("other.perSecond", 2, None, "")
    assert "HEAD~1" in report.markdown(results(slices, compare="HEAD~1"))


def test_the_report_says_when_its_figures_are_worth_nothing():
    slices = slices_of([1], [1])
    assert "mean nothing" in report.markdown(results(slices, scale=0.02))
    busy = results(slices)
    busy["machine"]["busyPercent"] = 60
    assert "not quiet" in report.markdown(busy)
    assert "**" not in report.markdown(results(slices_of([90], [1]))).replace("**no**", "")


def test_a_benchmark_that_failed_is_in_the_report():
    found = results([])
    found["benchmarks"][0]["failure"] = "RuntimeError: no"
    assert "It failed: `RuntimeError: no`" in report.markdown(found)


def test_a_report_is_markdown_json_and_plots(tmp_path):
    found = results(slices_of([4000, 5000], [50, 60]))
    report.write(found, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    for file in ("life.svg", "life-cpu.svg"):
        root = ElementTree.parse(tmp_path / "benchmarks" / file).getroot()
        assert root.tag.endswith("svg") and f"(benchmarks/{file})" in text
    data = json.loads((tmp_path / "benchmarks.json").read_text())
    assert len(data["benchmarks"][0]["slices"]) == 2
    report.write(results([]), tmp_path)
    assert not list(tmp_path.glob("benchmarks/*.svg"))


def test_the_readme_gets_the_section_once(tmp_path):
    (tmp_path / "docs").mkdir()
    readme = tmp_path / "README.md"
    readme.write_text("# X\n\ntext\n\n## Further reading\n\n- all\n")
    for perhaps in ([4000], [8000]):
        report.write_documents(results(slices_of(perhaps, [50])), tmp_path)
    text = readme.read_text()
    assert text.count("## How fast it is") == text.count("## Further reading") == 1
    assert text.index("How fast") < text.index("Further") and text.endswith("- all\n")
    assert "8,000" in text and "Slurm: 50" in text and "./openbatch bench life" in text
    assert (tmp_path / "docs/benchmarks.md").exists()
    assert (tmp_path / "docs/benchmarks/life.svg").exists()


def test_names_in_plots_are_escaped():
    svg = plots.bars("a < b & c", [('"x" <y>', 3, "ms", False), ("none", 0, "ms", True)])
    assert len(ElementTree.fromstring(svg).findall("{http://www.w3.org/2000/svg}rect")) == 2


def test_tabs_that_missed_something_are_in_the_notes():
    tabs = [{"path": path, "missed": n, "streams": 1 + n} for n, path in enumerate("ab")]
    assert told_wrong(tabs[:1]) == []
    assert told_wrong(tabs) == ["1 tabs have missed changes: b.", "1 tabs had several streams: b."]


# --- what is asked for ---


def test_the_command_line_knows_all_benchmarks():
    assert tuple(benchmark.name for benchmark in ALL) == arguments.NAMES
    assert arguments.arguments(["life", "--short"]).names == ["life"]
    for wrong in (["nonsense"], ["--docs", "--short"], ["life", "--docs"]):
        with pytest.raises(SystemExit):
            arguments.arguments(wrong)


def test_each_figure_is_described_once():
    for benchmark in ALL:
        seen = [(figure.key, figure.of) for figure in benchmark.figures]
        assert len(seen) == len(set(seen)), benchmark.name
        assert benchmark.what.endswith(".") and benchmark.copies


def test_the_main_figures_of_the_readme_exist():
    known = {(b.name, f.key, (f.of or "").split(".")[0]) for b in ALL for f in b.figures}
    assert {row[:3] for row in report.MAIN} <= known


def test_runtimes_are_those_that_the_build_knows():
    row = "OPENBATCH_RUNTIME\tdocker\tdocker, or null: for tests"
    assert copies.runtimes_in(f"A\tb\tc\n{row}\n") == ["docker"]
    assert copies.runtimes_in(row.replace("docker, or", "docker, oci, or")) == ["docker", "oci"]


def test_an_insert_has_the_row_without_variables_of_pgbench():
    script = baselines.insert_script({"id": "x", "name": "a:b'c", "share": None, "queue_id": 7})
    values = script.partition("VALUES")[2]
    assert "share" not in script and ", 7)" in values
    assert ":b" not in values.replace("::", "") and b"a:b".hex() in values


def test_rows_are_copies_but_for_what_is_changed():
    sql = rows.copies_sql("live", ["job_id", "idx", "ord"], "J", 10, {"ord": "m.ord + n"})
    assert sql.startswith("INSERT INTO live (job_id, idx, ord) SELECT m.job_id, m.idx, m.ord + n")
    assert "generate_series(0::bigint, 9)" in sql


def test_slurm_is_in_a_folder_of_its_own():
    text = slurm.config_text("/f", "host", (1, 2), 2)
    paths = [line.rpartition("=")[2] for line in text.splitlines() if "=/" in line]
    assert paths and all(path.startswith("/f/") for path in paths)
    assert "SlurmctldPort=1\n" in text and "socket=/f/munge.socket" in text
