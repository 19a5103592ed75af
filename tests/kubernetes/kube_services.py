"""Images of OpenBatch's services for a test cluster: the programs of a build, with the libraries
that they need here. What runs in them is in the places that the Dockerfile has."""

import shutil
import subprocess
from pathlib import Path

import kube_images

SERVICES = ["api", "scheduler", "scaler", "console"]
# What probes and hooks run.
TOOLS = ["/usr/bin/perl", "/bin/sleep"]
[PERL] = Path("/usr/lib").glob("*/perl-base")
ENV = ["OPENBATCH_HOME=/var/lib/openbatch", "OPENBATCH_RUN_DIR=/run/openbatch", kube_images.PATH]


def libraries(program):
    """The files that a program loads at its start."""
    done = subprocess.run(["ldd", program], check=True, capture_output=True, text=True)
    return {word for line in done.stdout.splitlines() for word in line.split() if word[0] == "/"}


def copy(file, root, place=None):
    target = root / str(place or file).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)  # what links point to


def make_one(folder, build, service):
    name = f"openbatch-{service}"
    root, program = folder / name, Path(build) / f"services/{service}/{name}"
    for file in {file for tool in [program, *TOOLS] for file in libraries(tool)} | {*TOOLS}:
        copy(file, root)
    copy(program, root, f"/usr/local/bin/{name}")
    copy(kube_images.ROOT / "tools/compose/healthy", root, "/usr/local/bin/healthy")
    shutil.copytree(PERL, root / PERL.relative_to("/"))
    for place in ("run/openbatch", "var/lib/openbatch", "tmp", "etc"):
        (root / place).mkdir(parents=True, exist_ok=True)
    (root / "etc/passwd").write_text("openbatch:x:10001:10001::/var/lib/openbatch:/bin/false\n")
    kube_images.archive(folder, name, f"localhost/{name}:1", Env=ENV, Cmd=[name])
    shutil.rmtree(root)
    return folder / f"{name}.tar"


def make(folder, build):
    """Archives of the images localhost/openbatch-SERVICE:1."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    return [make_one(folder, build, service) for service in SERVICES]
