"""Stores of images of a test's own (openbatch-image), and archives of images made by hand."""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from dataclasses import dataclass


def layer(*entries):
    """A layer: entries are (name, text), or (name, type, more) with members of TarInfo."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, what, *more in entries:
            info = tarfile.TarInfo(name)
            data = b""
            if more:
                info.type = what
                for key, value in more[0].items():
                    setattr(info, key, value)
            else:
                data = what.encode() if isinstance(what, str) else what
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@dataclass
class Packed:
    """A layer as an archive has it, and the digest of what it unpacks to."""

    data: bytes
    digest: str


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def packed(data):
    """A layer that is compressed."""
    return Packed(gzip.compress(data, 1), sha256(data))


def plain(data):
    return data if isinstance(data, Packed) else Packed(data, sha256(data))


def image_config(layers, config, platform):
    os_name, architecture, *variant = platform.split("/")
    image = {
        "architecture": architecture,
        "os": os_name,
        "config": config or {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + one.digest for one in layers]},
    } | ({"variant": variant[0]} if variant else {})
    return json.dumps(image).encode()


def save(path, name, *layers, config=None, platform="linux/amd64"):
    """What docker save would have written of an image with these layers."""
    layers = [plain(one) for one in layers]
    text = image_config(layers, config, platform)
    digest = sha256(text)
    names = [f"{i}/layer.tar" for i in range(len(layers))]
    manifest = [{"Config": f"{digest}.json", "RepoTags": [name] if name else None, "Layers": names}]
    path.write_bytes(
        layer(
            (f"{digest}.json", text),
            *((name, one.data) for name, one in zip(names, layers, strict=True)),
            ("manifest.json", json.dumps(manifest)),
        )
    )
    return path


def save_layout(path, name, *layers, config=None, more=()):
    """An archive of an OCI image with these layers, and more members."""
    blobs = {}

    def descriptor(data, kind):
        blobs[sha256(data)] = data
        media = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media, "digest": "sha256:" + sha256(data), "size": len(data)}

    layers = [plain(one) for one in layers]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor(image_config(layers, config, "linux/amd64"), "config.v1+json"),
        "layers": [descriptor(one.data, "layer.v1.tar+gzip") for one in layers],
    }
    entry = descriptor(json.dumps(manifest).encode(), "manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    path.write_bytes(
        layer(
            ("oci-layout", '{"imageLayoutVersion": "1.0.0"}'),
            ("index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]})),
            *((f"blobs/sha256/{digest}", data) for digest, data in blobs.items()),
            *more,
        )
    )
    return path


# Everything outside of a folder is read-only for the command.
CAGE = """
mount --bind "$0" "$0"
while read -r _ at _; do
    [ "$at" = "$0" ] || mount -o remount,bind,ro "$at" 2>/dev/null
done </proc/mounts
exec "$@"
"""


class ImageStore:
    def __init__(self, build, folder, limit=0, engine="", credentials="", crash_file=""):
        self.program = build / "services/executor/openbatch-image"
        self.folder = folder
        self.options = ["--store", folder, "--limit", str(limit)]
        self.options += ["--engine", engine, "--credentials", credentials]
        # Only of this test: no setting of the caller's.
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")}
        self.env["OPENBATCH_CRASH_FILE"] = str(crash_file)

    def start(self, *args, **more):
        return subprocess.Popen(
            [self.program, *self.options, *args],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def caged(self, *args):
        """The command's exit code, and what it said. It can write only beside the store, so that a
        bad image does no harm to the host; that it does not even try is checked, too."""
        cage = self.folder.parent
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", CAGE, cage, self.program, *self.options, *args],
            env=self.env,
            cwd=cage,
            capture_output=True,
            text=True,
            timeout=120,
        )
        said = done.stdout + done.stderr
        assert "read-only file system" not in said.lower()
        return done.returncode, said

    def run(self, *args, check=True):
        """The command's exit code, and what it printed."""
        process = self.start(*args)
        out, errors = process.communicate(timeout=120)
        assert not check or process.returncode == 0, errors
        return process.returncode, out + errors

    def get(self, name, *options, login=""):
        """As an executor: the process, which holds the image, and its last line."""
        process = self.start(*options, "get", name)
        process.stdin.write(login + "\n")
        process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            if "progress" not in said:
                return process, said
        raise AssertionError(process.communicate(timeout=10))

    def names(self):
        """What is in the store: ids by name."""
        found = {}
        for file in (self.folder / "names").glob("*"):
            entry = json.loads(file.read_text())
            for value in entry["platforms"].values():
                found[entry["name"]] = value["id"]
        return found

    def ids(self):
        return {path.name for path in (self.folder / "images").iterdir()}

    def root(self, name):
        return self.folder / "images" / self.names()[name] / "rootfs"

    def left(self):
        """What no process needs any more."""
        return [p for name in ("new", "pulls", "going") for p in (self.folder / name).glob("*")]

    def check(self):
        """All that has a name is complete; `list` says the same."""
        for name, digits in self.names().items():
            image = self.folder / "images" / digits
            info = json.loads((image / "image.json").read_text())
            assert info["id"] == digits, name
            assert (image / "lock").exists()
            assert (image / "rootfs").is_dir()
        listed = self.run("list")[1]
        assert set(re.findall(r"^(\S+:\S+) ", listed, re.M)) == set(self.names())
