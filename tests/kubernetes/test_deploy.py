"""deploy/kubernetes: a real API server accepts all of it, and the services run by it."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import boto3
import kube_services
import pytest
from fixtures import free_ports, openbatch, own_env, share_installed
from kube_images import ROOT
from waiting import wait_for
from work import Work

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


# --- it runs ---


def add(path, value):
    return {"op": "add", "path": f"/spec/template/spec/{path}", "value": value}


def on_host(servers, service):
    """What a pod has here: the host's network, and the sockets of the servers."""
    patch = [add("hostNetwork", True)]
    for name in ("pg", "redis"):
        patch.append(add("volumes/-", {"name": name, "hostPath": {"path": str(servers.at(name))}}))
        mount = {"name": name, "mountPath": f"/servers/{name}"}
        patch.append(add("containers/0/volumeMounts/-", mount))
    if service in servers.ports:
        port, name = servers.ports[service]
        patch.append(add("containers/0/ports/0/containerPort", port))
        patch.append(add("containers/0/env/-", {"name": name, "value": str(port)}))
        # The nodes have one network, so there is a single port.
        patch.append({"op": "add", "path": "/spec/replicas", "value": 1})
    if service == "console":
        api = f"http://127.0.0.1:{servers.ports['api'][0]}"
        patch.append(add("containers/0/env/-", {"name": "OPENBATCH_CONSOLE_API", "value": api}))
    return patch


def overlay(folder, namespace, servers):
    """A kustomization over the example, as a user writes one."""
    settings = {
        "OPENBATCH_PG": "host=/servers/pg user=openbatch dbname=openbatch",
        "OPENBATCH_KAFKA": f"127.0.0.1:{servers.kafka}",
        "OPENBATCH_REDIS": "/servers/redis/redis.sock",
        # A sanitizer's look for leaks needs more rights than a pod has.
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    host = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "any", "labels": labels}}
    file = {
        "namespace": namespace,
        "resources": ["../example"],
        "images": [
            {
                "name": f"registry.example.org/openbatch/{name}",
                "newName": f"localhost/openbatch-{name}",
                "newTag": "1",
            }
            for name in SERVICES
        ],
        "configMapGenerator": [
            {
                "name": "openbatch",
                "behavior": "merge",
                "literals": [f"{name}={value}" for name, value in settings.items()],
            }
        ],
        "secretGenerator": [
            {"name": "openbatch-ec2", "literals": ["key=AKIAIOSFODNN7EXAMPLE\nsecret\n"]}
        ],
        "patches": [
            {
                "target": {"kind": "Deployment", "name": f"openbatch-{name}"},
                "patch": json.dumps(on_host(servers, name)),
            }
            for name in SERVICES
        ]
        + [{"target": {"kind": "Namespace"}, "patch": json.dumps(host)}],
    }
    (folder / "overlay").mkdir()
    (folder / "overlay/kustomization.yaml").write_text(json.dumps(file))
    return folder / "overlay"


class Servers:
    """PostgreSQL, Kafka and Redis of a copy, whose sockets the pods' user may use."""

    def __init__(self, base, port):
        self.home, self.env = base / "home", own_env(base / "home", port)
        self.kafka = port + 1
        self.ports = {
            "api": (port, "OPENBATCH_PORT"),
            "console": (port + 5, "OPENBATCH_CONSOLE_PORT"),
        }
        self.home.mkdir()
        share_installed(self.home)
        (self.home / "config").write_text("made=for the tests\nengine=none\nruntime=oci\n")

    def openbatch(self, *words):
        done = openbatch(self.env, *words)
        assert done.returncode == 0, done.stdout + done.stderr

    def at(self, name):
        lines = (self.home / "env").read_text().splitlines()
        run_dir = dict(line.split("=", 1) for line in lines)["OPENBATCH_RUN_DIR"]
        return Path(f"{run_dir}.pg" if name == "pg" else run_dir)

    def up(self, secrets):
        """With the passwords in this folder."""
        self.openbatch("up", "--backing-only")
        for file in (self.home / "secrets").glob("kafka-*.password"):
            shutil.copy(file, secrets)
        (self.home / "pg/pg_hba.conf").write_text(
            "local all postgres peer map=openbatch\nlocal all all scram-sha-256\n"
        )
        password = (secrets / "postgres.password").read_text()
        psql = ["psql", "-X", "-q", "-h", self.at("pg"), "-U", "postgres", "-d", "postgres"]
        run(*psql, "-c", f"ALTER ROLE openbatch PASSWORD '{password}'", env=os.environ)
        run(*psql, "-c", "SELECT pg_reload_conf()", env=os.environ)
        password = (secrets / "redis.password").read_text().strip()
        socket = self.at("redis") / "redis.sock"
        run("redis-cli", "-s", socket, "config", "set", "requirepass", password)
        socket.chmod(0o777)
        (self.at("pg") / ".s.PGSQL.5432").chmod(0o777)
        for name in ("pg", "redis"):
            self.at(name).chmod(0o711)


