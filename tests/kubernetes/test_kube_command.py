"""`./openbatch kube` without a cluster: the manifest's text, and what the check says of a cluster's
file and of answers that a real cluster gives too rarely. Part of the suite unit."""

import http.server
import json
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def kube(*words):
    return subprocess.run(
        [ROOT / "openbatch", "kube", *words], capture_output=True, text=True, timeout=300, cwd="/"
    )


def config(server, **user):
    return {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "secret-token"}}],
    }


class Server(http.server.ThreadingHTTPServer):
    """An API server that gives the same answer to each request for a path."""

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        status, body = self.server.answers.get(path, (404, {"message": "not found"}))
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, *_):
        pass


WELL = {
    "/version": (200, {"major": "1", "minor": "35+", "gitVersion": "v1.35.4"}),
    WHO: (201, {"status": {"userInfo": {"username": "aws-batch"}}}),
    REVIEW: (201, {"status": {"allowed": True}}),
    "/api/v1/namespaces/jobs": (200, {"status": {"phase": "Active"}}),
    "/api/v1/namespaces/jobs/pods": (201, {}),
    "/api/v1/nodes": (200, {"items": []}),
}


@pytest.fixture
def check(tmp_path):
    """check(changed answers, more words): what it says of a cluster that is otherwise well."""

    def look(changes, *words):
        server = Server(WELL | changes)
        file = tmp_path / "c.json"
        file.write_text(json.dumps(config(server.address)))
        try:
            return kube("check", file, "jobs", *words)
        finally:
            server.shutdown()
            server.server_close()

    return look


def test_the_manifest_has_awss_roles_and_pods_log():
    done = kube("manifest", "batch-jobs")
    assert done.returncode == 0, done.stderr
    for text in (
        'metadata: {name: "aws-batch-cluster-role"}',
        'metadata: {name: "aws-batch-compute-environment-role", namespace: "batch-jobs"}',
        "{kind: User, name: aws-batch,",
        'resources: ["pods/log"]',
        'verbs: ["create", "get", "list", "watch", "delete", "patch"]',
    ):
        assert text in done.stdout
    account = kube("manifest", "batch-jobs", "--service-account").stdout
    assert "kind: User" not in account
    assert "type: kubernetes.io/service-account-token" in account


@pytest.mark.parametrize("name", ["default", "kube-system", "Jobs", "a_b", "-a", "a" * 64, ""])
def test_a_namespace_that_aws_refuses_is_refused(name):
    done = kube("manifest", "--", name)
    assert done.returncode == 1
    assert "namespace" in done.stderr
    assert not done.stdout


def test_wrong_words_show_the_usage():
    assert kube().returncode == 2
    assert "usage: openbatch kube manifest" in kube("frobnicate").stderr
    assert kube("--help").returncode == 0


