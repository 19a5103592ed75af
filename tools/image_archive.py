"""Writes an archive of an image as `docker save` would, from the files of its root.

usage: image_archive.py NAME LAYER FILE     LAYER is a tar of the root, not compressed
"""

import hashlib
import io
import json
import sys
import tarfile


def write(file, name, layer, config=None):
    """layer: the path of a tar of the whole root. config: Env, Cmd, WorkingDir and so on."""
    with open(layer, "rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    image = {
        "architecture": "amd64",
        "os": "linux",
        "config": config or {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    text = json.dumps(image).encode()
    config_name = hashlib.sha256(text).hexdigest() + ".json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(file, "w") as archive:
        add(archive, "manifest.json", json.dumps(manifest).encode())
        add(archive, config_name, text)
        archive.add(layer, "layer.tar")


def add(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    name, layer, file = sys.argv[1:]
    write(file, name if ":" in name else f"{name}:latest", layer)
