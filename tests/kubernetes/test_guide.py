"""What the README and docs/kubernetes.md tell users to type works as written, from nothing to the
end."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from fixtures import free_ports, openbatch, own_env, share_installed
from kube_images import ROOT

IMAGE = "docker.io/library/busybox:1"  # what a container runtime takes busybox:1 for
NAMESPACE = "batch-jobs"
BEGIN = """set -euo pipefail
trap 'echo "failed: $BASH_COMMAND" >&2' ERR
"""


def commands(file, heading):
    """The shell blocks of a section: [text]"""
    section = (ROOT / file).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.S)


@pytest.fixture
def place(cluster):
    """A folder in which ./openbatch is there, and nothing else: (folder, environment). No node has
    a label, and there is no namespace."""
    base = Path(tempfile.mkdtemp(prefix="openbatch-guide.", dir="/tmp"))
    base.chmod(0o711)
    home = base / "home"
    env = own_env(home, free_ports())
    home.mkdir()
    share_installed(home)
    (home / "config").write_text("made=for the tests\nengine=none\nruntime=oci\n")
    (base / "openbatch").symlink_to(ROOT / "openbatch")
    env["PATH"] = f"{cluster.folder / 'bin'}:{home / 'venv/bin'}:{env['PATH']}"
    env["KUBECONFIG"] = str(cluster.config_of("admin"))
    for node in cluster.nodes:
        node.ctr("images", "tag", "--force", "localhost/busybox:1", IMAGE)
        cluster.label(node, None)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    yield base, env
    openbatch(env, "down", "--wipe", "--yes")
    shutil.rmtree(base)


def test_the_readme_and_the_walk_through(place, cluster):
    folder, env = place
    first = commands("README.md", "On Kubernetes")
    then = commands("docs/kubernetes.md", "A walk-through")
    script = BEGIN + "\n".join([*first, *then])
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=900
    )
    said = done.stdout
    print(said, done.stderr)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "\nhello\n" in said
    assert "data\n" in said
    assert re.search(r'"aws-batch\.[0-9a-f-]{36}"', said)
    assert not cluster.pods(NAMESPACE)
