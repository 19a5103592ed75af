"""Fetches Debian packages and Python wheels and unpacks them; nothing is installed on the host."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from problems import DemoError


def _run(command: list[str], what: str, **options) -> subprocess.CompletedProcess:
    try:
        done = subprocess.run(command, capture_output=True, text=True, **options)
    except FileNotFoundError:
        raise DemoError(f"{what}: the program {command[0]} is not installed") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-6:]
        raise DemoError(f"{what} failed ({command[0]} ended with {done.returncode}):", *said)
    return done


def fetch_debian(names: list[str], folder: Path, *, closure: bool) -> list[Path]:
    """Downloads Debian packages into 'folder', checked by apt against its signed lists.

    closure: with all that they depend on, resolved as for a machine that has nothing installed;
    without it only the packages named. Returns the paths of what was downloaded.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "partial").mkdir(parents=True)
    nothing = folder / "status"
    nothing.touch()
    command = ["apt-get", "--quiet", "--yes", "--no-install-recommends"]
    # An empty status file makes apt resolve from scratch; no caches, so that the host's stay valid.
    command += ["-o", f"Dir::State::status={nothing}", "-o", f"Dir::Cache::archives={folder}"]
    command += ["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]
    command += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="]
    if closure:
        command += ["--download-only", "install", *names]
    else:
        command += ["download", *names]
    what = f"fetching the Debian packages {' '.join(names)}"
    try:
        _run(command, what, cwd=folder)
    except DemoError as first:
        if os.geteuid() != 0:
            raise DemoError(str(first), "Try: sudo apt-get update") from None
        # Package lists may be missing or older than the archive.
        _run(["apt-get", "--quiet", "update"], "apt-get update")
        _run(command, what, cwd=folder)
    return sorted(folder.glob("*.deb"))


def unpack_debian(packages: list[Path], root: Path, exclude: tuple[str, ...] = ()) -> None:
    """Unpacks packages into 'root', where /bin, /lib and so on are links into /usr."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    options = ["--keep-directory-symlink", "--no-same-owner"]
    options += [f"--exclude=./{pattern}" for pattern in exclude]
    for package in packages:
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
        ) as deb:
            _run(
                ["tar", "-x", "-f", "-", "-C", str(root), *options],
                f"unpacking {package.name}",
                stdin=deb.stdout,
            )
        if deb.returncode != 0:
            raise DemoError(f"{package} is not a complete Debian package")


def fetch_wheel(requirement: str, folder: Path, python: str | None = None) -> Path:
    """Downloads one wheel, without what it depends on; python: a version other than ours."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(folder)]
    if python is not None:
        command += ["--python-version", python, "--implementation", "cp"]
        for glibc in (36, 34, 28, 27, 26, 17):  # Any glibc up to bookworm's own.
            command += ["--platform", f"manylinux_2_{glibc}_x86_64"]
        command += ["--platform", "manylinux2014_x86_64"]
    _run([*command, requirement], f"fetching {requirement} from the Python package index")
    return next(folder.glob("*.whl"))


def unpack_wheel(wheel: Path, folder: Path) -> None:
    """Unpacks a wheel's packages into a folder of Python modules."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
