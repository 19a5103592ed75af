"""The store of images (docs/containers.md) by its own program, openbatch-image: where images come
from, what processes that are killed leave, several processes at once, and the limit. Each test has
a store of its own. Images that mean harm are in test_hostile_images.py, executors in
test_oci_images.py."""

import json
import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from image_store import ImageStore, layer, packed, save, sha256
from registry import PASSWORD, USER, HeldRegistry, Registry, write_docker_config
from stack import freeze, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="images are unpacked by root")

MIB = 1 << 20
PART = 512 * 1024  # of an image, before a registry stops


@pytest.fixture
def store(stack, tmp_path):
    return ImageStore(stack.build, tmp_path / "store")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def registry(folder):
    one = Registry(folder / "registry")
    yield one
    one.stop()


@pytest.fixture
def held(registry):
    """A registry that stops in the middle of an image."""
    one = HeldRegistry(registry, PART)
    yield one
    one.close()


def archive(path, name="tool:1", size=0, text="one"):
    """Of an image with a file, and so many bytes that do not compress."""
    return save(path, name, layer(("file", text), ("data", os.urandom(size)), ("end", "end")))


def tree(top):
    """All that is in a root."""
    found = {}
    for path in sorted(top.rglob("*")):
        at = path.lstat()
        what = os.readlink(path) if path.is_symlink() else at.st_mode
        if stat.S_ISREG(at.st_mode):
            what = (at.st_mode, sha256(path.read_bytes()))
        found[path.relative_to(top)] = what
    return found


def children(pid):
    """Processes that it has started, by name."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            found[Path(f"/proc/{child}/comm").read_text().strip()] = int(child)
        except OSError:
            continue
    return found


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def end(process):
    """Of one that holds an image: its exit code."""
    process.communicate(timeout=60)
    return process.returncode


# ---- where images come from ----


def test_archives_of_both_kinds(store, stack, image, tmp_path):
    """What docker save writes, and an archive of OCI, compressed or not, have the same root."""
    saved, layout = tmp_path / "saved.tar", tmp_path / "layout.tar"
    stack.save_image(image, saved)
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "-q", f"docker-archive:{saved}"]
        + [f"oci-archive:{layout}:docker.io/own/layout:1"],
        check=True,
        capture_output=True,
    )
    said = store.run("load", saved)[1] + store.run("load", layout)[1]
    assert f"loaded docker.io/{image}:latest (" in said
    assert "loaded docker.io/own/layout:1 (" in said
    subprocess.run(["gzip", "-1", saved], check=True)
    subprocess.run(["xz", "-0", layout], check=True)
    store.run("load", f"{saved}.gz", "own/saved:2")
    store.run("load", f"{layout}.xz", "own/layout:2")
    store.check()
    roots = [tree(store.root(name)) for name in store.names()]
    assert len(roots) == 4
    assert all(root == roots[0] for root in roots)
    busybox = store.root("docker.io/own/layout:2") / "bin/busybox"
    assert subprocess.run([busybox, "echo", "hello"], capture_output=True).stdout == b"hello\n"
    assert store.left() == []


def test_a_registry_by_tag_and_by_digest(store, registry, tmp_path):
    """pull takes the tag's image of now, and the one before goes; get takes what is there."""
    name = registry.push(archive(tmp_path / "1.tar", text="one"), "tags/tool:1")
    store.run("pull", name)
    first = store.names()[name]
    registry.push(archive(tmp_path / "2.tar", text="two"), "tags/tool:1")
    process, said = store.get(name)
    assert said["id"] == first
    assert end(process) == 0
    store.run("pull", name)
    assert (store.root(name) / "file").read_text() == "two"
    assert store.ids() == {store.names()[name]}
    digest = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    by_digest = f"{name.rpartition(':')[0]}@{digest}"
    store.run("pull", by_digest)
    assert store.names()[by_digest] == store.names()[name]
    missing = f"127.0.0.1:{registry.port}/tags/tool:none"
    code, said = store.run("pull", missing, check=False)
    assert code != 0
    assert "manifest unknown" in said
    assert missing not in store.names()
    assert store.left() == []


