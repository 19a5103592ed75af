"""Executors with the runtime `oci` and their store of images (docs/containers.md): images that they
pull while something dies, the limit, images that mean harm, and what many containers leave. The
store's own program is in test_image_store.py."""

import json
import os
import signal
import tarfile
import time
from pathlib import Path

import pytest
from image_store import ImageStore, layer, save
from registry import HeldRegistry, Registry
from stack import control_groups, pid_in, wait_for
from work import Work

MIB = 1 << 20
LIMIT = 16 * MIB
PART = 512 * 1024  # of an image, before a registry stops
COUNT = 200


def process_of(pid):
    """(parent, command) of a process; None if it is gone."""
    try:
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return int(parent), [word.decode(errors="replace") for word in words]


def processes(*words):
    """Of this host, with all these words in the command."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        process = process_of(path.name)
        if process and all(any(word in part for part in process[1]) for word in words):
            found.append(int(path.name))
    return found


class Oci:
    """Queues whose executors have the runtime `oci` and a store of the test's own."""

    def __init__(self, stack, batch, logs, folder, image):
        self.stack, self.batch, self.folder = stack, batch, folder
        self.store = ImageStore(stack.build, folder / "images", limit=LIMIT)
        self.work = Work(batch, logs, image)
        self.busybox = self._busybox(image)
        self.registry = Registry(folder / "registry")

    def _busybox(self, image):
        """The layer of the copy's busybox."""
        saved = self.folder / "saved.tar"
        self.stack.save_image(image, saved)
        with tarfile.open(saved) as tar:
            (manifest,) = json.load(tar.extractfile("manifest.json"))
            return tar.extractfile(manifest["Layers"][0]).read()

    def queue(self):
        return self.work.queue(self.work.environment(max_vcpus=8))

    def image(self, name, *layers, size=0, port=None, **config):
        """The whole name of an image in the registry: busybox, more layers, so many bytes."""
        file = self.folder / "image.tar"
        more = [layer(("data", os.urandom(size)), ("end", "end"))] if size else []
        config = {"Env": ["PATH=/bin"]} | config
        save(file, "x:1", self.busybox, *layers, *more, config=config)
        return self.registry.push(file, name, port)

    def submit(self, queue, image, script, **more):
        definition = self.work.definition(
            ["sh", "-c", script], image=image, **({"memory": 32} | more)
        )
        return self.work.submit(queue, definition)

    def run(self, queue, image, script, **more):
        return self.work.wait(self.submit(queue, image, script, **more), timeout=120)

    def runs(self):
        """The folders of attempts."""
        return list((self.stack.home / "oci").glob("*/ob-*"))

    def executor(self, instance):
        return pid_in(self.stack.home / "instances" / instance / "supervise/pid")

    def programs(self):
        """Of this store, that are at work: openbatch-image, and skopeo below it."""
        return processes("openbatch-image", str(self.store.folder))


