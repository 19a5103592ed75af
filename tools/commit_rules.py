"""Checks the subjects of commits: `area: imperative summary`.

Checks HEAD; with OPENBATCH_COMMITS_SINCE=REVISION all commits since then, without merges. Without a
git directory there is nothing to check.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUBJECT_MAX = 90
SUBJECT = re.compile(r"[a-z][a-z0-9_./-]*(, [a-z][a-z0-9_./-]*)*: (?P<verb>[a-z][a-z-]*)( .*)?")
# Words that begin a statement or a name, never a command.
NO_VERB = re.compile(
    r"("
    r"a|all|an|and|another|any|are|as|at|both|but|by|each|"
    r"every|few|for|from|how|i|if|in|is|it|its|just|many|"
    r"more|most|neither|no|none|not|nothing|of|on|one|only|or|"
    r"our|some|somebody|such|that|the|their|there|these|they|this"
    r"|those|to|too|two|was|we|were|what|whatever|when|where|"
    r"whether|which|while|who|whoever|whose|why|with|without"
    r")"
)
# Verbs that look like another form of a verb.
VERB = re.compile(r"embed|exceed|feed|focus|need|proceed|seed|shed|speed|bring|ring|string")


def fault(subject):
    """Why the subject is not `area: imperative summary`; None if it is."""
    match = SUBJECT.fullmatch(subject)
    if not match:
        return "is not of the form 'area: imperative summary'"
    verb = match["verb"]
    if NO_VERB.fullmatch(verb):
        return f"does not begin with a verb: '{verb}'"
    if not VERB.fullmatch(verb) and re.search(r"(ed|ing|[^su]s)$", verb):
        return f"is not imperative: '{verb}'"
    if subject.endswith("."):
        return "ends with a period"
    if len(subject) > SUBJECT_MAX:
        return f"is longer than {SUBJECT_MAX} characters"
    return None


def git(*arguments):
    """The output of a git command; None if it fails or there is no git."""
    try:
        done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def commits():
    """(id, subject) of the commits to check."""
    if git("rev-parse", "--show-toplevel") != str(ROOT):
        return []
    since = os.environ.get("OPENBATCH_COMMITS_SINCE")
    span = [f"{since}..HEAD"] if since else ["-1", "HEAD"]
    log = git("log", "--no-merges", "--format=%h %s", *span) or ""
    return [line.split(" ", 1) for line in log.splitlines()]


def main():
    bad = 0
    for name, subject in commits():
        why = fault(subject)
        if why:
            print(f"commit {name}: the subject {why}: {subject}", file=sys.stderr)
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
