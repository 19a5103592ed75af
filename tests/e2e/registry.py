"""Registries of this test's own: Debian's docker-registry, with and without a password, one that
stops in the middle of an answer, and one that does not answer."""

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request

from stack import wait_for

USER, PASSWORD = "reader", "secret-word"
HTPASSWD = f"{USER}:$2y$05$4FVP8wuUuW.fWXDp2IEaVOpPAr3SM89FGRT3U2717WnjHBcm3drIC\n"
AUTH = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    def __init__(self, folder, password=False):
        self.port = free_port()
        folder.mkdir()
        self.folder, self.login = folder, f"{USER}:{PASSWORD}" if password else ""
        config = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
            "http": {"addr": f"127.0.0.1:{self.port}", "secret": "x"},
        }
        if password:
            (folder / "htpasswd").write_text(HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        (folder / "config.json").write_text(json.dumps(config))  # JSON is YAML
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            ["docker-registry", "serve", folder / "config.json"],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        wait_for("the registry", self._answers)

    def _answers(self):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/").close()
        except urllib.error.HTTPError as e:
            return e.code == 401
        except OSError:
            return False
        return True

    def asked_for(self, name, tag):
        """How often an image was asked for by its tag: once a pull, whatever is cached."""
        text = (self.folder / "log").read_text()
        return text.count(f'"HEAD /v2/{name}/manifests/{tag} ')

    def manifests_sent(self, name):
        """How often a manifest of the image was sent: once a pull."""
        text = (self.folder / "log").read_text()
        return len(re.findall(rf'"GET /v2/{name}/manifests/\S+ HTTP/[0-9.]+" 200 ', text))

    def push(self, archive, name, port=None):
        """Stores an image of an archive; its whole name, perhaps by way of another port."""
        to = f"docker://127.0.0.1:{self.port}/{name}"
        login = ["--dest-creds", self.login] if self.login else []
        subprocess.run(
            ["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", *login]
            + [f"docker-archive:{archive}", to],
            check=True,
            capture_output=True,
            timeout=120,
        )
        return f"127.0.0.1:{port or self.port}/{name}"

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


class HeldRegistry:
    """In front of a registry: sends so many bytes of its answers, and waits before the rest."""

    def __init__(self, registry, after):
        self.registry, self.left = registry, after
        self.reached, self.may_go_on = threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.server.accept()[0]
                other = socket.create_connection(("127.0.0.1", self.registry.port))
                for pair in ((client, other, False), (other, client, True)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source, target, is_answer):
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                if is_answer:
                    self._hold(len(data))
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _hold(self, size):
        with self.lock:
            self.left -= size
            is_over = self.left < 0
        if is_over:
            self.reached.set()
            self.may_go_on.wait()

    def close(self):
        self.may_go_on.set()
        self.server.close()


class MuteRegistry:
    """Takes connections of image pulls and never answers: attempts stay STARTING for long."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.taken = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            try:
                self.taken.append(self.server.accept()[0])
            except OSError:
                return

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.taken:
            connection.close()


def write_docker_config(path, hosts):
    """What docker login would have written."""
    path.write_text(json.dumps({"auths": {host: {"auth": AUTH} for host in hosts}}))
    os.chmod(path, 0o600)
