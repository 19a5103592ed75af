"""A proxy in front of the api that cuts connections, as networks do: always at the first try of
each call, sometimes at later ones; before the request has reached the api, in the middle of it, or
when its answer is on the way."""

import random
import socket
import socketserver
import threading

CUTS = ("unsent", "half sent", "unanswered", "half answered")


class Cutter(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self, backends, again=0.2):
        """backends: (host, port) pairs, one of which is drawn for each request. again: how often a
        repeated try is cut, too."""
        super().__init__(("127.0.0.1", 0), Exchange)
        self.backends, self.again = backends, again
        self.lock = threading.Lock()
        self.seen = set()
        self.counts = dict.fromkeys((*CUTS, None, "refused"), 0)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def draw(self, call):
        """Where to cut this try; None: nowhere."""
        with self.lock:
            first = call not in self.seen
            self.seen.add(call)
            return random.choice(CUTS) if first or random.random() < self.again else None

    def count(self, what):
        with self.lock:
            self.counts[what] += 1


def read_message(connection):
    """One HTTP message with a Content-Length; None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    missing = int(fields.get(b"content-length", 0)) - len(body)
    while missing > 0:
        more = connection.recv(missing)
        if not more:
            return None
        data += more
        missing -= len(more)
    return data, fields


class Exchange(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while self.forward():
                pass
        except OSError:
            pass  # the client is gone, or the api has died: cut

    def forward(self):
        message = read_message(self.request)
        if not message:
            return False
        data, fields = message
        cut = self.server.draw(fields[b"amz-sdk-invocation-id"])
        self.server.count(cut)
        if cut == "unsent":
            return False
        try:
            api = socket.create_connection(random.choice(self.server.backends), timeout=20)
        except OSError:
            self.server.count("refused")
            return False
        with api:
            if cut == "half sent":
                api.sendall(data[: random.randrange(1, len(data))])
                return False
            api.sendall(data)
            answer = read_message(api)
        if not answer or cut == "unanswered":
            return False
        if cut == "half answered":
            self.request.sendall(answer[0][: random.randrange(1, 12)])
            return False
        self.request.sendall(answer[0])
        return True
