"""deploy/kubernetes: a real API server accepts all of it, and its parts fit together."""

import json
import re
import shutil
import subprocess

import pytest
from kube_images import ROOT

DEPLOY = ROOT / "deploy/kubernetes"
SERVICES = {"api": 2, "scheduler": 2, "scaler": 1, "console": 1}  # and how many there are


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, **more)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    """A copy of it with secrets, as a user makes one."""
    shutil.copytree(DEPLOY, tmp_path / "deploy/kubernetes")
    run(DEPLOY / "secrets.sh", tmp_path / "deploy/kubernetes/example/secrets")
    return tmp_path / "deploy/kubernetes"


def made(cluster, folder):
    """The objects that kustomize makes of a folder."""
    text = cluster.kubectl("kustomize", folder).stdout
    done = cluster.kubectl(
        *("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"), input=text
    )
    items = []
    decoder = json.JSONDecoder()
    rest = done.stdout.strip()
    while rest:
        item, end = decoder.raw_decode(rest)
        items += item["items"] if item["kind"] == "List" else [item]
        rest = rest[end:].strip()
    return text, items


def of_kind(items, kind):
    return {item["metadata"]["name"]: item for item in items if item["kind"] == kind}


def test_the_api_server_accepts_all_of_it_without_a_warning(cluster, folder):
    text, items = made(cluster, folder / "example")
    [namespace] = of_kind(items, "Namespace").values()
    cluster.kubectl("apply", "-f", "-", input=json.dumps(namespace))
    done = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=text)
    cluster.kubectl("delete", "namespace", namespace["metadata"]["name"], "--wait=false")
    # A pod that the namespace would refuse is a warning on its Deployment.
    assert "Warning" not in done.stderr
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    replicas = {name: d["spec"]["replicas"] for name, d in of_kind(items, "Deployment").items()}
    assert replicas == {f"openbatch-{name}": n for name, n in SERVICES.items()}


def test_settings_and_secrets_are_those_that_there_are(cluster, folder):
    """Each variable is one that the services read; each file of a secret is made, and is in the
    place that its variable names; nobody has a secret that is not his."""
    known = set(re.findall(r"`(OPENBATCH_\w+)`", (ROOT / "docs/configuration.md").read_text()))
    _, items = made(cluster, folder / "example")
    [settings] = of_kind(items, "ConfigMap").values()
    assert set(settings["data"]) <= known
    [secret] = of_kind(items, "Secret").values()
    for deployment in of_kind(items, "Deployment").values():
        spec = deployment["spec"]["template"]["spec"]
        [container] = spec["containers"]
        variables = {e["name"]: e.get("value") for e in container["env"]}
        assert set(variables) - {"PGPASSWORD"} <= known
        assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
        [volume] = [v["secret"] for v in spec["volumes"] if v["name"] == "secrets"]
        assert volume["secretName"] == secret["metadata"]["name"]
        paths = {i["path"] for i in volume["items"]}
        assert {i["key"] for i in volume["items"]} <= set(secret["data"])
        files = {v for k, v in variables.items() if k.endswith("_FILE")}
        assert files <= {f"/var/lib/openbatch/secrets/{path}" for path in paths}
    console = of_kind(items, "Deployment")["openbatch-console"]
    assert "postgres" not in json.dumps(console)


def test_a_budget_and_a_policy_select_the_pods_that_they_are_for(cluster, folder):
    _, items = made(cluster, folder / "example")
    labels = {
        name: d["spec"]["template"]["metadata"]["labels"]
        for name, d in of_kind(items, "Deployment").items()
    }

    def selected(selector):
        wanted = selector["matchLabels"].items()
        return {name for name, have in labels.items() if wanted <= have.items()}

    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for name, item in of_kind(items, kind).items():
            spec = item["spec"]
            found = selected(spec["selector" if kind == "PodDisruptionBudget" else "podSelector"])
            assert found == (set(labels) if name == "openbatch-nobody" else {name})
    for name, service in of_kind(items, "Service").items():
        assert service["spec"]["selector"].items() <= labels[name].items()
