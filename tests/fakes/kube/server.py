"""The apiserver's TLS server: connections, their faults, answers and streams. What requests mean is
in api.py."""

import contextlib
import http.server
import socket
import ssl
import threading
import time
import urllib.parse
from collections import Counter

from . import errors
from .api import Api
from .store import dumps

LARGEST_BODY = 3 * 1024 * 1024


class Cut(Exception):
    """The connection is to be cut, without a word."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True
    timeout = 600

    def setup(self):
        self.fake = self.server.fake
        self.request = self.fake.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, *args):
        pass

    def handle_one_request(self):
        """Any fault of the connection ends it, quietly."""
        try:
            super().handle_one_request()
        except (OSError, Cut, ValueError):
            self.close_connection = True

    def _user(self):
        """Whose token or certificate it is; None: nobody's."""
        kind, _, token = (self.headers.get("Authorization") or "").partition(" ")
        if token:
            return self.fake.cluster.rights.user_of(token.strip()) if kind == "Bearer" else None
        certificate = self.request.getpeercert()
        names = {k: v for part in (certificate or {}).get("subject", ()) for k, v in part}
        return names.get("commonName")

    def _body(self):
        size = int(self.headers.get("Content-Length") or 0)
        if size > LARGEST_BODY:
            raise errors.ApiError(413, "RequestEntityTooLarge", "Request entity too large", {})
        return self.rfile.read(size)

    def _serve(self):
        self.fake.note(self.command, self.path)
        body = self._body()
        met = self.fake.cluster.faults.take(self.command, self.path)
        if "refuse" in met:
            raise Cut
        try:
            if "error" in met:
                raise self._error(met["error"])
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            if "expire" in met:
                raise errors.too_old(
                    query.get("resourceVersion") or 1, self.fake.cluster.store.version
                )
            if not (user := self._user()):
                raise errors.unauthorized()
            kind = self.headers.get("Content-Type") or ""
            call = (self.command, url.path, query, body, kind, user, self)
            if "twice" in met:
                with contextlib.suppress(errors.ApiError):
                    self.fake.api.answer(*call)
            result = self.fake.api.answer(*call)
            code, item = result or (None, None)
            headers = {}
        except errors.ApiError as error:
            code, item, headers = error.code, error.status(), error.headers
        if code is None:
            return  # a stream, which has ended
        if "lose" in met:
            raise Cut
        if "delay_answer" in met:
            time.sleep(met["delay_answer"].seconds)
        self._answer(code, dumps(item), headers, "half" in met)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _error(self, rule):
        if rule.code == 429:
            return errors.throttled(int(rule.seconds) or 1)
        if rule.code == 401:
            return errors.unauthorized()
        if rule.code == 503:
            return errors.unavailable()
        if rule.code == 504:
            text = "Timeout: request did not complete within the allotted timeout"
            return errors.ApiError(504, "Timeout", text, {})
        if rule.code == 403:
            return errors.ApiError(403, "Forbidden", "forbidden by a test", {})
        return errors.ApiError(
            rule.code, "InternalError", "Internal error occurred: etcdserver: request timed out", {}
        )

    def _answer(self, code, data, headers, half=False):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if half:
            self.wfile.write(data[: len(data) // 2])
            raise Cut
        self.wfile.write(data)

    # Streams, for api.py.

    def begin(self, kind="application/json"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send(self, data):
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def finish_stream(self):
        self.wfile.write(b"0\r\n\r\n")

    def is_gone(self):
        """Has the client closed the connection?"""
        if self.request.pending():
            return False
        try:
            self.request.settimeout(0)
            return not self.request.recv(1)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return True
        finally:
            with contextlib.suppress(OSError):
                self.request.settimeout(self.timeout)


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    block_on_close = False

    def __init__(self, address, fake):
        self.fake = fake
        super().__init__(address, Handler)

    def get_request(self):
        client, address = super().get_request()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.fake.lock:
            self.fake.connections.add(client)
        return client, address

    def process_request_thread(self, request, client_address):
        # wrap_socket() takes the descriptor over: a copy of it is kept, to cut the connection by.
        copy = request.dup()
        with self.fake.lock:
            self.fake.connections.discard(request)
            self.fake.connections.add(copy)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.fake.lock:
                self.fake.connections.discard(copy)
            with contextlib.suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)
            copy.close()

    def handle_error(self, request, client_address):
        pass  # a failed handshake, or a connection that was cut


class Server:
    def __init__(self, cluster, port=0):
        self.cluster, self.api = cluster, Api(cluster)
        self.lock = threading.Lock()
        self.connections, self.seen = set(), Counter()
        self.silent_before = 0.0  # watches that are older say nothing
        self.expired = {}  # by resource: when its watches were told that they are too old
        keys = cluster.folder / "keys"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(keys / "server.crt", keys / "server.key")
        self.context.load_verify_locations(keys / "ca.crt")
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.listener = None
        self.port = port
        self.open()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def open(self):
        self.listener = Listener(("127.0.0.1", self.port), self)
        self.port = self.listener.server_port
        thread = threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()

    def close(self):
        self.listener.shutdown()
        self.listener.server_close()
        self.cut()

    def stop(self):
        with contextlib.suppress(OSError):
            self.close()

    def cut(self):
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def silence(self, on):
        """Watches that are open stay silent; with on=False they go on."""
        self.silent_before = time.monotonic() if on else 0.0

    def expire(self, resource):
        with self.cluster.store.changed:
            self.expired[resource] = time.monotonic()
            self.cluster.store.changed.notify_all()

    def note(self, method, path):
        with self.lock:
            self.seen[method, path] += 1

    def count(self, method, path):
        with self.lock:
            return sum(
                n for (m, p), n in self.seen.items() if (not method or m == method) and path in p
            )
