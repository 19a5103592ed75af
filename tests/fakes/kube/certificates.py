"""A CA, the apiserver's certificate and a client's, made with openssl."""

import base64
import subprocess

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def _make_ca(folder):
    _openssl(
        *("req", "-x509", *NEW_KEY, "-days", "30", "-subj", "/CN=kubernetes"),
        *("-keyout", folder / "ca.key", "-out", folder / "ca.crt"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )


def make(folder, name, subject, extension):
    """NAME.key and NAME.crt in the folder, signed by the CA that is there."""
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(extension)
    _openssl(
        *("req", "-new", *NEW_KEY, "-subj", subject),
        *("-keyout", folder / f"{name}.key", "-out", request),
    )
    _openssl(
        *("x509", "-req", "-in", request, "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"),
        *("-CAcreateserial", "-days", "30", "-extfile", extensions),
        *("-out", folder / f"{name}.crt"),
    )


def make_all(folder, user):
    folder.mkdir(parents=True, exist_ok=True)
    _make_ca(folder)
    names = "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc,IP:127.0.0.1"
    usage = "extendedKeyUsage=serverAuth"
    make(folder, "server", "/CN=kube-apiserver", f"subjectAltName={names}\n{usage}\n")
    make(folder, "client", f"/O=openbatch/CN={user}", "extendedKeyUsage=clientAuth\n")


def base64_of(path):
    return base64.b64encode(path.read_bytes()).decode()
