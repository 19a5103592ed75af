"""Makes the container images of the demo, without pulling any.

A root is unpacked from Debian packages and wheels and handed to Docker, or to the store of images
of executors that run containers themselves (places.py). Each image is known by the hash of its
recipe, so that it is made once and again only when the recipe changes.
"""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import imageio_ffmpeg

import packages
import places
from problems import DemoError

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
VIDEO = f"{REGISTRY}/video-processor:latest"
THUMBNAILS = f"{REGISTRY}/thumbnailer:latest"
BUSYBOX = "openbatch/queue-demo:latest"

PYTHON_PACKAGES = ["python3-minimal", "libpython3-stdlib", "busybox-static"]
PILLOW = "pillow==13.0.0"
RECIPE_VERSION = "1"  # Raise it when the code below makes another root of the same ingredients.
PROGRAMS = Path(__file__).resolve().parent / "containers"
NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian")
NOT_NEEDED += ("usr/lib/x86_64-linux-gnu/gconv", "usr/share/bug", "var/lib", "usr/share/perl*")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Image:
    """One image: its name, what it is made of, and how it is started."""

    name: str
    ingredients: list[str]
    program: str | None = None
    command: str = '["/bin/sh"]'
    trees: list[tuple[Path, str]] = field(default_factory=list)

    def recipe(self) -> str:
        digest = hashlib.sha256("\n".join([RECIPE_VERSION, *self.ingredients]).encode())
        if self.program is not None:
            digest.update((PROGRAMS / self.program).read_bytes())
        return digest.hexdigest()[:16]


class Workshop:
    """The folder where roots are made; what is in it is removed once the images are there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.root = folder / "root"
        self._debs: list[Path] = []

    def debs(self) -> list[Path]:
        if not self._debs:
            self._debs = packages.fetch_debian(PYTHON_PACKAGES, self.folder / "debs", closure=True)
        return self._debs

    def python_root(self) -> tuple[Path, str]:
        """A root with a Python interpreter; returns it and the interpreter's version."""
        if not self.root.exists():
            # dpkg and tar come along only because maintainer scripts use them; none runs here.
            wanted = [deb for deb in self.debs() if not deb.name.startswith(("dpkg_", "tar_"))]
            packages.unpack_debian(wanted, self.root, NOT_NEEDED)
            (self.root / "usr/bin/sh").symlink_to("busybox")
            (self.root / "usr/bin/python").symlink_to("python3")
            _furnish(self.root)
        interpreter = (self.root / "usr/bin/python3").readlink().name
        return self.root, interpreter.removeprefix("python")

    def run_python(self, arguments: list[str], module_path: Path, **environment: str) -> None:
        """Runs a program with the root's own interpreter and libraries.

        What it imports is compiled beside its source, so that containers need not do it again.
        """
        root, version = self.python_root()
        libraries = root / "usr/lib/x86_64-linux-gnu"
        command = [str(root / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
        command += [str(root / f"usr/bin/python{version}"), *arguments]
        settings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(module_path), **environment}
        done = subprocess.run(command, env=settings, capture_output=True, text=True)
        if done.returncode != 0:
            raise DemoError("the program in an image cannot run:", done.stderr.strip())


def _program_tree(workshop: Workshop, image: Image) -> Path:
    """A folder with the image's program, to lie at its working directory /app."""
    folder = workshop.folder / "app" / image.program
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROGRAMS / image.program, folder / image.program)
    return folder


def _busybox_trees(workshop: Workshop, image: Image) -> None:
    root = workshop.folder / "busybox"
    deb = next(deb for deb in workshop.debs() if deb.name.startswith("busybox-static_"))
    packages.unpack_debian([deb], root, NOT_NEEDED)
    busybox = root / "usr/bin/busybox"
    names = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True)
    for name in names.stdout.split():
        link = root / "usr/bin" / name
        if not link.exists():
            link.symlink_to("busybox")
    _furnish(root)
    image.trees = [(root, "")]


