"""A small client of an apiserver, for tests: one connection a request."""

import base64
import contextlib
import http.client
import json
import ssl
import urllib.parse


class Client:
    def __init__(self, kubeconfig):
        """Of what `kubectl config view --raw --flatten -o json` gives, with a token."""
        cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
        self.context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        self.host = urllib.parse.urlsplit(cluster["server"]).netloc
        self.token = user.get("token")

    def _open(self, method, path, body, kind, timeout):
        connection = http.client.HTTPSConnection(self.host, context=self.context, timeout=timeout)
        headers = {"Content-Type": kind} if body is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = json.dumps(body) if isinstance(body, dict) else body
        connection.request(method, path, data, headers)
        return connection, connection.getresponse()

    def call(self, method, path, body=None, kind="application/json", timeout=30):
        """(status, object, headers)"""
        connection, answer = self._open(method, path, body, kind, timeout)
        with contextlib.closing(connection):
            return answer.status, json.loads(answer.read()), answer.headers

    def good(self, method, path, body=None, kind="application/json"):
        """The object of a call that must succeed."""
        status, item, _ = self.call(method, path, body, kind)
        assert status < 300, item
        return item

    def get(self, path):
        return self.good("GET", path)

    def patch(self, path, body):
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def lines(self, path, timeout=30):
        """Lines of a stream, as they come."""
        connection, answer = self._open("GET", path, None, "", timeout)
        with contextlib.closing(connection):
            assert answer.status == 200, answer.read()
            for line in answer:
                yield line.decode()

    def text(self, path, timeout=30):
        """(status, text)"""
        connection, answer = self._open("GET", path, None, "", timeout)
        with contextlib.closing(connection):
            return answer.status, answer.read().decode()

    def watch(self, path, timeout=30):
        """(type, object) of each event."""
        for line in self.lines(path, timeout):
            event = json.loads(line)
            yield event["type"], event["object"]
