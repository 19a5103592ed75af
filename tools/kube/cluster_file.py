"""Reads the file of a cluster, and asks its API server.

The file is a kubeconfig as `kubectl config view --raw --flatten -o json` prints it. What the
services refuse of one is refused here, too. A Problem says what is wrong and what to do.
"""

import base64
import binascii
import http.client
import json
import os
import socket
import ssl
import tempfile
import urllib.parse
from pathlib import Path

SIZE_MAX = 1 << 20
ANSWER_MAX = 64 << 20
TIMEOUT_S = 15
FLATTEN = "make the file with: kubectl config view --raw --flatten --minify -o json"


class Problem(Exception):
    """args: what is wrong, what to do"""


def named(items, kind, name, file):
    """The member 'kind' of the entry with this name in a list of a kubeconfig."""
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and item.get("name") == name:
            if isinstance(item.get(kind), dict):
                return item[kind]
            break
    raise Problem(f"{file} has no {kind} named '{name}'", FLATTEN)


def read(file):
    try:
        if os.path.getsize(file) > SIZE_MAX:
            raise Problem(f"{file} is larger than 1 MiB", FLATTEN)
        config = json.loads(Path(file).read_bytes())
    except OSError as e:
        raise Problem(f"{file} cannot be read: {e.strerror}", "name the cluster's file") from e
    except (ValueError, RecursionError) as e:
        raise Problem(f"{file} is not JSON", FLATTEN) from e
    if not isinstance(config, dict):
        raise Problem(f"{file} is not a kubeconfig", FLATTEN)
    return config


class Cluster:
    """A cluster's API server, as its file says."""

    def __init__(self, file):
        config = read(file)
        self.file, self.folder = file, Path(file).resolve().parent
        context = named(config.get("contexts"), "context", config.get("current-context"), file)
        self.cluster = named(config.get("clusters"), "cluster", context.get("cluster"), file)
        self.user = named(config.get("users"), "user", context.get("user"), file)
        self._refuse()
        self.scheme, self.host, self.port, self.path = self._address()
        self.server = f"{self.host}:{self.port}"
        self.tls = self._tls() if self.scheme == "https" else None

    def _text(self, of, name):
        value = of.get(name) or ""
        if not isinstance(value, str):
            raise Problem(f"{self.file}: {name} is not text", FLATTEN)
        return value

    def _refuse(self):
        for name in ("exec", "auth-provider"):
            if self.user.get(name):
                raise Problem(
                    f"{self.file}: the user signs in with a program ('{name}'), which the services"
                    " do not run",
                    "give the user a token or a client certificate (docs/kubernetes.md)",
                )
        if self.cluster.get("insecure-skip-tls-verify"):
            raise Problem(
                f"{self.file}: insecure-skip-tls-verify is set, so anybody could answer instead of"
                " the cluster",
                "take it out, and give certificate-authority-data",
            )

    def _address(self):
        """The API server's: (scheme, host, port, path)."""
        text = self._text(self.cluster, "server")
        try:
            url = urllib.parse.urlsplit(text)
            host, port = url.hostname or "", url.port
        except ValueError:
            url, host, port = urllib.parse.urlsplit(""), "", None
        local = host in ("localhost", "::1") or host.startswith("127.")
        if not host or not (url.scheme == "https" or (url.scheme == "http" and local)):
            raise Problem(
                f"{self.file}: the server '{text}' is not https:// and an address",
                "give the API server's address with https",
            )
        default = 443 if url.scheme == "https" else 80
        return url.scheme, host, port or default, url.path.rstrip("/")

    def _bytes(self, of, name):
        """A member that is in the file itself (NAME-data), or in a file of its own."""
        data, path = self._text(of, f"{name}-data"), self._text(of, name)
        try:
            if data:
                return base64.b64decode(data, validate=True)
            return (self.folder / path).read_bytes() if path else None
        except binascii.Error as e:
            raise Problem(f"{self.file}: {name}-data is not base64", FLATTEN) from e
        except OSError as e:
            raise Problem(f"{self.file}: {name}: {path}: {e.strerror}", FLATTEN) from e

    def _tls(self):
        authority = self._bytes(self.cluster, "certificate-authority")
        certificate = self._bytes(self.user, "client-certificate")
        key = self._bytes(self.user, "client-key")
        if bool(certificate) != bool(key):
            raise Problem(
                f"{self.file}: a client certificate needs its key, and a key its certificate",
                FLATTEN,
            )
        try:
            tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
            if certificate:
                with tempfile.NamedTemporaryFile() as both:
                    both.write(certificate + b"\n" + key)
                    both.flush()
                    tls.load_cert_chain(both.name)
        except (ssl.SSLError, ValueError) as e:
            raise Problem(f"{self.file}: a certificate or key in it is not valid", FLATTEN) from e
        return tls

    def _token(self):
        path = self._text(self.user, "tokenFile")
        try:
            token = (self.folder / path).read_text() if path else self._text(self.user, "token")
        except OSError as e:
            raise Problem(
                f"{self.file}: tokenFile: {path}: {e.strerror}", "write the token there"
            ) from e
        return token.strip()

    def _connection(self, timeout):
        if not self.tls:
            return http.client.HTTPConnection(self.host, self.port, timeout)
        connection = http.client.HTTPSConnection(
            self.host, self.port, timeout=timeout, context=self.tls
        )
        name = self._text(self.cluster, "tls-server-name")
        if name:
            raw = socket.create_connection((self.host, self.port), timeout)
            connection.sock = self.tls.wrap_socket(raw, server_hostname=name)
        return connection

    def call(self, method, path, body=None, kind="application/json", timeout=TIMEOUT_S):
        """(status, object) of a request; text that is not JSON is given as it is."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind
        token = self._token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection = self._connection(timeout)
            try:
                connection.request(
                    method,
                    self.path + path,
                    json.dumps(body) if body is not None else None,
                    headers,
                )
                answer = connection.getresponse()
                text = answer.read(ANSWER_MAX)
            finally:
                connection.close()
        except ssl.SSLCertVerificationError as e:
            raise Problem(
                f"{self.server} shows a certificate that does not fit the cluster's file:"
                f" {e.verify_message}",
                "take certificate-authority-data from this cluster, and its address from its"
                " certificate (or give tls-server-name)",
            ) from e
        except (OSError, http.client.HTTPException, ValueError) as e:
            raise Problem(
                f"{self.server} does not answer: {e or type(e).__name__}",
                "look whether the cluster runs, and whether this host reaches that address",
            ) from e
        try:
            return answer.status, json.loads(text)
        except (ValueError, RecursionError):
            return answer.status, text.decode(errors="replace")
