"""Disks of executors that run containers themselves are full: that of the containers' folders, of
the executors' own record, of the images. Nothing starts twice, no exit code and no output is lost,
and with free space all goes on by itself."""

import sys
import time
from pathlib import Path

import pytest
from scenarios import ONE_TRY, all_succeeded
from stack import ROOT, wait_for
from word import lasting, script

sys.path.append(str(ROOT / "tests/e2e"))

from registry import Registry  # noqa: E402

pytestmark = pytest.mark.oci("the disk of Docker's engine: test_engine_hangs.py")

LINES = 100
PLENTY = {"retryStrategy": {"attempts": 8}}
FULL_S = 5  # a keeper waits ten seconds for room for the last output


def writing():
    return script(
        f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i; sleep 0.05; done; code=7"
    )


@pytest.mark.parametrize("disk", ["oci", "instances"])
def test_a_full_disk_of_containers_or_of_executors(small_trial, disk):
    """While containers begin, write and end. The api takes no job while an executor's record has no
    room, so those that begin then were submitted before."""
    trial = small_trial
    writes, ends = trial.definition(writing()), trial.definition(lasting(3, 3))
    short = trial.definition(lasting(0.3))
    before = [trial.submit(short) for _ in range(4)]
    written, ended = [], []
    for _ in range(2):
        lines = len(trial.word())
        written += [trial.submit(writes) for _ in range(3)]
        ended += [trial.submit(ends) for _ in range(3)]
        trial.wait_word(lines + 6)
        meanwhile = [trial.submit(short, **PLENTY) for _ in range(8)]
        with trial.harm.no_space(trial.stack.home / disk):
            time.sleep(FULL_S)
        jobs = {job["jobId"]: job for job in trial.wait_all()}
        assert all(jobs[job]["status"] == "SUCCEEDED" for job in meanwhile), meanwhile
    assert [jobs[job]["container"].get("exitCode") for job in ended] == [3] * len(ended)
    assert [jobs[job]["container"].get("exitCode") for job in written] == [7] * len(written)
    all_succeeded([jobs[job] for job in before], len(before))
    wanted = [f"line {n}" for n in range(1, LINES + 1)]
    for job in (jobs[job] for job in written):
        wait_for("the whole output", lambda j=job: len(trial.work.log(j)) >= LINES, 120)
        assert trial.work.log(job) == wanted
    trial.check(may_be_empty=ONE_TRY)


def test_a_full_disk_of_images(small_trial, tmp_path):
    """What is there is used; what is not is refused with the reason, and is there when its disk has
    room."""
    trial, stack = small_trial, small_trial.stack
    archive = Path(tmp_path) / "image.tar"
    stack.save_image("openbatch/busybox", archive)
    registry = Registry(tmp_path / "registry")
    try:
        name = registry.push(archive, "full/disk:1")
        there, pulled = trial.definition(), trial.definition(image=name)
        with trial.harm.no_space(stack.home / "images"):
            made = [trial.submit(there) for _ in range(4)]
            refused = trial.submit(pulled)
            loading = stack.openbatch("image", "load", archive, "full/archive")
            jobs = {job["jobId"]: job for job in trial.wait_all()}
        reason = jobs[refused]["container"]["reason"]
        print(reason, loading.stdout + loading.stderr)
        assert reason.startswith("CannotPullContainerError: ") and "no space left" in reason
        assert loading.returncode != 0 and "no space left" in loading.stdout + loading.stderr
        loaded = stack.openbatch("image", "load", archive, "full/archive")
        assert loaded.returncode == 0, loaded.stdout + loaded.stderr
        made += [trial.submit(pulled), trial.submit(trial.definition(image="full/archive"))]
        jobs = {job["jobId"]: job for job in trial.wait_all()}
        all_succeeded([jobs[job] for job in made], len(made))
    finally:
        registry.stop()
    trial.check(may_be_empty=ONE_TRY)
