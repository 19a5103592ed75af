"""The command line: starts a cluster, writes its kubeconfig, and lets programs cause faults.

DIR/<cluster>.json is a kubeconfig as `kubectl config view --raw --flatten -o json` gives it, and
DIR/<cluster>.control a URL: POST URL/<method> with a JSON object of arguments calls a method of
FakeCluster, and is answered with its result as JSON."""

import argparse
import http.server
import inspect
import json
import signal
import sys
import threading
from pathlib import Path

from .cluster import FakeCluster


class Control(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        try:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            name = self.path.strip("/")
            method = getattr(self.server.cluster, name, None)
            if name.startswith("_") or not inspect.ismethod(method):
                raise ValueError(f"there is no method {name!r}")
            code, result = 200, method(**json.loads(text or b"{}"))
        except Exception as error:  # whatever the call does wrong, its caller is told
            code, result = 400, {"error": repr(error)}
        data = json.dumps(result, default=repr).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def arguments():
    parser = argparse.ArgumentParser(prog="kube", description=__doc__.split("\n")[0])
    parser.add_argument("--dir", required=True, type=Path, help="for the kubeconfig")
    parser.add_argument("--name", default="fake", help="the cluster's name")
    parser.add_argument("--nodes", type=int, default=2, help="node-1, node-2, …")
    parser.add_argument("--cpu", default="4", help="of each node")
    parser.add_argument("--memory", default="8Gi", help="of each node")
    parser.add_argument(
        "--namespace", action="append", help="in which aws-batch has rights; batch-jobs"
    )
    parser.add_argument("--label", default="", help="a uuid of an environment, for all nodes")
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    parser.add_argument("--certificate", action="store_true", help="instead of a token")
    return parser.parse_args()


def main():
    options = arguments()
    options.dir.mkdir(parents=True, exist_ok=True)
    with FakeCluster(
        options.name,
        nodes=options.nodes,
        namespaces=options.namespace or ["batch-jobs"],
        cpu=options.cpu,
        memory=options.memory,
        port=options.port,
    ) as cluster:
        if options.label:
            cluster.label_nodes(options.label)
        control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
        control.daemon_threads = True
        control.cluster = cluster
        threading.Thread(target=control.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{control.server_port}"
        (options.dir / f"{options.name}.control").write_text(url + "\n")
        path = cluster.write_kubeconfig(options.dir, options.certificate)
        print(f"ready: {cluster.server.url}, {path}, control {url}", flush=True)
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
