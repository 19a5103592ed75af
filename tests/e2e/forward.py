"""Forwards connections: forward.py FROM TO, each tcp:HOST:PORT or unix:PATH. A unix socket leads
from one network namespace into another."""

import contextlib
import socket
import sys
import threading


def make(address):
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return socket.socket(socket.AF_UNIX), rest
    host, _, port = rest.rpartition(":")
    return socket.socket(socket.AF_INET), (host, int(port))


def copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def main(listen, to):
    server, address = make(listen)
    if server.family == socket.AF_INET:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen()
    while True:
        one, _ = server.accept()
        other, target = make(to)
        try:
            other.connect(target)
        except OSError:
            one.close()
            continue
        for ends in ((one, other), (other, one)):
            threading.Thread(target=copy, args=ends, daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
