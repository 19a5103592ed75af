"""Writes docs/crash-points.md from the table in shared/include/ob/point.h.

usage: crash_points.py [--check]: with --check nothing is written; exits 1 when the document differs
or one of these rules is broken:

1. Each point is passed by one place in the code of its service, and by no other.
2. Only the wrappers pass points, and only they do durable things: raw calls (RAW) stand nowhere
   else. So whoever adds a durable call needs a point for it.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "shared/include/ob/point.h"
DOCUMENT = ROOT / "docs/crash-points.md"
HEAD = (ROOT / "tools/crash_points.head.md").read_text()
ROW = re.compile(r'P\((\w+), (\w+), "([^"]+)", "([^"]+)"\)')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
KINDS = {
    "COMMIT": "commit",
    "MESSAGE": "message",
    "OFFSETS": "offsets",
    "TOPICS": "topics",
    "CACHE": "Redis",
    "FILE": "file",
    "CONTAINER": "container",
    "PROVIDER": "provider",
    "REQUEST": "request",
}
# Services, and the folders whose code passes their points.
FOLDERS = {
    "any": ["shared/src"],
    "api": ["services/api"],
    "scheduler": ["services/scheduler", "shared/src/leader.c"],
    "scaler": ["services/scaler", "shared/src/leader.c"],
    "executor": ["services/executor"],
    "console": ["services/console"],
}
SUPERVISE = "services/scaler/providers/local/supervise.c"
INSTANCE_DIR = "services/scaler/providers/instance_dir.c"
SPOOL = "services/executor/spool.c"
# Files of containers. A keeper is a program of its own that may be killed anywhere: it passes no
# points.
OCI = "services/executor/runtimes/oci/"
OCI_FOLDER, OCI_KEEPER = OCI + "oci_folder.c", OCI + "oci_keeper.c"
KEEPER = {
    OCI + f"keeper/keeper_{name}.c" for name in ("groups", "init", "program", "room", "run", "tree")
} | {OCI + "keeper/keeper.c"}
# Marks and removal, for programs of both kinds: who removes passes the point.
OWNED = "services/executor/owned.c"
# The store of images; its programs, skopeo and umoci, work in a folder of whoever runs them.
IMAGE_FILES = "services/executor/images/image_files.c"
CHILD = "services/executor/child.c"
IMAGE_PROGRAM = "services/executor/images/image_program.c"
# Its file belongs to a test.
NULL_WORD = "services/executor/runtimes/null/null_word.c"
BUS, BUS_ADMIN = "shared/src/bus_kafka.c", "shared/src/bus_kafka_admin.c"
DB, DB_CONN, DB_PIPE = "shared/src/db.c", "shared/src/db_conn.c", "shared/src/db_pipe.c"
FILE, HTTP, CACHE = "shared/src/file.c", "shared/src/http.c", "shared/src/cache.c"
POINT, SERVICE = "shared/src/point.c", "shared/src/service.c"
SOCKET = "shared/src/local_socket.c"
# Durable calls, and the files that may have them.
RAW = [
    (
        r"\bob_point_pass\(",
        {BUS, BUS_ADMIN, DB, DB_PIPE, FILE, HTTP, CACHE, SPOOL, INSTANCE_DIR, SUPERVISE}
        | {IMAGE_FILES, IMAGE_PROGRAM, OCI_FOLDER, OCI_KEEPER},
    ),
    (r"\brd_kafka_produce\w*\(", {BUS}),
    (r"\brd_kafka_(commit|offsets?_store)\w*\(", {BUS}),
    (r"\brd_kafka_(Create|Delete)\w+\(", {BUS_ADMIN}),
    (r"\bPQ(exec|send(Query|Prepare)|prepare|put)\w*\(", {DB, DB_CONN, DB_PIPE}),
    (r'"COMMIT"', {"shared/src/db_rules.h"}),
    (r"\bcurl_easy_init\(", {HTTP}),
    (r"\bredis\w*Command\w*\(", {CACHE}),
    # a socket is made again at each start
    (
        r"(?<!->)\b(rename|link|symlink|unlink|remove)(at2?)?\(",
        {FILE, SPOOL, INSTANCE_DIR, POINT, SOCKET, IMAGE_FILES, OCI_FOLDER, OWNED} | KEEPER,
    ),
    (r"\b(fsync|fdatasync|f?truncate)\(", {FILE, SPOOL}),
    (
        r"\bO_(CREAT|TRUNC|APPEND)\b",
        {FILE, SPOOL, SUPERVISE, NULL_WORD, IMAGE_FILES, OCI_FOLDER} | KEEPER,
    ),
    # the kernel's filter of core files, which is no file on a disk
    (r'\bfopen\([^;]*"[wa]', {SERVICE}),
    (
        r"\b(v?fork|posix_spawnp?|system|popen)\(",
        {SUPERVISE, IMAGE_PROGRAM, CHILD, OCI_KEEPER} | KEEPER,
    ),
    # the local provider kills a purge that hangs, and starts another one
    (
        r"(?<!->)\bkill\(",
        {SUPERVISE, POINT, "services/scaler/providers/local/provider_local.c"}
        | {IMAGE_PROGRAM, CHILD, OCI_KEEPER}
        | KEEPER,
    ),
]


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall(TABLE.read_text())


def sources() -> dict[str, str]:
    listed = subprocess.run(
        [
            "git",
            "-C",
            ROOT,
            "ls-files",
            "-co",
            "--exclude-standard",
            "services/*.[ch]",
            "shared/*.[ch]",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        path: COMMENT.sub(" ", (ROOT / path).read_text())
        for path in listed.stdout.split()
        if (ROOT / path).exists() and path != str(TABLE.relative_to(ROOT))
    }


def broken_rules(code: dict[str, str]) -> list[str]:
    wrong = []
    for point, _, name, _ in rows():
        places = [path for path, text in code.items() if re.search(rf"\bOB_POINT_{point}\b", text)]
        folders = FOLDERS[name.split(".")[0]]
        if len(places) != 1 or not places[0].startswith(tuple(folders)):
            wrong.append(f"{name} is to be passed in one file of its service, not in {places}")
        elif (
            places[0] not in RAW[0][1]
            and len(re.findall(rf"\bOB_POINT_{point}\b", code[places[0]])) > 1
        ):
            wrong.append(f"{name} is passed at several places in {places[0]}")
    for pattern, allowed in RAW:
        for path, text in code.items():
            found = re.search(pattern, text)
            if found and path not in allowed and path != "shared/include/ob/point.h":
                wrong.append(f"{path}: {found[0]} without a point: use a wrapper (ob/point.h)")
    return wrong


def document() -> str:
    lines = [HEAD.rstrip(), ""]
    service = ""
    for _, kind, name, what in rows():
        if name.split(".")[0] != service:
            service = name.split(".")[0]
            title = "Every service" if service == "any" else f"`openbatch-{service}`"
            lines += ["", f"## {title}", "", "| point | what it is | what is done |"]
            lines += ["| --- | --- | --- |"]
        lines.append(f"| `{name}` | {KINDS[kind]} | {what} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    wrong = broken_rules(sources())
    if wrong:
        sys.exit("\n".join(wrong))
    if "--check" not in sys.argv:
        DOCUMENT.write_text(document())
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != document():
        sys.exit("docs/crash-points.md is not what ob/point.h says: run tools/crash_points.py")


if __name__ == "__main__":
    main()
