#!/usr/bin/env python3
"""Reads the C code of the product with static analysers: clang-tidy (.clang-tidy), cppcheck, and
gcc -fanalyzer. usage: analyze.py BUILD_DIR [TOOL|FILE...]

Prints each report once and fails if there is one. The build directory is meson's; its generated
sources must be there. What the analysers cannot know is in analyzed.h, what they must not report is
in .clang-tidy, cppcheck.txt, or beside the line, each with its reason."""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS = ("services/", "shared/", "tools/")
# It defines the functions that analyzed.h wraps.
WITHOUT_HEADER = "shared/src/error.c"
# cppcheck takes quotes that stand alone for those of a shell.
QUOTE = '"', r"\""
# A cast to the type of an expression, as in LIST_ADD, ends cppcheck's reading of the file.
NO_TYPEOF = "-D__typeof__(expression)=void*"
MACROS = ("jansson.h", "jansson_config.h", "uthash.h", "utlist.h")
# Reports of gcc that name a path through the code, without the path.
GCC = ["-fdiagnostics-plain-output", "-fdiagnostics-path-format=none", "-fanalyzer", "-O1", "-S"]


def commands(build):
    """{file: (arguments of the compiler for it, the directory to run it in)}, each file once."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        if not path.is_relative_to(ROOT) or path.is_relative_to(build.resolve()):
            continue
        name = str(path.relative_to(ROOT))
        if not name.startswith(OURS) or name in found:
            continue
        found[name] = (arguments(entry, name), entry["directory"])
    return dict(sorted(found.items()))


def arguments(entry, name):
    """Those that say how to read a file: no output, no sanitizer, no optimisation, no warnings."""
    kept = []
    words = iter(shlex.split(entry["command"]))
    for word in words:
        if word in ("-o", "-MF", "-MQ", "-include"):
            next(words)
        elif word.startswith(("-D", "-I", "-isystem", "-std=", "-pthread")):
            kept.append(word)
    if name != WITHOUT_HEADER:
        kept += ["-I" + str(ROOT / "shared/include"), "-include", str(HERE / "analyzed.h")]
    return kept


def run(words, directory):
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def clang_tidy(name, args, directory):
    code, out, err = run(["clang-tidy", "--quiet", str(ROOT / name), "--", *args], directory)
    return out if code == 0 or out else out + err


def gcc(name, args, directory):
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    _, out, err = run([*compiler, *GCC, *args, "-o", "/dev/null", str(ROOT / name)], directory)
    return out + err


def cppcheck(found, build):
    """Reads all files in one run. Of the headers of others it gets those with macros that are
    control flow; it has its own description of the rest."""
    headers = build / "cppcheck/headers"
    headers.mkdir(parents=True, exist_ok=True)
    for name in MACROS:
        (headers / name).unlink(missing_ok=True)
        (headers / name).symlink_to(Path("/usr/include") / name)
    wanted = []
    for name, (args, directory) in found.items():
        quoted = [word.replace(*QUOTE) for word in args]
        wanted.append(
            {
                "file": str(ROOT / name),
                "directory": directory,
                "arguments": ["cc", *quoted, NO_TYPEOF, f"-I{headers}"],
            }
        )
    project = build / "cppcheck.json"
    project.write_text(json.dumps(wanted))
    _, out, err = run(
        [
            "cppcheck",
            "--enable=warning,portability,performance",
            "--inline-suppr",
            "--quiet",
            "-j2",
            "--library=posix",
            f"--cppcheck-build-dir={build / 'cppcheck'}",
            f"--suppressions-list={HERE / 'cppcheck.txt'}",
            f"--project={project}",
        ],
        ROOT,
    )
    return out + err


def reports(text):
    """Reports in the text of a tool, each with its lines."""
    found = []
    for line in text.splitlines():
        if ": warning: " in line or ": error: " in line or ": portability: " in line:
            found.append([line])
        elif found:
            found[-1].append(line)
    return ["\n".join(one) for one in found]


TOOLS = {"clang-tidy": clang_tidy, "cppcheck": cppcheck, "gcc": gcc}


def texts_of(tool, found, build):
    """What a tool says of the files: texts."""
    if tool == "cppcheck":
        return [cppcheck(found, build)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda item: TOOLS[tool](item[0], *item[1]), found.items()))


def main():
    build, words = Path(sys.argv[1]), sys.argv[2:]
    files = [word for word in words if word not in TOOLS]
    found = commands(build)
    found = {name: found[name] for name in files or found}
    failed = False
    for tool in [word for word in words if word in TOOLS] or TOOLS:
        seen = dict.fromkeys(
            report for text in texts_of(tool, found, build) for report in reports(text)
        )
        for report in seen:
            print(report)
        print(f"{tool}: {len(found)} files, {len(seen)} reports", flush=True)
        failed = failed or bool(seen)
    sys.exit(failed)


if __name__ == "__main__":
    main()
