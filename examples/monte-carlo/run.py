"""Pi by throwing darts: every child of an array throws with a seed of its own and writes its hits
to a folder of the host; one job adds them up when all have ended.

    throw (array)  ->  reduce
"""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import main  # noqa: E402

# The smallest of random number generators, for all awks have the same arithmetic but not the same
# rand(). The first numbers of neighbouring seeds are alike: they are thrown away.
THROW = """
awk -v seed="$AWS_BATCH_JOB_ARRAY_INDEX" -v darts="$1" '
    function random() { state = (state * 16807) % 2147483647; return state / 2147483647 }
    BEGIN {
        state = seed * 7919 + 1
        for (n = 0; n < 20; n++) random()
        for (n = 0; n < darts; n++) { x = random(); y = random(); hits += x * x + y * y < 1 }
        print hits, darts
    }' > "/results/$AWS_BATCH_JOB_ARRAY_INDEX"
"""
REDUCE = """
cat /results/* | awk '
    { hits += $1; darts += $2 }
    END { printf "%.5f %d\\n", 4 * hits / darts, darts }'
"""


def run(example, arguments):
    folder = Path(tempfile.mkdtemp(prefix="monte-carlo-"))
    folder.chmod(0o777)
    results = {"/results": folder}
    throw = example.define("throw", THROW, results, {"darts": "10000"}, ["Ref::darts"])
    reduce = example.define("reduce", REDUCE, results)
    darts = {"parameters": {"darts": str(arguments.darts)}}
    jobs = {"throw": example.submit("throw", throw, size=arguments.children, **darts)}
    jobs["reduce"] = example.submit("reduce", reduce, [jobs["throw"]])
    ended = example.wait(jobs)
    shutil.rmtree(folder, ignore_errors=True)
    if ended["reduce"]["status"] != "SUCCEEDED":
        return "not all jobs ended well"
    pi, thrown = example.output(ended["reduce"])[0].split()
    print(f"{thrown} darts: pi is about {pi}")
    if int(thrown) != arguments.darts * arguments.children:
        return "darts were lost"
    return None if abs(float(pi) - 3.14159) < 0.1 else "that is not pi"


def add_arguments(parser):
    parser.add_argument("--children", type=int, default=8, help="size of the array (default: 8)")
    parser.add_argument("--darts", type=int, default=50000, help="thrown by each (default: 50000)")


if __name__ == "__main__":
    main(__doc__, run, add_arguments)
