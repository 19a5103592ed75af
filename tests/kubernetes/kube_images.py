"""The images of a test cluster, made here: pods' pause program, and Debian's static busybox."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))

from image_archive import write  # noqa: E402

PAUSE = """
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int sig) { (void) sig; _exit(0); }
static void reap(int sig) { (void) sig; while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) {
    signal(SIGINT, end);
    signal(SIGTERM, end);
    signal(SIGCHLD, reap);
    for (;;) pause();
}
"""
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def archive(folder, name, image, **config):
    """Of the root in folder/name."""
    layer = folder / f"{name}.layer"
    subprocess.run(["tar", "-C", folder / name, "-cf", layer, "."], check=True)
    write(folder / f"{name}.tar", image, layer, {"Env": [PATH]} | config)
    layer.unlink()


def make_pause(folder):
    root = folder / "pause"
    root.mkdir()
    (folder / "pause.c").write_text(PAUSE)
    command = [*os.environ.get("CC", "gcc").split(), "-static", "-Os", "-s"]
    subprocess.run([*command, "-o", root / "pause", folder / "pause.c"], check=True)
    archive(folder, "pause", "localhost/pause:1", Entrypoint=["/pause"])


def busybox_program(folder):
    """Of Debian's package, which need not be installed."""
    (folder / "deb").mkdir()
    subprocess.run(
        ["apt-get", "-q", "download", "busybox-static"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    [package] = folder.glob("busybox-static*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder / "deb"], check=True)
    return folder / "deb/bin/busybox"


def make_busybox(folder):
    program, root = busybox_program(folder), folder / "busybox"
    (root / "bin").mkdir(parents=True)
    (root / "tmp").mkdir(mode=0o1777)
    (root / "bin/busybox").write_bytes(program.read_bytes())
    (root / "bin/busybox").chmod(0o755)
    names = subprocess.run([program, "--list"], check=True, capture_output=True, text=True)
    for name in names.stdout.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    archive(folder, "busybox", "localhost/busybox:1", Cmd=["sh"])


def make(folder):
    """Archives of all images: {name: file}."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    make_pause(folder)
    make_busybox(folder)
    return [folder / "pause.tar", folder / "busybox.tar"]
