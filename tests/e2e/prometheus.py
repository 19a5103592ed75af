"""A real Prometheus that watches the copy, and the page that it reads."""

import contextlib
import json
import re
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from stack import ROOT, wait_for

MONITORING = ROOT / "docs/monitoring"
SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')


def token_of(stack):
    return (stack.home / "secrets/metrics.token").read_text().strip()


def ask(stack, path="/metrics", token=None, method="GET", **headers):
    """(status, content type, text)"""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(stack.endpoint + path, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as err:
        return err.code, err.headers["Content-Type"], err.read().decode()


def page(stack, path="/metrics"):
    status, kind, text = ask(stack, path, token_of(stack))
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8"), text
    return text


def samples(text):
    """{name: {frozenset of (label, value): number}}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        assert match, line
        labels = frozenset(LABEL.findall(match["labels"] or ""))
        found.setdefault(match["name"], {})[labels] = float(match["value"])
    return found


def value(stack, name, path="/metrics", **labels):
    """The number of one series; None: it is not there."""
    return samples(page(stack, path)).get(name, {}).get(frozenset(labels.items()))


def promtool(*arguments, **more):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, **more)


class Prometheus:
    def __init__(self, url):
        self.url = url

    def get(self, path, **query):
        text = urllib.parse.urlencode(query)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{text}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        return self.get("query", query=expression)["result"]

    def rules(self):
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]


@contextlib.contextmanager
def prometheus(stack, folder):
    """It asks once a second, and has the rules of docs/monitoring."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "token").write_text(token_of(stack))
    (folder / "prometheus.json").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(MONITORING / "rules.yml")],
                "scrape_configs": [
                    {
                        "job_name": name,
                        "metrics_path": path,
                        "authorization": {"credentials_file": str(folder / "token")},
                        "static_configs": [
                            {"targets": [urllib.parse.urlsplit(stack.endpoint).netloc]}
                        ],
                    }
                    for name, path in (("openbatch", "/metrics"), ("shares", "/metrics/shares"))
                ],
            }
        )
    )
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.json"]
            + [f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    watching = Prometheus(f"http://{address}")

    def scrapes():
        assert process.poll() is None, (folder / "prometheus.log").read_text()
        with contextlib.suppress(OSError):
            up = watching.query("up")
            return len(up) == 2 and all(one["value"][1] == "1" for one in up)

    try:
        wait_for("Prometheus reads both pages", scrapes, 60)
        yield watching
    finally:
        process.kill()
        process.wait()
