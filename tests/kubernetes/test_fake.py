"""The fake cluster of other tests (tests/fakes/kube) answers as this real one does."""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "fakes"))

from kube.client import Client  # noqa: E402
from kube.cluster import FakeCluster  # noqa: E402
from kube_calls import answers  # noqa: E402


def test_the_fake_cluster_answers_as_a_real_one(namespace, cluster_file):
    namespace.allow()
    config = json.loads(Path(cluster_file("aws-batch")).read_text())
    real = answers(Client(config), namespace.name)
    with FakeCluster(namespaces=[namespace.name]) as fake:
        faked = answers(Client(fake.kubeconfig()), namespace.name)
    for name, text in real.items():
        if faked[name] != text:
            print(f"{name}\n real {text}\n fake {faked[name]}")
    assert faked == real