def test_a_registry_with_a_password(stack, tmp_path):
    """Credentials are a job's own, or those of a config.json; no error repeats them."""
    locked = Registry(tmp_path / "locked", password=True)
    try:
        name = f"127.0.0.1:{locked.port}/own/tool:1"
        subprocess.run(
            ["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false"]
            + ["--dest-creds", f"{USER}:{PASSWORD}"]
            + [f"docker-archive:{archive(tmp_path / 'tool.tar')}", f"docker://{name}"],
            check=True,
            capture_output=True,
        )
        store = ImageStore(stack.build, tmp_path / "store", credentials=tmp_path / "config.json")
        write_docker_config(tmp_path / "config.json", [])
        wrong = json.dumps({"username": USER, "password": PASSWORD + "-wrong"})
        for login in ("", wrong):
            process, said = store.get(name, login=login)
            assert end(process) == 0
            assert "authentication required" in said["error"] or "unauthorized" in said["error"]
            assert PASSWORD not in said["error"]
        process, said = store.get(name, login=wrong.replace("-wrong", ""))
        assert "id" in said
        assert end(process) == 0
        store.run("rm", name)
        write_docker_config(tmp_path / "config.json", [f"127.0.0.1:{locked.port}"])
        store.run("pull", name)
        assert (store.root(name) / "file").read_text() == "one"
    finally:
        locked.stop()


@pytest.mark.docker("the images are the engine's")
def test_the_engine_s_images_by_name(stack, image, tmp_path):
    """An engine's image counts before a registry's. When its name has become another image's, that
    is taken; without the engine, what was copied before."""
    name = "openbatch-test/store:1"
    store = ImageStore(stack.build, tmp_path / "store", engine=stack.settings["DOCKER_HOST"])
    root = tmp_path / "root.tar"
    root.write_bytes(layer(("file", "another")))
    try:
        stack.docker("tag", image, name)
        store.run("pull", name)
        full = f"docker.io/{name}"
        assert (store.root(full) / "bin/busybox").exists()
        assert "docker" in store.run("list")[1]
        stack.docker("import", root, name)
        process, said = store.get(name)
        assert end(process) == 0
        assert (store.root(full) / "file").read_text() == "another"
        store.options[store.options.index("--engine") + 1] = f"unix://{tmp_path}/none"
        process, again = store.get(name)
        assert end(process) == 0
        assert again["id"] == said["id"]
    finally:
        stack.docker("rmi", name, check=False)
    assert store.left() == []


# ---- processes that are killed ----


def begin_pull(store, held, tmp_path, name):
    """A process that gets an image, in the middle of it."""
    full = held.registry.push(archive(tmp_path / "big.tar", size=4 * MIB), name, held.port)
    process = store.start("get", full)
    process.stdin.write("\n")
    process.stdin.flush()
    assert held.reached.wait(60)
    return full, process


def whole(store, name):
    """The image is there and complete."""
    process, said = store.get(name)
    assert "id" in said, said
    assert end(process) == 0
    assert (store.root(name) / "end").read_text() == "end"
    assert (store.root(name) / "data").stat().st_size == 4 * MIB
    store.check()
    assert store.left() == []


