"""The benchmarks, in small: from slices on the tests' own copy to the report."""

import argparse
import json
import sys
from pathlib import Path

import pytest
from stack import ROOT


@pytest.fixture
def small(stack, monkeypatch):
    """A run of a hundredth of the work, with the tests' own copy as the one of the null runtime."""
    monkeypatch.setenv("OPENBATCH_BENCH_SCALE", "0.01")
    monkeypatch.syspath_prepend(str(ROOT / "tests/bench"))
    import bench
    import copies

    options = argparse.Namespace(short=False, with_slurm=False, compare=None)
    run = bench.Bench(options, stack.home, stack.build)
    copy = copies.Copy(ROOT, stack.home, "null")
    run.ours.copies["null"] = copy
    yield run
    copy.work.forget()
    copy.now.close()
    run.close()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_benchmark_is_measured_beside_its_baseline(small, stack, tmp_path):
    """Every figure of the benchmark is in the report, with the baseline of the same run."""
    bench, report = sys.modules["bench"], __import__("report")
    from marks.submit import Submit

    result = bench.run(Submit, small)
    assert "failure" not in result, result
    results = {"machine": bench.machine.describe(ROOT, stack.build), "benchmarks": [result]}
    results |= {"scale": small.scale, "compare": None, "seconds": 1}
    results["figures"] = report.judge(results, {"submit": Submit.figures})
    report.write(results, tmp_path)
    figures = json.loads((tmp_path / "benchmarks.json").read_text())["figures"]
    assert all(row["value"] > 0 for row in figures)
    [inserts] = [row for row in figures if row["of"]]
    assert inserts["baseline"] > 0 and inserts["ratio"] > 0
    assert {"api", "postgresql"} <= set(result["slices"][0]["ours"]["cpu"])
    text = Path(tmp_path, "benchmarks.md").read_text()
    assert "mean nothing" in text and "## submit" in text