def _video_trees(workshop: Workshop, image: Image) -> None:
    root, _ = workshop.python_root()
    binaries = workshop.folder / "ffmpeg"
    binaries.mkdir(parents=True, exist_ok=True)
    ffmpeg = binaries / "ffmpeg"
    if not ffmpeg.exists():
        ffmpeg.symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    app = _program_tree(workshop, image)
    workshop.run_python([str(app / image.program), "--help"], app)
    image.trees = [(root, ""), (app, "app"), (binaries, "usr/local/bin")]


def _thumbnail_trees(workshop: Workshop, image: Image) -> None:
    root, version = workshop.python_root()
    modules = workshop.folder / "modules"
    wheel = packages.fetch_wheel(PILLOW, workshop.folder / "wheels", python=version)
    packages.unpack_wheel(wheel, modules)
    app = _program_tree(workshop, image)

    from PIL import Image as Picture  # Ours, of the same version: makes a picture to try it on.

    trial = workshop.folder / "trial"
    trial.mkdir(exist_ok=True)
    Picture.new("RGBA", (96, 64), "teal").save(trial / "trial.png")
    (trial / "list").write_text("trial.png\n")
    out = workshop.folder / "trial-out"
    out.mkdir(exist_ok=True)
    workshop.run_python(
        [str(app / image.program), str(trial / "list"), str(trial), str(out), "48"],
        modules,
        AWS_BATCH_JOB_ARRAY_INDEX="0",
    )
    image.trees = [(root, ""), (app, "app"), (modules, "usr/lib/python3/dist-packages")]


def _furnish(root: Path) -> None:
    """Adds what every root has and no package brings."""
    for name in ("app", "dev", "etc", "proc", "sys", "tmp"):
        (root / name).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")


def _add_tree(archive: tarfile.TarFile, tree: Path, place: str) -> None:
    def entry_of(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mtime = int(info.mtime)
        return info

    for folder, folders, files in os.walk(tree):
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted(files + [name for name in folders if name not in links] + links):
            path = Path(folder) / name
            target = os.path.join(place, path.relative_to(tree))
            if path.is_symlink() and os.path.isabs(path.readlink()) and path.exists():
                path = path.resolve()  # The ffmpeg binary, which lies outside the tree.
            archive.add(path, target, recursive=False, filter=entry_of)


def _write_root(image: Image, file) -> None:
    """Writes the image's root to an open file, as a tar."""
    with tarfile.open(fileobj=file, mode="w|", bufsize=1 << 20) as archive:
        for tree, place in image.trees:
            _add_tree(archive, tree, place)


def make_all(folder: Path, say) -> None:
    """Makes the images that are missing or of another recipe; 'folder' is used meanwhile."""
    python = [f"debian {name}" for name in PYTHON_PACKAGES]
    ffmpeg = f"imageio-ffmpeg {imageio_ffmpeg.__version__}"
    video = Image(VIDEO, [*python, ffmpeg], "process.py", '["python", "process.py", "--help"]')
    thumbs = Image(THUMBNAILS, [*python, PILLOW], "thumbnail.py", '["python", "thumbnail.py"]')
    busybox = Image(BUSYBOX, ["debian busybox-static"])
    makers = [(busybox, _busybox_trees), (video, _video_trees), (thumbs, _thumbnail_trees)]

    place = places.of_copy(folder.parent)
    missing = [
        (image, maker) for image, maker in makers if place.find(image.name)[1] != image.recipe()
    ]
    if not missing:
        say("images: all there from an earlier run")
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    workshop = Workshop(folder)
    for image, maker in missing:
        began = time.monotonic()
        maker(workshop, image)
        before, recipe = place.find(image.name)
        config = {"Env": [f"PATH={PATH}"], "Cmd": json.loads(image.command)}
        config |= {"WorkingDir": "/app"} if image.program is not None else {}
        place.take(image.name, image.recipe(), config, functools.partial(_write_root, image))
        if before and recipe:
            place.remove(before)
        elif before:
            say(f"images: what was {image.name} before, not by the demo, is now {before}")
        say(f"images: made {image.name} in {time.monotonic() - began:.1f} s")
    shutil.rmtree(folder)
