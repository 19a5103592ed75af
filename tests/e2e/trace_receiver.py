"""A receiver of traces, as a collector of OpenTelemetry is one: OTLP over HTTP with JSON bodies."""

import base64
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def hexadecimal(field):
    """OTLP's JSON has ids in hexadecimal digits, which protobuf's JSON reads as base64: this undoes
    it."""
    return base64.b64encode(field).decode()


def plain(attributes):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


class Span:
    def __init__(self, span):
        self.trace = hexadecimal(span.trace_id)
        self.id = hexadecimal(span.span_id)
        self.parent = hexadecimal(span.parent_span_id)
        self.name = span.name
        self.start, self.end = span.start_time_unix_nano, span.end_time_unix_nano
        self.attributes = plain(span.attributes)
        self.links = [
            (hexadecimal(link.trace_id), hexadecimal(link.span_id)) for link in span.links
        ]
        self.ok, self.message = span.status.code == 1, span.status.message


class Receiver:
    """What arrived is in 'requests': (headers, resource, spans). It answers with 'status', and only
    while 'opened' is set."""

    def __init__(self):
        receiver = self
        self.requests, self.wrong = [], []
        self.status = 200
        self.asked = self.generation = 0
        self.opened = threading.Event()
        self.opened.set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                generation = receiver.generation
                receiver.opened.wait()
                if receiver.status == 200 and generation == receiver.generation:
                    receiver.take(self.path, self.headers, body)
                with contextlib.suppress(OSError):  # the sender may be gone
                    self.send_response(receiver.status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def take(self, path, headers, body):
        """Unknown members, ids that are not hexadecimal and numbers that are not are errors."""
        try:
            assert path == "/v1/traces"
            assert headers["Content-Type"] == "application/json"
            request = json_format.Parse(body, ExportTraceServiceRequest())
            for one in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
                assert len(bytes.fromhex(one["traceId"])) == 16
                assert len(bytes.fromhex(one["spanId"])) == 8
                assert isinstance(one["startTimeUnixNano"], str)
            for resource in request.resource_spans:
                spans = [Span(s) for scope in resource.scope_spans for s in scope.spans]
                self.requests.append(
                    (dict(headers.items()), plain(resource.resource.attributes), spans)
                )
        except Exception as err:  # the sender is not to blame for a test that fails
            self.wrong.append((repr(err), body[:2000]))

    def forget(self):
        """Nothing counts that has arrived, or that waits for an answer."""
        self.generation += 1
        self.requests.clear()

    def trace(self, job_id):
        """The spans of a job in the order in which they came, each once; a job that was sent twice
        has the same ones again."""
        assert not self.wrong, self.wrong
        spans = {}
        for _, _, some in self.requests:
            for span in some:
                if span.trace == job_id.replace("-", ""):
                    spans.setdefault(span.id, span)
        return list(spans.values())

    def stop(self):
        self.opened.set()
        self.server.shutdown()
        self.server.server_close()
