"""`./openbatch test packages` makes the packages, and a clean Debian root in which they are
installed. OB_TEST_ENGINE is the socket of a container engine of the suite's own, OB_TEST_JARS a
folder with Kafka's jars, OB_TEST_WEB one with the console's modules, OB_TEST_WORK a folder for all
of it. OB_TEST_PACKAGES names a folder with packages that were made before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

from clean_root import CleanRoot

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def packages():
    """The files that dpkg-buildpackage makes of a clean copy of the tree, by package."""
    made = os.environ.get("OB_TEST_PACKAGES")
    tree = Path(made or f"{os.environ['OB_TEST_WORK']}/build") / "openbatch"
    if not made:
        build(tree)
    return {file.name.split("_")[0]: file for file in tree.parent.glob("*.deb")}


def build(tree):
    tree.mkdir(parents=True)
    files = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    ).stdout
    copied = subprocess.run(
        ["tar", "-C", ROOT, "--null", "-T", "-", "-c"], input=files, check=True, capture_output=True
    )
    subprocess.run(["tar", "-C", tree, "-x"], input=copied.stdout, check=True)
    done = subprocess.run(
        ["dpkg-buildpackage", "-b", "-us", "-uc"],
        cwd=tree,
        capture_output=True,
        text=True,
        env=os.environ
        | {
            "DEB_BUILD_OPTIONS": "parallel=2",
            "PATH": f"/usr/lib/ccache:{os.environ['PATH']}",
            "OPENBATCH_WEB_MODULES": os.environ["OB_TEST_WEB"],
        },
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="session")
def system(packages):
    """A clean root with the packages, servers, Java and systemd from Debian, and Kafka's jars."""
    root = CleanRoot(os.environ["OB_TEST_WORK"])
    try:
        root.make()
        names = [name for name in packages if not name.endswith("-dbgsym")]
        for name in names:
            target = root.root / f"root/{packages[name].name}"
            target.write_bytes(packages[name].read_bytes())
        more = ["postgresql", "redis-server", "default-jre-headless", "systemd"]
        root.chroot("mkdir", "-p", "/usr/share/man/man1")
        debs = [f"/root/{packages[name].name}" for name in names]
        root.chroot("apt-get", "-q", "-y", "--no-install-recommends", "install", *debs, *more)
        root.bind(os.environ["OB_TEST_JARS"], "opt/kafka/libs")
        yield root
    finally:
        root.remove()
