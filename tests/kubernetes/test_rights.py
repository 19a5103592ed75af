"""The rights that `./openbatch kube manifest` gives are enough, and no more; `kube check` finds
what is missing."""

import base64
import json

import pytest
from waiting import wait_for


def test_the_user_has_the_rights_of_the_manifest(cluster, namespace, cluster_file):
    namespace.allow()
    done = namespace.check(cluster_file("aws-batch"))
    assert done.returncode == 0, done.stdout
    for text in ("as the user aws-batch", "has the rights", "would take the pod of a job"):
        assert text in done.stdout
    # Nothing was made.
    assert cluster.pods(namespace.name) == []


def test_a_service_account_has_them_too(cluster, namespace, tmp_path):
    """With the token of the manifest's secret, which does not end."""
    namespace.allow("--service-account")
    path = f"/api/v1/namespaces/{namespace.name}/secrets/aws-batch-token"
    data = wait_for("a token", lambda: (cluster.get(path) or {}).get("data"))
    config = cluster.keys.config(cluster.server, "aws-batch")
    config["users"][0]["user"] = {"tokenFile": "token"}
    (tmp_path / "token").write_bytes(base64.b64decode(data["token"]))
    (tmp_path / "c.json").write_text(json.dumps(config))
    done = namespace.check(tmp_path / "c.json")
    assert done.returncode == 0, done.stdout
    assert f"as the user system:serviceaccount:{namespace.name}:aws-batch" in done.stdout


def test_a_certificate_signed_by_the_cluster_is_accepted(cluster, namespace, tmp_path):
    """As docs/kubernetes.md says: the file has the certificate and the key."""
    namespace.allow()
    cluster.keys.certificate("tests-user", "/CN=aws-batch", "extendedKeyUsage=clientAuth")
    config = cluster.keys.config(cluster.server, "aws-batch")
    config["users"][0]["user"] = {
        f"client-{kind}-data": base64.b64encode(
            cluster.keys.path(f"tests-user.{ending}").read_bytes()
        ).decode()
        for kind, ending in (("certificate", "crt"), ("key", "key"))
    }
    (tmp_path / "c.json").write_text(json.dumps(config))
    done = namespace.check(tmp_path / "c.json")
    assert done.returncode == 0, done.stdout


def test_a_stranger_has_none(namespace, cluster_file):
    namespace.allow()
    done = namespace.check(cluster_file("stranger"))
    assert done.returncode == 1
    for right in ("get namespaces", "get, list, watch nodes", "get pods/log", "create, get"):
        assert f"no right to {right}" in done.stdout
    assert f"./openbatch kube manifest {namespace.name} | kubectl apply -f -" in done.stdout


@pytest.mark.parametrize(
    ("kind", "name", "missing"),
    [
        ("rolebinding", "aws-batch-compute-environment-role-binding", "create"),
        ("clusterrolebinding", "aws-batch-cluster-role-binding", "get, list, watch nodes"),
    ],
)
def test_a_binding_that_is_taken_away_is_named(
    cluster, namespace, cluster_file, kind, name, missing
):
    namespace.allow()
    cluster.kubectl("-n", namespace.name, "delete", kind, name)
    done = namespace.check(cluster_file("aws-batch"))
    assert done.returncode == 1
    assert f"no right to {missing}" in done.stdout
    namespace.allow()
    assert namespace.check(cluster_file("aws-batch")).returncode == 0


def test_the_user_may_do_nothing_elsewhere(cluster, namespace):
    namespace.allow()
    for what in (
        ("create", "pods", "-n", "default"),
        ("delete", "pods", "-n", "kube-system"),
        ("get", "secrets", "-n", namespace.name),
        ("create", "pods", "--subresource=exec", "-n", namespace.name),
        ("create", "pods", "--subresource=binding", "-n", namespace.name),
        ("patch", "nodes"),
        ("delete", "namespaces"),
    ):
        done = cluster.kubectl("auth", "can-i", *what, user="aws-batch", check=False)
        assert done.stdout.strip() == "no", what


def test_a_namespace_that_forbids_the_hosts_network_is_named(cluster, namespace, cluster_file):
    namespace.allow()
    label = "pod-security.kubernetes.io/enforce"
    cluster.kubectl("label", "namespace", namespace.name, f"{label}=baseline")
    done = namespace.check(cluster_file("aws-batch"))
    assert done.returncode == 1
    assert "violates PodSecurity" in done.stdout
    # What it says to do helps.
    cluster.kubectl("label", "--overwrite", "namespace", namespace.name, f"{label}=privileged")
    assert namespace.check(cluster_file("aws-batch")).returncode == 0


def test_a_used_up_quota_is_a_note(cluster, namespace, cluster_file):
    namespace.allow()
    cluster.kubectl("-n", namespace.name, "create", "quota", "q", "--hard=pods=0")
    quota = f"/api/v1/namespaces/{namespace.name}/resourcequotas/q"
    wait_for(
        "the quota's figures", lambda: (cluster.get(quota) or {}).get("status", {}).get("hard")
    )
    done = namespace.check(cluster_file("aws-batch"))
    assert done.returncode == 0, done.stdout
    assert "exceeded quota" in done.stdout


def test_a_wrong_token_and_a_wrong_authority_are_named(cluster, namespace, tmp_path):
    file, config = tmp_path / "c.json", cluster.keys.config(cluster.server, "aws-batch")
    config["users"][0]["user"]["token"] = "wrong"
    file.write_text(json.dumps(config))
    done = namespace.check(file)
    assert done.returncode == 1
    assert "does not accept the token" in done.stdout
    config = cluster.keys.config(cluster.server, "aws-batch")
    del config["clusters"][0]["cluster"]["certificate-authority-data"]
    file.write_text(json.dumps(config))
    done = namespace.check(file)
    assert done.returncode == 1
    assert "shows a certificate that does not fit" in done.stdout