@pytest.fixture
def servers():
    base = Path(tempfile.mkdtemp(prefix="openbatch-deploy.", dir="/tmp"))
    base.chmod(0o711)
    made = Servers(base, free_ports())
    yield made
    made.openbatch("down", "--wipe", "--yes")
    shutil.rmtree(base)


@pytest.fixture
def volume(cluster):
    """For the scaler's claim: this cluster makes none by itself. A folder of the host belongs to
    whoever may use it; a real volume is given to the pod's group (fsGroup)."""
    path = Path(tempfile.mkdtemp(prefix="openbatch-volume.", dir="/tmp"))
    path.chmod(0o777)
    spec = {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"]}
    spec |= {"hostPath": {"path": str(path)}}
    body = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": path.name}}
    cluster.kubectl("create", "-f", "-", input=json.dumps(body | {"spec": spec}))
    yield path
    cluster.kubectl("delete", "persistentvolume", path.name, "--wait=false")
    shutil.rmtree(path)


@pytest.fixture
def deployed(cluster, folder, servers, volume, tmp_path, namespace):
    """Applied, and all are ready."""
    build = Path(os.environ["OPENBATCH_HOME"], "build-asan")
    for image in kube_services.make(tmp_path / "images", build):
        for node in cluster.nodes:
            node.ctr("images", "import", image)
    servers.up(folder / "example/secrets")
    cluster.kubectl("apply", "-k", overlay(folder, namespace.name, servers))
    for name in SERVICES:
        done = cluster.kubectl(
            *("-n", namespace.name, "rollout", "status", f"deployment/openbatch-{name}"),
            "--timeout=240s",
            check=False,
        )
        if done.returncode != 0:
            pods = cluster.kubectl("-n", namespace.name, "describe", "pods").stdout
            words = ("logs", "--prefix", "--tail=20", "-l", "app.kubernetes.io/part-of=openbatch")
            logs = cluster.kubectl("-n", namespace.name, *words, check=False).stdout
            pytest.fail(f"{name}: {done.stderr}\n{pods[-6000:]}\n{logs}")
    return namespace.name


def test_the_services_run(cluster, folder, servers, deployed):
    """Jobs are accepted, and one scheduler goes on when the other is gone."""
    key, secret = (folder / "example/secrets/root.key").read_text().split()
    batch = boto3.client(
        "batch",
        endpoint_url=f"http://127.0.0.1:{servers.ports['api'][0]}",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    work = Work(batch, None, "busybox")
    queue = work.queue(work.unmanaged())
    definition = work.definition(["true"])

    def waits():
        job = work.submit(queue, definition)
        wait_for("a job to wait", lambda: work.job(job)["status"] == "RUNNABLE", 60)

    waits()
    for pod in cluster.pods(deployed, "app.kubernetes.io/name=openbatch-scheduler")[:1]:
        cluster.kubectl("-n", deployed, "delete", "pod", pod["metadata"]["name"])
        waits()
    # The page is there, for a browser.
    address = f"http://127.0.0.1:{servers.ports['console'][0]}/"
    with urllib.request.urlopen(address, timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/html")
