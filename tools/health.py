"""Asks one service of this copy for its health and exits 0 only if it says that it is well.

Prints what it said, one JSON object; with --brief the part a person wants: whether it leads, and
what of the things it depends on does not answer.

usage: health.py [--brief] SERVICE RUN_DIR PORT
"""

import http.client
import json
import socket
import sys

from plain import plain


def ask(service, run_dir, port):
    if service == "api":
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        conn.request("GET", "/healthz")
        return conn.getresponse().read()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(f"{run_dir}/{service}.health")
        return b"".join(iter(lambda: sock.recv(65536), b""))


def brief(health):
    words = []
    if "error" in health:
        words.append(health["error"])
    if "leader" in health:
        words.append("leader" if health["leader"] else "standby")
    for name, state in health.get("depends", {}).items():
        if isinstance(state, dict) and state.get("ok") is not True:
            words.append(f"{name}: {state.get('text', 'does not answer')}")
    info = health.get("info", {})
    if "logLinesDropped" in info:
        words.append(f"{info['logLinesDropped']} lines of its log were dropped")
    jump = info.get("clockJump")
    if jump and jump["secondsAgo"] < 24 * 3600:
        words.append(
            f"the clock was set by {jump['byMs'] / 1000:+.0f} s, {jump['secondsAgo']} s ago"
        )
    return "; ".join(words)


def main():
    arguments = sys.argv[1:]
    is_brief = arguments[0] == "--brief"
    service, run_dir, port = arguments[is_brief:]
    try:
        health = json.loads(ask(service, run_dir, int(port)))
    except (OSError, ValueError, http.client.HTTPException) as err:
        health = {"service": service, "ok": False, "error": str(err)}
    print(plain(brief(health)) if is_brief else json.dumps(health))
    return 0 if health.get("ok") is True else 1


if __name__ == "__main__":
    sys.exit(main())