@pytest.fixture(scope="module")
def oci(stack, batch, logs, image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("oci")
    made = Oci(stack, batch, logs, folder, image)
    before = stack.change_settings(
        {
            "OPENBATCH_RUNTIME": "oci",
            "OPENBATCH_OCI_IMAGES": made.store.folder,
            "OPENBATCH_OCI_IMAGES_BYTES": LIMIT,
        }
    )
    yield made
    made.work.forget()
    stack.change_settings(before)
    made.registry.stop()


@pytest.fixture(scope="module")
def queue(oci):
    return oci.queue()


@pytest.fixture
def held(oci):
    one = HeldRegistry(oci.registry, PART)
    yield one
    one.close()


def begin_pull(oci, queue, held, name):
    """A job whose image is on its way."""
    image = oci.image(name, size=4 * MIB, port=held.port)
    job = oci.submit(queue, image, "cat /end")
    assert held.reached.wait(60)
    (program,) = wait_for("the program that pulls it", oci.programs)
    return job, program


def succeeded(oci, job):
    ended = oci.work.wait(job, timeout=120)
    assert ended["status"] == "SUCCEEDED", ended
    assert oci.work.log(ended) == ["end"]
    assert len(ended["attempts"]) == 1


def test_a_loaded_image_and_one_in_use(oci, queue):
    """It needs neither a registry nor an engine. While a job uses it, it cannot be removed."""
    file = oci.folder / "loaded.tar"
    save(file, "own/loaded:1", oci.busybox, layer(("end", "end")), config={"Env": ["PATH=/bin"]})
    oci.store.run("load", file)
    job = oci.submit(queue, "own/loaded:1", "echo here; until [ -e /go ]; do sleep 0.1; done")
    described = oci.work.wait(job, "RUNNING", timeout=120)
    wait_for("its first line", lambda: oci.work.log(described) == ["here"])
    code, said = oci.store.run("rm", "own/loaded:1", check=False)
    assert code != 0
    assert "is in use" in said
    (line,) = [line for line in oci.store.run("list")[1].splitlines() if "own/loaded:1" in line]
    assert line.endswith("yes")
    oci.batch.terminate_job(jobId=job, reason="enough")
    oci.work.wait(job, timeout=60)
    wait_for("it to be free", lambda: oci.store.run("rm", "own/loaded:1", check=False)[0] == 0)


def test_an_executor_is_killed_while_it_pulls(oci, queue, held):
    """The programs end with it; the next executor pulls the image anew, and the job runs once."""
    job, program = begin_pull(oci, queue, held, "kill/executor:1")
    executor = process_of(program)[0]
    os.kill(executor, signal.SIGKILL)
    wait_for("the program's end", lambda: not process_of(program))
    held.may_go_on.set()
    succeeded(oci, job)
    wait_for("nothing to be left", lambda: oci.store.left() == [])
    oci.store.check()


def test_the_program_is_killed_under_an_executor(oci, queue, held):
    """The attempt fails and says why; what is left of the pull goes while the executor lives."""
    job, program = begin_pull(oci, queue, held, "kill/program:1")
    executor = process_of(program)[0]
    assert len(oci.store.left()) == 2
    os.kill(program, signal.SIGKILL)
    ended = oci.work.wait(job, timeout=60)
    assert ended["container"]["reason"].startswith("CannotPullContainerError: ")
    assert "signal 9" in ended["container"]["reason"]
    wait_for("nothing to be left", lambda: oci.store.left() == [], timeout=20)
    assert process_of(executor)


def test_two_executors_pull_the_same_image(oci, queue, held):
    """One copies it, the other waits for that."""
    other = oci.queue()
    image = oci.image("two/executors:1", size=4 * MIB, port=held.port)
    jobs = [oci.submit(one, image, "cat /end") for one in (queue, other)]
    assert held.reached.wait(60)
    wait_for("both to want it", lambda: len(oci.programs()) == 2, timeout=60)
    held.may_go_on.set()
    for job in jobs:
        succeeded(oci, job)
    assert oci.registry.manifests_sent("two/executors") == 1


def test_the_limit(oci, queue):
    """An image that is too large is refused with a clear text. Others come and go; that of a job
    that runs stays."""
    bomb = oci.image("limit/bomb:1", layer(("zeros", bytes(3 * LIMIT))))
    ended = oci.run(queue, bomb, "true")
    assert ended["container"]["reason"].startswith(
        f"CannotPullContainerError: the image takes more than {LIMIT} bytes"
    )
    used = oci.image("limit/used:1", size=3 * MIB)
    job = oci.submit(queue, used, "echo here; sleep 600")
    described = oci.work.wait(job, "RUNNING", timeout=120)
    wait_for("its first line", lambda: oci.work.log(described) == ["here"])
    others = [oci.image(f"limit/other{n}:1", size=3 * MIB) for n in range(4)]
    for other in others:
        ended = oci.run(queue, other, "cat /end /data | wc -c")
        assert oci.work.log(ended) == [str(3 * MIB + 3)]
    kept = set(oci.store.names())
    assert used in kept
    assert others[-1] in kept
    assert others[0] not in kept
    oci.batch.terminate_job(jobId=job, reason="enough")
    oci.work.wait(job, timeout=60)


def test_an_image_that_means_harm(oci, queue, tmp_path):
    """What is in an image has no meaning for the host: its files are looked for in its root only,
    and its devices cannot be opened."""
    secret = tmp_path / "passwd"
    secret.write_text("who:x:1234:1234::/:/bin/sh\n")
    evil = layer(
        ("etc/passwd", tarfile.SYMTYPE, {"linkname": str(secret)}),
        ("etc/group", tarfile.FIFOTYPE, {}),
        ("etc/hosts", tarfile.SYMTYPE, {"linkname": str(tmp_path / "hosts")}),
        ("etc/resolv.conf", tarfile.SYMTYPE, {"linkname": "../../../../../../resolv"}),
        ("dev", tarfile.SYMTYPE, {"linkname": str(tmp_path)}),
        ("proc", tarfile.SYMTYPE, {"linkname": "/tmp"}),
        ("v", tarfile.SYMTYPE, {"linkname": str(tmp_path)}),
        ("disk", tarfile.BLKTYPE, {"mode": 0o666, "devmajor": 254, "devminor": 0}),
        ("memory", tarfile.CHRTYPE, {"mode": 0o666, "devmajor": 1, "devminor": 1}),
    )
    image = oci.image("evil/files:1", evil, WorkingDir="../../..", User="who")
    ended = oci.run(queue, image, "id -u")
    assert ended["status"] == "FAILED"
    assert "unable to find user who" in ended["container"]["reason"]
    image = oci.image("evil/files:2", evil, Env=["PATH=/bin", "=x", "", "A"], StopSignal="SIGX")
    script = "cat /disk /memory 2>&1 >/dev/null; touch /v/in"
    volume = {"volumes": [{"name": "v"}]}
    volume["mountPoints"] = [{"sourceVolume": "v", "containerPath": "/v"}]
    for more in ({}, volume):
        ended = oci.run(queue, image, script, **more)
        if ended["status"] == "FAILED" and "exitCode" not in ended["container"]:
            continue  # crun refuses it
        lines = oci.work.log(ended)
        assert [line for line in lines if "/disk" in line or "/memory" in line]
        assert all("not permitted" in line or "/v/" in line for line in lines), lines
    assert sorted(path.name for path in tmp_path.iterdir()) == ["passwd"]


# ---- what is left ----


def mounts(home):
    """Of all processes of this host, below the folder of containers."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            text = path.read_text()
        except OSError:
            continue
        found.update(line for line in text.splitlines() if str(home) in line)
    return found


@pytest.mark.long
def test_many_containers_leave_nothing(oci, queue, image):
    """Of many containers that end in all ways no mount, control group, process or folder is left.
    While one runs, each of these is seen."""
    home = oci.stack.home / "oci"
    last = oci.submit(queue, image, "echo here; sleep 600", vcpus=1)
    described = oci.work.wait(last, "RUNNING", timeout=120)
    wait_for("its first line", lambda: oci.work.log(described) == ["here"])
    assert control_groups(last)
    assert mounts(home)
    assert processes("openbatch-keeper", last)
    assert [path for path in oci.runs() if last in path.name]

    began = time.monotonic()
    small = {"vcpus": 1, "memory": 16}
    array = oci.work.submit(
        queue,
        oci.work.definition(
            ["sh", "-c", "exit $((AWS_BATCH_JOB_ARRAY_INDEX % 2))"], image=image, **small
        ),
        arrayProperties={"size": COUNT},
    )
    group = "g=/sys/fs/cgroup/memory; [ -d $g ] || g=/sys/fs/cgroup; mkdir $g/a $g/a/b; "
    ways = [
        oci.submit(queue, image, "x=a; while :; do x=$x$x$x; done", **small),
        oci.submit(queue, image, "sleep 600 & sleep 600 & setsid sleep 600 & exit 0", **small),
        oci.submit(queue, image, "kill -9 $$", **small),
        oci.submit(
            queue, image, group + "echo $$ >$g/a/b/cgroup.procs; exit 0", privileged=True, **small
        ),
        oci.work.submit(queue, oci.work.definition(["/no/such"], image=image, **small)),
    ]
    oci.work.wait_all([array, *ways], timeout=300)
    print(f"{COUNT + len(ways)} containers took {time.monotonic() - began:.1f} s")
    oci.batch.terminate_job(jobId=last, reason="enough")
    oci.work.wait(last, timeout=60)
    jobs = [array, *ways, last]
    wait_for(
        "the folders to go",
        lambda: not [path for path in oci.runs() if any(job in path.name for job in jobs)],
        timeout=60,
    )
    for job in jobs:
        assert not control_groups(job)
        assert not processes(job)
    assert not mounts(home)
