"""Certificates, tokens and kubeconfigs of a test cluster."""

import base64
import json
import secrets
import subprocess
from pathlib import Path

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
NODES_MAX = 4
# The user of a token: (name, groups).
USERS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "aws-batch": ("aws-batch", ""),
    "stranger": ("stranger", ""),
}


def openssl(*words, **more):
    subprocess.run(["openssl", *words], check=True, capture_output=True, **more)


class Keys:
    def __init__(self, folder):
        self.folder = Path(folder)

    def path(self, name):
        return self.folder / name

    def make(self, node_names):
        self.folder.mkdir(parents=True, mode=0o700)
        at = {"cwd": self.folder}
        openssl(
            "req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30",
            "-subj", "/CN=openbatch-tests", **at,
        )  # fmt: skip
        names = "IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc"
        self.certificate("apiserver", "/CN=kube-apiserver", f"subjectAltName={names}")
        self.certificate(
            "kubelet-client",
            "/O=system:masters/CN=kube-apiserver-kubelet-client",
            "extendedKeyUsage=clientAuth",
        )
        openssl("genrsa", "-out", "accounts.key", "2048", **at)
        openssl("rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub", **at)
        users = USERS | {
            f"node{i}": (f"system:node:{name}", "system:nodes")
            for i, name in enumerate(node_names, 1)
        }
        lines = []
        for number, (user, (name, groups)) in enumerate(users.items()):
            token = secrets.token_hex(16)
            self.path(f"{user}.token").write_text(token)
            lines.append(f'{token},{name},{number},"{groups}"\n')
        self.path("tokens.csv").write_text("".join(lines))

    def certificate(self, name, subject, extensions):
        """Signed by the cluster's own authority."""
        at = {"cwd": self.folder}
        openssl(
            "req", *CURVE, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject, **at
        )
        self.path(f"{name}.ext").write_text(extensions)
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "30", "-out", f"{name}.crt", "-extfile", f"{name}.ext",
            **at,
        )  # fmt: skip

    def config(self, server, user):
        """A kubeconfig that needs no other file."""
        authority = base64.b64encode(self.path("ca.crt").read_bytes()).decode()
        token = self.path(f"{user}.token").read_text()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "tests",
                    "cluster": {"server": server, "certificate-authority-data": authority},
                }
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": user}}],
            "current-context": "tests",
        }

    def write_config(self, file, server, user):
        Path(file).write_text(json.dumps(self.config(server, user)))
        Path(file).chmod(0o600)
