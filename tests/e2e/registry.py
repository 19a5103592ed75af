"""Registries of this test's own: Debian's docker-registry, with and without a password, and one
that does not answer."""

import base64
import json
import os
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
        self.folder = folder
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

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


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
