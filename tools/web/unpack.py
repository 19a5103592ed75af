"""Unpacks WebJars as a folder of npm's modules.

usage: unpack.py MODULES JAR...: MODULES is made anew. A file
META-INF/resources/webjars/NAME/VERSION/REST of a jar becomes MODULES/NAME/REST."""

import shutil
import sys
import zipfile
from pathlib import Path, PurePosixPath

INSIDE = ("META-INF", "resources", "webjars")


def target(name):
    """Where a jar's file goes, below the folder of modules; None: it is not of a module."""
    parts = PurePosixPath(name).parts
    if parts[:3] != INSIDE or len(parts) < 6 or ".." in parts:
        return None
    return Path(parts[3], *parts[5:])


def main():
    modules, *jars = map(Path, sys.argv[1:])
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir(parents=True)
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            for entry in archive.infolist():
                place = target(entry.filename)
                if place is None or entry.is_dir():
                    continue
                (modules / place).parent.mkdir(parents=True, exist_ok=True)
                (modules / place).write_bytes(archive.read(entry))


if __name__ == "__main__":
    main()
