"""Recipes (crash_recipes.py) for the store of images (docs/containers.md): the process that dies is
openbatch-image, in a store of the case's own."""

import hashlib
import time

from image_store import ImageStore, layer, save

ROOT_FILE = ("etc/name", "here")
KEY = hashlib.sha256(b"docker.io/openbatch/busybox:latest\nlinux/amd64").hexdigest()
LEFT = hashlib.sha256(b"left").hexdigest()  # only what has the store's own names is removed


def store_of(case):
    engine = case.stack.settings["DOCKER_HOST"]
    return ImageStore(case.stack.build, case.folder / "images", engine=engine, crash_file=case.file)


def images_come_and_go(case):
    """Images are loaded, pulled from the engine, named and removed, beside what killed processes
    have left; whatever dies, the same commands then do their work, and nothing is left."""
    store = store_of(case)
    archive = save(case.folder / "archive", "crash/one:1", layer(ROOT_FILE))
    store.run("list")
    case.arm()
    end = time.monotonic() + 120
    while not case.has_died():
        assert time.monotonic() < end, f"no process came to {case.point}:{case.side}"
        work(store, archive, check=False)
    store.check()
    work(store, archive, check=True)
    assert store.left() == []
    assert store.ids() == set()
    case.one_job()


def work(store, archive, check):
    """All that the program does, once; the roots are whole as long as they have a name."""
    for name in (f"new/{LEFT}", f"new/{KEY}", f"going/{LEFT}.1"):
        (store.folder / name).mkdir(exist_ok=True)
        (store.folder / name / "file").touch()
    (store.folder / "pulls" / LEFT).touch()
    store.run("pull", "openbatch/busybox", check=check)
    store.run("load", archive, check=check)
    store.run("load", archive, "crash/two", check=check)
    for name in store.names():
        file = store.root(name) / ROOT_FILE[0]
        assert "crash" not in name or file.read_text() == ROOT_FILE[1]
    store.run("rm", "crash/one:1", check=check)
    store.run("rm", "crash/two", check=check)
    store.run("rm", "openbatch/busybox", check=check)
    store.run("room", check=check)
