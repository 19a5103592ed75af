"""The documents agree with the code."""

import re
import subprocess
import sys

from stack import ROOT


def test_every_variable_is_documented(stack):
    """docs/configuration.md is what the tables in code say."""
    program = [sys.executable, ROOT / "tools/configuration.py", stack.build, "--check"]
    assert subprocess.run(program, capture_output=True, text=True).stderr == ""


def test_every_member_is_in_the_compatibility_document(stack):
    """docs/compatibility.md is what the table of operations says."""
    program = [sys.executable, ROOT / "tools/compatibility.py", stack.build, "--check"]
    assert subprocess.run(program, capture_output=True, text=True).stderr == ""


def test_a_line_that_cuts_or_packs_raw_text_is_found(tmp_path, monkeypatch):
    """tools/text_rules.py, a part of the suite `format`, can fail: each of its rules is broken."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import text_rules

    good = """
        ob_fail(err, EIO, "%s of %d", ob_cut(name, 100), 7);
        json_pack("{s:o, s:i, s:[o]}", "a", ob_json_text(a), "b", 1, "c", ob_json_text(c));
        snprintf(path, sizeof(path), "/proc/%.16s", pid); /* ASCII */
        ob_info("run.changed", "{s:s}", "run", run);
    """
    bad = [
        'ob_fail(err, EIO, "%.100s is wrong", name);',
        'name = ob_strf("%.*s", (int)len, at);',
        'json_object_set_new(o, "a", json_string(a));',
        'json_pack("{s:i, s:s}", "a", 1, "b", b);',
        'json_pack("{s:i,"\n "s:[o, s?]}", "a", 1, "b", o, b);',
        'json_pack("[s]", label);',
        "strncpy(to, from, 10);",
    ]
    source = tmp_path / "file.c"
    source.write_text(good)
    assert list(text_rules.findings(source)) == []
    for line in bad:
        source.write_text(f"{good}\n{line}\n")
        assert [number for number, _ in text_rules.findings(source)] == [7], line
    assert text_rules.main() == 0


def test_a_log_event_without_a_meaning_is_found(monkeypatch):
    """tools/log_events.py, a part of the suite `format`, can fail: each of its rules is broken."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import log_events

    fields = log_events.fields(['"{s:s, s:I, s:s*}"', '"a"', "x", '"b"', "f(y, 1)", '"c"', "z"])
    assert fields == {"a": True, "b": True, "c": False}
    wrong = []
    log_events.section("services/scheduler", "", wrong)
    assert wrong == []
    means = log_events.meanings("services/scheduler")
    gone = sorted(means)[0]
    changed = {name: text for name, text in means.items() if name != gone} | {"zoo.opened": "?"}
    monkeypatch.setattr(log_events, "meanings", lambda folder: changed)
    log_events.section("services/scheduler", "", wrong)
    assert wrong == [
        f"services/scheduler: {gone} is logged, but not in log_events.txt",
        "services/scheduler/log_events.txt: zoo.opened is never logged",
    ]


def test_a_metric_that_breaks_a_rule_is_found(monkeypatch, tmp_path):
    """tools/metrics.py, a part of the suite `format`, can fail: each of its rules is broken."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import metrics

    row = ['"openbatch_" "a_total"', "OB_COUNTER", '"All."', '{ "queue", "state" }', "3"]
    good = metrics.metric(row)
    assert (good.name, good.labels, good.faults()) == ("openbatch_a_total", ["queue", "state"], [])
    timed = metrics.metric(
        ['"openbatch_a_seconds"', "OB_HISTOGRAM", '"All."', ".bounds = ob_bounds_us"]
    )
    assert (timed.bounds, timed.faults()) == ("ob_bounds_us", [])
    for at, text in [
        (0, '"openbatch_a"'),
        (0, '"a_total"'),
        (1, "OB_GAUGE"),
        (2, '"No sentence"'),
        (3, '{ "job" }'),
    ]:
        assert metrics.metric(row[:at] + [text] + row[at + 1 :]).faults(), text
    assert metrics.described_differently() == metrics.monitoring() == []
    folder = tmp_path / "docs/monitoring"
    folder.mkdir(parents=True)
    (folder / "rules.yml").write_text("expr: openbatch_jobs_total > 1")
    found = {name: metrics.metrics(name) for name in metrics.FOLDERS}
    monkeypatch.setattr(metrics, "metrics", found.get)
    monkeypatch.setattr(metrics, "ROOT", tmp_path)
    assert metrics.monitoring() == [
        "docs/monitoring/rules.yml: there is no metric openbatch_jobs_total"
    ]


def test_a_subject_of_a_commit_that_is_no_command_is_found(monkeypatch):
    """tools/commit_rules.py, a part of the suite `format`, can fail: each rule is broken."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import commit_rules

    good = [
        "api: split server.c into the server and its dispatch",
        "tests, tools: need no server for the suite pure",
        "services/api: add a table",
    ]
    bad = [
        "split server.c",
        "api: Split server.c",
        "api: the server is split",
        "api: splits the server",
        "api: splitting the server",
        "api: added a table",
        "api: add a table.",
        "api: add " + "a" * commit_rules.SUBJECT_MAX,
    ]
    assert [commit_rules.fault(subject) for subject in good] == [None] * len(good)
    for subject in bad:
        assert commit_rules.fault(subject), subject


def test_every_rule_of_aws_batch_has_a_test():
    """Each row of a table with a column `tests` in docs/aws-batch.md names some that are there."""
    sources = {
        path.name: path.read_text()
        for folder in ("e2e", "unit")
        for path in (ROOT / "tests" / folder).rglob("test_*.*")
        if path.suffix in (".c", ".py")
    }
    rules, sections, inside, section = 0, set(), False, ""
    for line in (ROOT / "docs/aws-batch.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("#"):
            section = line.lstrip("# ").split()[0]
        if not line.startswith("|"):
            inside = False
        elif cells[-1] == "tests":
            inside = True
            sections.add(section)
        elif inside and not line.startswith("| ---"):
            rules += 1
            named = re.findall(r"`(test_\w+\.(?:py|c))::(\w+)`", cells[-1])
            assert named and len(named) == cells[-1].count("`") / 2, line
            for file, test in named:
                # A static function that is not used would not compile.
                form = "static void %s\\(void" if file.endswith(".c") else "def %s\\("
                assert re.search("^" + form % test, sources[file], re.M), (
                    f"{file} has no test {test}"
                )
    assert sections == {"1.4", "4.1", "5.1", "5.2", "5.3", "6.1", "6.2", "10."}
    assert rules > 80
