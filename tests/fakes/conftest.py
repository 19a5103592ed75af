"""Fixtures of the fakes' own tests, which `./openbatch test unit` runs."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

from kube.client import Client
from kube.cluster import FakeCluster, Times
from kube_cases import Pods

SHORT = Times(heartbeat_s=0.3, node_grace_s=1.0, pod_gc_s=0.5, pull_backoff_s=0.5, bookmark_s=0.5)


@pytest.fixture(scope="module")
def cluster():
    with FakeCluster(times=SHORT) as cluster:
        yield cluster


@pytest.fixture
def own_cluster():
    """For tests that harm it."""
    with FakeCluster(times=SHORT) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    return Client(cluster.kubeconfig())


@pytest.fixture
def pods(client):
    return Pods(client)


@pytest.fixture
def own_pods(own_cluster):
    return Pods(Client(own_cluster.kubeconfig()))