def test_a_cluster_that_is_well(check):
    done = check({})
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\nok ") + 1 == 5
    assert "WRONG" not in done.stdout
    assert "secret-token" not in done.stdout


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("no JSON", "is not JSON"),
        ("[" * 100000, "is not JSON"),
        ("[]", "is not a kubeconfig"),
        ("{}", "has no context named 'None'"),
        (json.dumps(config("https://x.invalid", exec={"command": "aws"})), "('exec')"),
        (json.dumps(config("http://10.0.0.1:80")), "is not https://"),
        (json.dumps(config("ftp://127.0.0.1")), "is not https://"),
        (json.dumps(config(7)), "server is not text"),
        (json.dumps(config("https://")), "is not https://"),
        (json.dumps(config("https://[::1")), "is not https://"),
        (json.dumps(config("https://127.0.0.1:99999")), "is not https://"),
        (json.dumps(config("https://127.0.0.1:1")), "does not answer"),
        (
            json.dumps(config("https://127.0.0.1:1", **{"client-certificate-data": "!"})),
            "client-certificate-data is not base64",
        ),
        (
            json.dumps(config("https://127.0.0.1:1", **{"client-key-data": "eA=="})),
            "a key its certificate",
        ),
        (
            json.dumps(config("https://127.0.0.1:1", tokenFile="there-is-none")),
            "tokenFile: there-is-none: No such file",
        ),
        (" " * (1 << 20) + "{}", "is larger than 1 MiB"),
    ],
)
def test_a_bad_file_is_refused_with_words(tmp_path, file, said):
    (tmp_path / "c.json").write_text(file)
    done = kube("check", tmp_path / "c.json", "jobs")
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = kube("check", tmp_path / "c.json", "jobs")
    assert done.returncode == 1
    assert "No such file" in done.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"/version": (200, {"major": "1", "minor": "20"})}, "OpenBatch knows 1.29 to 1.36"),
        (
            {"/version": (502, b"<html>")},
            "does not say the version of a Kubernetes cluster (HTTP 502): <html>",
        ),
        ({"/version": (200, b"[" * 100000)}, "does not say the version of a Kubernetes cluster"),
        ({"/version": (200, b"<html>hello")}, "does not say the version of a Kubernetes cluster"),
        ({"/api/v1/nodes": (500, {"message": "etcd"})}, "the cluster's nodes: HTTP 500: etcd"),
        ({"/api/v1/namespaces/jobs": (403, {"message": "by policy"})}, "HTTP 403: by policy"),
        ({"/api/v1/nodes": (200, {"items": [7]})}, "answers that a cluster does not give"),
        ({WHO: (401, {"message": "Unauthorized"})}, "does not accept the token"),
        (
            {WHO: (201, {"status": {"userInfo": {"username": "system:anonymous"}}})},
            "names no credentials",
        ),
        ({REVIEW: (201, {"status": {"allowed": False}})}, "no right to get pods/log in jobs"),
        ({"/api/v1/namespaces/jobs": (404, {})}, "there is no namespace jobs"),
        (
            {"/api/v1/namespaces/jobs": (200, {"status": {"phase": "Terminating"}})},
            "is being deleted",
        ),
        (
            {"/api/v1/namespaces/jobs/pods": (403, {"message": 'pods "x" violates PodSecurity'})},
            "pod-security.kubernetes.io/enforce=privileged",
        ),
        (
            {"/api/v1/namespaces/jobs/pods": (400, {"message": "denied by webhook\x1b[31m"})},
            "denied by webhook?[31m",
        ),
    ],
)
def test_what_is_wrong_is_named(check, changes, said):
    done = check(changes)
    assert done.returncode == 1, done.stdout
    assert said in done.stdout
    assert not done.stderr


def test_a_used_up_quota_is_not_an_error(check):
    done = check({"/api/v1/namespaces/jobs/pods": (403, {"message": "exceeded quota: q"})})
    assert done.returncode == 0
    assert "note   jobs wait now" in done.stdout


def test_a_webhook_that_cannot_be_asked_is_not_an_error(check):
    words = 'admission webhook "w" does not support dry run'
    done = check({"/api/v1/namespaces/jobs/pods": (400, {"message": words})})
    assert done.returncode == 0
    assert f"note   the cluster does not say whether it would take the pod of a job: {words}" in (
        done.stdout
    )


def test_nodes_that_cannot_run_jobs_are_named(check):
    def node(name, ready, **spec):
        conditions = [{"type": "Ready", "status": ready}]
        return {"metadata": {"name": name}, "spec": spec, "status": {"conditions": conditions}}

    nodes = [node("a", "Unknown"), node("b", "True", unschedulable=True)]
    done = check({"/api/v1/nodes": (200, {"items": nodes})})
    assert "node a is not Ready" in done.stdout
    assert "node b is cordoned" in done.stdout
    assert done.returncode == 1
    done = check({"/api/v1/nodes": (200, {"items": [*nodes, node("c", "True")]})})
    assert "1 of 3 labelled nodes can run jobs" in done.stdout
    assert done.returncode == 0


def test_an_environment_without_nodes_is_wrong(check):
    done = check({}, "--environment", "uuid-1")
    assert done.returncode == 1
    assert "kubectl label node NODE batch.amazonaws.com/compute-environment-uuid=uuid-1" in (
        done.stdout
    )
