"""Fixtures of the tests that take a small cluster of our own for Kubernetes (tests/fakes/kube)."""

import pytest
from kube_work import KubeWork, start_cluster, stop_cluster


@pytest.fixture(scope="module")
def cluster(stack):
    """For the tests of a file that do it no harm, or mend it."""
    cluster = start_cluster(stack)
    yield cluster
    stop_cluster(stack, cluster)


@pytest.fixture(scope="module")
def kube(stack, batch, logs, cluster):
    work = KubeWork(stack, batch, logs, cluster)
    yield work
    work.forget()


@pytest.fixture(scope="module")
def kube_queue(kube):
    return kube.queue()


@pytest.fixture
def own_kube(stack, batch, logs):
    """With a cluster of this test's own."""
    cluster = start_cluster(stack)
    work = KubeWork(stack, batch, logs, cluster)
    yield work
    cluster.clear_faults()
    work.forget()
    stop_cluster(stack, cluster)
