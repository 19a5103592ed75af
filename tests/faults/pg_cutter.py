"""A proxy between the services and PostgreSQL, on a unix socket, that cuts connections when a
COMMIT has been sent: PostgreSQL has it, and nobody learns what became of it."""

import contextlib
import random
import socket
import struct
import threading
from pathlib import Path

NAME = ".s.PGSQL.5432"
PARSE, QUERY, SYNC = b"P", b"Q", b"S"


class Cutter:
    """Between folder/NAME and the socket of that name in 'to'. chance: of a COMMIT to be cut."""

    def __init__(self, folder, to):
        self.to, self.folder = Path(to) / NAME, Path(folder)
        self.chance, self.cuts, self.commits = 0, 0, 0
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.folder / NAME))
        self.server.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self.to))
        except OSError:
            client.close()
            return
        threading.Thread(target=_pump, args=(server, client), daemon=True).start()
        with contextlib.suppress(OSError):
            self._requests(client, server)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _requests(self, client, server):
        """Message by message, until the client ends or is cut."""
        messages, commits = Messages(client), False
        while message := messages.next():
            kind, body = message
            server.sendall(kind + body)
            if kind == PARSE:  # its name, then its text
                commits |= body[4:].partition(b"\0")[2].startswith(b"COMMIT\0")
            if kind == QUERY and body[4:].startswith(b"COMMIT"):
                commits = True
            if commits and kind in (SYNC, QUERY):
                commits, self.commits = False, self.commits + 1
                if random.random() < self.chance:
                    self.cuts += 1
                    return

    def end(self):
        self.server.close()
        (self.folder / NAME).unlink()


class Messages:
    """What a client of PostgreSQL sends: at first a message without a kind."""

    def __init__(self, connection):
        self.connection, self.data, self.first = connection, bytearray(), True

    def _has(self, size):
        while len(self.data) < size:
            more = self.connection.recv(1 << 16)
            if not more:
                return False
            self.data += more
        return True

    def next(self):
        """(kind, length and body); None at the end."""
        kind = 0 if self.first else 1
        if not self._has(kind + 4):
            return None
        size = kind + struct.unpack_from("!I", self.data, kind)[0]
        if not self._has(size):
            return None
        message = bytes(self.data[:kind]), bytes(self.data[kind:size])
        del self.data[:size]
        self.first = False
        return message


def _pump(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
