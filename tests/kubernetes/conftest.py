"""`./openbatch test kubernetes` starts a real Kubernetes on this host, and runs this against it. By
hand: tests/kubernetes/cluster.py up FOLDER --program FILE, and then
OPENBATCH_TEST_CLUSTER=FOLDER $OPENBATCH_HOME/venv/bin/python -m pytest tests/kubernetes"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "e2e"), str(TESTS / "faults")]

from cluster import Cluster  # noqa: E402
from kube_images import ROOT  # noqa: E402
from kube_real import RealWork, prepare  # noqa: E402
from stack import Stack  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long: ./openbatch test kubernetes")


@pytest.fixture(scope="session")
def cluster():
    folder = os.environ.get("OPENBATCH_TEST_CLUSTER")
    if not folder:
        pytest.skip("there is no cluster: run ./openbatch test kubernetes")
    return Cluster(folder)


def openbatch(*words):
    return subprocess.run(
        [ROOT / "openbatch", *words], capture_output=True, text=True, timeout=120, cwd="/"
    )


class Namespace:
    """A namespace with the rights that `./openbatch kube manifest` gives."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name

    def allow(self, *words):
        made = openbatch("kube", "manifest", self.name, *words)
        assert made.returncode == 0, made.stderr
        self.cluster.kubectl("apply", "-f", "-", input=made.stdout)

    def check(self, file, *words):
        return openbatch("kube", "check", file, self.name, *words)

    def end(self):
        for pod in self.cluster.pods(self.name):
            if pod["metadata"].get("finalizers"):
                self.cluster.strip(pod)
        self.cluster.kubectl("delete", "namespace", self.name, "--wait=false", check=False)


@pytest.fixture
def namespace(cluster, request):
    """An empty name; nothing is made yet."""
    made = Namespace(cluster, f"t-{os.getpid()}-{abs(hash(request.node.name)) % 10000}")
    yield made
    made.end()


@pytest.fixture
def cluster_file(cluster, tmp_path):
    """cluster_file(user): as an operator writes it."""

    def write(user):
        file = tmp_path / f"{user}.json"
        file.write_text(json.dumps(cluster.keys.config(cluster.server, user)))
        return file

    return write


@pytest.fixture(scope="session")
def stack():
    """The copy whose OPENBATCH_KUBERNETES_DIR gets the cluster's file."""
    return Stack(os.environ["OPENBATCH_HOME"])


@pytest.fixture(scope="module")
def real(stack, cluster):
    """Jobs on the cluster."""
    work = RealWork(stack, stack.client("batch"), stack.client("logs"), prepare(stack, cluster))
    yield work
    work.forget()


@pytest.fixture(scope="module")
def real_queue(real):
    return real.queue()
