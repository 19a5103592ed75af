"""Ports for what a test starts. Needs Python only."""

import socket


def is_free(port):
    """Does nobody listen at this port of 127.0.0.1?"""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