def test_skopeo_is_killed(store, held, tmp_path):
    """The pull fails, and leaves nothing; the next one begins anew."""
    name, process = begin_pull(store, held, tmp_path, "kill/skopeo:1")
    os.kill(children(process.pid)["skopeo"], signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    assert "skopeo ended with signal 9" in out
    assert (store.names(), store.ids(), store.left()) == ({}, set(), [])
    held.may_go_on.set()
    whole(store, name)


def test_the_program_is_killed(store, held, tmp_path):
    """skopeo ends with it. Its files are no image; the next command removes them."""
    name, process = begin_pull(store, held, tmp_path, "kill/program:1")
    skopeo = children(process.pid)["skopeo"]
    process.kill()
    process.communicate(timeout=60)
    wait_for("skopeo's end", lambda: is_gone(skopeo))
    assert len(store.left()) == 2  # a work folder, and a lock
    assert (store.names(), store.ids()) == ({}, set())
    store.check()
    other = archive(tmp_path / "other.tar")
    store.run("load", other)
    assert store.left() == []
    held.may_go_on.set()
    whole(store, name)


def test_umoci_is_killed(store, tmp_path):
    """Half an unpacked root is no image, whoever dies: umoci, or the program with it."""
    many = [(f"folder{n % 100}/file{n}", os.urandom(100)) for n in range(12000)]
    save(tmp_path / "many.tar", "tool:1", packed(layer(*many, ("end", "end"))))
    for victim in ("umoci", "openbatch-image"):
        process = store.start("load", tmp_path / "many.tar")
        new = store.folder / "new"
        (part,) = wait_for(
            "a root", lambda n=new: list(n.glob("*/image/rootfs/folder0"))[:1], every=0.001
        )
        umoci = children(process.pid)["umoci"]
        freeze(umoci)
        assert not (part.parent / "end").exists()
        os.kill(umoci if victim == "umoci" else process.pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert ("umoci ended with signal 9" in errors) == (victim == "umoci")
        wait_for("umoci's end", lambda pid=umoci: is_gone(pid))
        assert (store.names(), store.ids()) == ({}, set())
        assert (store.left() == []) == (victim == "umoci")
    store.run("room")
    assert store.left() == []
    store.run("load", tmp_path / "many.tar")
    assert (store.root("docker.io/library/tool:1") / "end").read_text() == "end"


# ---- several at once ----


def test_several_pull_the_same_image(store, registry, tmp_path):
    """One of them copies it; all have it."""
    name = registry.push(archive(tmp_path / "tool.tar", size=MIB), "several/tool:1")
    processes = [store.start("get", name) for _ in range(5)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.close()
    said = [process.stdout.read().splitlines()[-1] for process in processes]
    assert [process.wait(60) for process in processes] == [0] * 5
    assert said == [f'{{"id":"{store.names()[name]}","over":false}}'] * 5
    assert registry.manifests_sent("several/tool") == 1
    store.check()
    assert store.left() == []


def test_who_waits_for_a_pull_does_it_itself_if_that_dies(store, held, tmp_path):
    name, first = begin_pull(store, held, tmp_path, "wait/tool:1")
    second = store.start("get", name)
    second.stdin.write("\n")
    second.stdin.flush()
    time.sleep(1)  # it waits, or would do something by now
    assert held.registry.manifests_sent("wait/tool") == 1
    assert children(second.pid) == {}
    held.may_go_on.set()
    first.kill()
    first.communicate(timeout=60)
    for line in second.stdout:
        assert "error" not in line
        if "id" in line:
            break
    assert end(second) == 0
    assert held.registry.manifests_sent("wait/tool") == 2
    whole(store, name)


# ---- the limit ----


def test_the_limit(stack, registry, tmp_path):
    """The image that was used last the longest ago goes; one in use, and one that was loaded, do
    not."""
    store = ImageStore(stack.build, tmp_path / "store", limit=10 * MIB)
    names = {
        one: registry.push(archive(tmp_path / f"{one}.tar", size=3 * MIB), f"limit/{one}:1")
        for one in "abcd"
    }

    def kept():
        return {one for one, name in names.items() if name in store.names()}

    store.run("load", archive(tmp_path / "own.tar", "own:1"))
    holder, _ = store.get(names["a"])
    for one in "bc":
        store.run("pull", names[one])
    assert kept() == {"a", "b", "c"}
    process, _ = store.get(names["b"])  # used again
    assert end(process) == 0
    store.run("pull", names["d"])
    assert kept() == {"a", "b", "d"}  # c, not a, which is in use
    code, said = store.run("rm", names["a"], check=False)
    assert code != 0
    assert "is in use" in said
    assert end(holder) == 0
    store.run("pull", names["c"])
    assert kept() == {"b", "c", "d"}
    store.options[store.options.index("--limit") + 1] = str(MIB)
    store.run("room")
    assert kept() == set()
    assert list(store.names()) == ["docker.io/library/own:1"]
    assert len(store.ids()) == 1
    assert store.left() == []


def test_an_image_larger_than_the_limit(stack, registry, tmp_path):
    """It is refused, and no other image has gone for it."""
    store = ImageStore(stack.build, tmp_path / "store", limit=2 * MIB)
    small = registry.push(archive(tmp_path / "small.tar", size=MIB), "large/small:1")
    zeros = save(tmp_path / "zeros.tar", "x:1", layer(("zeros", bytes(40 * MIB))))
    large = registry.push(archive(tmp_path / "large.tar", size=3 * MIB), "large/large:1")
    bomb = registry.push(zeros, "large/bomb:1")
    store.run("pull", small)
    for name in (large, bomb):
        process, said = store.get(name)
        assert end(process) == 0
        assert "the image takes more than 2097152 bytes" in said["error"]
    assert list(store.names()) == [small]
    assert store.left() == []
    store.options[store.options.index("--limit") + 1] = "0"
    store.run("pull", large)
    assert set(store.names()) == {small, large}


def test_a_full_disk(store, registry, tmp_path):
    """The error says so, and nothing is left."""
    name = registry.push(archive(tmp_path / "tool.tar", size=3 * MIB), "full/tool:1")
    store.folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "none", store.folder], check=True)
    try:
        code, said = store.run("pull", name, check=False)
        assert code != 0
        assert "no space left on device" in said.lower()
        assert (store.names(), store.ids(), store.left()) == ({}, set(), [])
        subprocess.run(["mount", "-o", "remount,size=64m", store.folder], check=True)
        store.run("pull", name)
        store.check()
    finally:
        subprocess.run(["umount", store.folder], check=True)
        shutil.rmtree(store.folder)
