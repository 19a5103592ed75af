"""The fake apiserver says what a real one has said (Kubernetes 1.35.4, tests/data)."""

import json
from pathlib import Path

from kube.client import Client
from kube_calls import answers

RECORDED = Path(__file__).resolve().parents[1] / "data/kube_answers.json"


def test_the_fake_answers_as_recorded(own_cluster):
    recorded = json.loads(RECORDED.read_text())
    faked = answers(Client(own_cluster.kubeconfig()), "batch-jobs")
    for name, answer in recorded.items():
        assert faked[name] == answer, name
    assert set(faked) == set(recorded)
