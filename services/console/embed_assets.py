"""Writes the page's files as C: each compressed with gzip, with its type and a tag of its content.

usage: embed_assets.py OUT.c LIMIT FILE...: fails when all of them together are larger than LIMIT
bytes, which a browser loads before it shows anything. index.html is the page, other files are
served below /assets/."""

import gzip
import hashlib
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def array(name, data):
    lines = [
        "    " + " ".join(f"{byte}," for byte in data[at : at + 24])
        for at in range(0, len(data), 24)
    ]
    return f"static const uint8_t {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def main():
    out, limit, *files = sys.argv[1:]
    arrays, rows, total = [], [], 0
    for number, file in enumerate(map(Path, files)):
        content = file.read_bytes()
        data = gzip.compress(content, 9, mtime=0)
        total += len(data)
        path = "/index.html" if file.name == "index.html" else f"/assets/{file.name}"
        tag = hashlib.sha256(content).hexdigest()[:20]
        arrays.append(array(f"asset_{number}", data))
        rows.append(
            f'    {{ "{path}", "{TYPES[file.suffix]}", "\\"{tag}\\"", asset_{number},'
            f" sizeof asset_{number} }},"
        )
    if total > int(limit):
        sys.exit(f"the page's files are {total} bytes, compressed; at most {limit} may be loaded")
    text = '#include "assets.h"\n\n' + "\n".join(arrays)
    text += "\nconst asset assets[] = {\n" + "\n".join(rows) + "\n    { 0 },\n};\n"
    Path(out).write_text(text)


if __name__ == "__main__":
    main()
