"""A pipeline as in genomics: reads are split into chunks, each chunk is trimmed and then counted by
a child of its own, and the counts are merged. All steps work in one folder of the host.

    split  ->  trim (array)  ->  count (array, N_TO_N)  ->  merge
"""

import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import main  # noqa: E402

ADAPTER = "AGATCGGAAG"

# Chunk n has the reads n, n + chunks, n + 2 * chunks, ...
SPLIT = """
awk -v chunks="$1" '{ print > ("/data/chunk." (NR - 1) % chunks) }' /data/reads
echo "split $(wc -l < /data/reads) reads into $1 chunks"
"""
TRIM = """
i=$AWS_BATCH_JOB_ARRAY_INDEX
sed "s/$1.*//" "/data/chunk.$i" > "/data/trimmed.$i"
"""
COUNT = """
i=$AWS_BATCH_JOB_ARRAY_INDEX
awk '{ print substr($0, 1, 3) }' "/data/trimmed.$i" | sort | uniq -c > "/data/counts.$i"
"""
MERGE = """
cat /data/counts.* | awk '{ n[$2] += $1 } END { for (k in n) print k, n[k] }' | sort > /data/result
head -n 3 /data/result
"""


def make_reads(path, number):
    """Reads with an adapter somewhere behind their first bases. The right answer: how often each
    read begins with which three bases."""
    dice = random.Random(7)
    expected = Counter()
    with path.open("w") as file:
        for _ in range(number):
            read = "".join(dice.choices("ACGT", k=40))
            cut = dice.randint(10, 40)
            read = read[:cut] + ADAPTER + read[cut:]
            expected[read.split(ADAPTER)[0][:3]] += 1
            file.write(read + "\n")
    return expected


def run(example, arguments):
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="genomics-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    expected = make_reads(folder / "reads", arguments.reads)
    chunks, data = arguments.chunks, {"/data": folder}
    split = example.define("split", SPLIT, data, {"chunks": str(chunks)}, ["Ref::chunks"])
    trim = example.define("trim", TRIM, data, {"adapter": ADAPTER}, ["Ref::adapter"])
    count, merge = (example.define(*step, data) for step in (("count", COUNT), ("merge", MERGE)))
    jobs = {"split": example.submit("split", split)}
    jobs["trim"] = example.submit("trim", trim, [jobs["split"]], chunks)
    each = {"jobId": jobs["trim"], "type": "N_TO_N"}
    jobs["count"] = example.submit("count", count, [each], chunks)
    jobs["merge"] = example.submit("merge", merge, [jobs["count"]])
    ended = example.wait(jobs)
    if ended["merge"]["status"] != "SUCCEEDED":
        return "the pipeline did not end well"
    print("merge wrote:", *example.output(ended["merge"]), sep="\n  ")
    lines = (folder / "result").read_text().split("\n")[:-1]
    result = {bases: int(number) for bases, number in (line.split() for line in lines)}
    if not arguments.folder:
        shutil.rmtree(folder, ignore_errors=True)
    if result != expected:
        return "the merged counts are not those of the reads"
    print(f"right: {len(result)} beginnings of {sum(result.values())} reads")
    return None


def add_arguments(parser):
    parser.add_argument("--chunks", type=int, default=6, help="children of each array (default: 6)")
    parser.add_argument("--reads", type=int, default=6000, help="reads to make (default: 6000)")
    parser.add_argument(
        "--folder", help="folder on the host of the jobs, kept (default: a new one)"
    )


if __name__ == "__main__":
    main(__doc__, run, add_arguments)
