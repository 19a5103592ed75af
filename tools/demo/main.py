"""The demo: three real-life examples of batch work on real data, submitted with boto3.

Run by `./openbatch demo` after `up`, in the environment that `./openbatch env` prints. It ends with
0 only if every result was checked; jobs of its own that are still there when it fails or is
interrupted are ended.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

import images
import inputs
import queues
import summary
import thumbnails
import video
from batch import Batch
from problems import DemoError
from stage import Part, Stage
from watch import Growth, Screen

# Measured, beside what `up` started: 8 containers at a time, or one that transcodes.
NEEDS_CPUS, NEEDS_MEMORY_MIB, NEEDS_DISK_MIB = 2, 512, 400
NEEDED_VARIABLES = (
    "OPENBATCH_HOME",
    "OPENBATCH_DEMO_DIR",
    "AWS_ENDPOINT_URL_BATCH",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
)
EXAMPLES = ("video", "thumbnails", "queues")
END_DEADLINE_S = 45  # A stopped container gets 30 s to end by itself.


def available_memory_mib() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


def check_host(screen: Screen, folder: Path) -> None:
    """Says what the demo needs and what is there; refuses only where it is sure to fail."""
    cpus = len(os.sched_getaffinity(0))
    memory_mib = available_memory_mib()
    disk_mib = shutil.disk_usage(folder).free // (1 << 20)
    screen.say(
        f"needs: {NEEDS_CPUS} CPUs, {NEEDS_MEMORY_MIB:,} MiB of memory, {NEEDS_DISK_MIB:,} MiB of "
        "disk in addition to what is running, less than 5 minutes",
        f"free:  {cpus} CPUs, {memory_mib:,} MiB of memory, {disk_mib:,} MiB of disk",
    )
    if disk_mib < NEEDS_DISK_MIB and not (folder / "summary.txt").exists():
        raise DemoError(f"there is not enough free disk space at {folder}")
    if memory_mib < NEEDS_MEMORY_MIB:
        screen.say("This is little memory: containers may be killed when it runs out.")
    if cpus < NEEDS_CPUS:
        screen.say("With fewer CPUs the demo takes longer.")


def run(screen: Screen, home: Path, folder: Path, chosen: list[str]) -> None:
    began_s = time.monotonic()
    check_host(screen, folder)

    screen.heading("Images and data")
    images.make_all(folder / "build", screen.say)
    inputs.fetch_film(folder / "video", folder / "fetched", screen.say)
    names = inputs.fetch_pictures(folder / "images", folder / "fetched", screen.say)

    batch = Batch()
    growth = Growth(batch.client, list(queues.environments()))
    stage = Stage(batch, screen, growth, folder)
    parts: list[Part] = []
    try:
        screen.heading("Environments and queues")
        queues.ensure(stage)
        if "video" in chosen:
            screen.heading("Example 1: transcoding a film")
            parts.append(video.run(stage, queues.HIGH))
        if "thumbnails" in chosen:
            screen.heading("Example 2: 1,000 thumbnails with one array job")
            parts.append(thumbnails.run(stage, queues.LOW, names))
        if "queues" in chosen:
            screen.heading("Example 3: urgent work overtakes routine work")
            parts += queues.run(stage)
        shrink_s = summary.wait_until_empty(stage)
    except BaseException:
        end_jobs(stage)
        raise
    summary.tell(stage, home, parts, time.monotonic() - began_s, shrink_s)


def end_jobs(stage: Stage) -> None:
    """Ends what this run submitted; a second interrupt stops waiting for that."""
    try:
        alive = stage.batch.alive()
        if not alive:
            return
        stage.screen.say(f"stopping {len(alive)} jobs of the demo ...")
        alive = stage.batch.terminate(alive, "the demo was stopped", END_DEADLINE_S)
        stage.screen.say(f"still running: {' '.join(alive)}" if alive else "they have ended")
    except (BotoCoreError, ClientError, DemoError) as error:
        stage.screen.say(f"jobs of the demo could not be stopped: {error}")


def interrupt(_number, _frame) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=EXAMPLES, help="run just this example")
    args = parser.parse_args()
    screen = Screen()
    missing = [name for name in NEEDED_VARIABLES if not os.environ.get(name)]
    if missing:
        print(f"demo: {' '.join(missing)} not set; use ./openbatch demo", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, interrupt)
    try:
        home = Path(os.environ["OPENBATCH_HOME"]).resolve()
        folder = Path(os.environ["OPENBATCH_DEMO_DIR"])
        run(screen, home, folder, args.only or list(EXAMPLES))
    except KeyboardInterrupt:
        screen.say("interrupted")
        return 130
    except DemoError as error:
        screen.say("")
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        screen.say("")
        print(f"demo: the service did not answer as expected: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
