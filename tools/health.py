"""Asks one service of this copy for its health: prints its JSON line, exits 0 only if it says ok.

usage: health.py SERVICE RUN_DIR PORT
"""

import http.client
import json
import socket
import sys


def ask(service, run_dir, port):
    if service == "api":
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        conn.request("GET", "/healthz")
        return conn.getresponse().read()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(f"{run_dir}/{service}.health")
        return b"".join(iter(lambda: sock.recv(65536), b""))


def main():
    service, run_dir, port = sys.argv[1:]
    try:
        text = ask(service, run_dir, int(port))
        health = json.loads(text)
    except (OSError, ValueError, http.client.HTTPException) as err:
        print(json.dumps({"service": service, "ok": False, "error": str(err)}))
        return 1
    print(json.dumps(health))
    return 0 if health.get("ok") is True else 1


if __name__ == "__main__":
    sys.exit(main())
