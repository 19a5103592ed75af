"""The command line of ./openbatch bench. Needs nothing installed, so --help works everywhere."""

import argparse
import sys

# In the order in which they run.
NAMES = (
    *("idle", "latency", "life", "array", "submit"),
    *("containers", "logs", "deep", "start", "history", "console"),
)
# Programs that print figures of one part, without a server and without a place in the report.
PARTS = {
    "engine": ("bench_engine", "the engine alone: rounds with few and many waiting jobs"),
    "decide": ("bench_decide", "the scaler's choice of instances against the lower bound"),
    "simulation": ("sim", "simulated days around the engine: shares, instances that come and go"),
}


def arguments(words):
    parser = argparse.ArgumentParser(
        prog="openbatch bench",
        description="Runs the benchmarks, each beside its baseline, and writes a report.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(NAMES)}, or a part: {', '.join(PARTS)}; without one: all but parts",
    )
    parser.add_argument(
        "--with-slurm", action="store_true", help="also measure Slurm, of Debian's packages"
    )
    parser.add_argument(
        "--compare", metavar="REV", help="alternate with the build of another version"
    )
    parser.add_argument(
        "--short", action="store_true", help="a fiftieth of the work: to try the benchmarks"
    )
    parser.add_argument(
        "--report", metavar="FOLDER", help="where the report goes (default: $OPENBATCH_HOME/bench)"
    )
    parser.add_argument(
        "--docs",
        action="store_true",
        help="also write it to docs/benchmarks.md, and its main figures to README.md",
    )
    options = parser.parse_args(words)
    wrong = set(options.names) - set(NAMES) - set(PARTS)
    if wrong:
        parser.error(f"there is no benchmark {', '.join(sorted(wrong))}")
    if options.docs and (options.names or options.compare or options.short):
        parser.error("--docs needs all benchmarks, in full")
    return options


if __name__ == "__main__":
    arguments(sys.argv[1:])
