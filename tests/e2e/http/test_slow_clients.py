"""The front of the api: a slow client delays no other, and a malformed request has no effect."""

import contextlib
import socket
import threading
import time

import pytest
from raw_http import exchange, length, signed

HEADERS = b"POST /v1/describejobs HTTP/1.1\r\nX-Slow: "
BODY = b"POST /v1/describejobs HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"


@pytest.fixture(scope="module")
def address(stack):
    return "127.0.0.1", int(stack.endpoint.rsplit(":", 1)[1])


class SlowClients(threading.Thread):
    """So many connections, each begun with one of these texts, that send one byte now and then and
    read nothing. One that is cut is made anew."""

    def __init__(self, address, many, *begun):
        super().__init__()
        self.address, self.many, self.begun = address, many, begun
        self.ended = threading.Event()
        self.cut, self.open, self.longest = 0, {}, 0.0

    def connect(self, n):
        try:
            s = socket.create_connection(self.address, 5)
        except OSError:
            return
        s.setblocking(False)
        with contextlib.suppress(OSError):
            s.send(self.begun[n % len(self.begun)])
        self.open[n] = (s, time.monotonic())

    def is_cut(self, s):
        with contextlib.suppress(BlockingIOError):
            try:
                return s.recv(1, socket.MSG_PEEK) == b"" or s.send(b"x") == 0
            except ConnectionError:
                return True
        return False

    def run(self):
        while not self.ended.is_set():
            for n in range(self.many):
                if n not in self.open:
                    self.connect(n)
                    continue
                s, since = self.open[n]
                if self.is_cut(s):
                    self.longest = max(self.longest, time.monotonic() - since)
                    self.cut += 1
                    s.close()
                    del self.open[n]
            self.ended.wait(0.2)
        for s, _ in self.open.values():
            s.close()


def calls_beside(slow, stack, address, seconds):
    """How long normal calls take meanwhile, ascending."""
    body = b"{}"
    slow.start()
    took = []
    try:
        time.sleep(3)  # all are connected, and hold what they can hold
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            status, _ = exchange(address, signed(stack) + length(body), body)
            assert status == 200
            took.append(time.monotonic() - began)
    finally:
        slow.ended.set()
        slow.join()
    took.sort()
    print(
        f"{len(took)} calls, median {took[len(took) // 2]:.3f} s, worst {took[-1]:.3f} s;"
        f" {slow.cut} cut, the longest lived {slow.longest:.1f} s"
    )
    assert slow.cut > 0
    return took


def test_300_slow_clients_do_not_hold_normal_calls_up(stack, address):
    """A third send headers, a third a body, a third ask and do not read."""
    asking = ("\r\n".join(signed(stack) + length(b"{}")) + "\r\n\r\n").encode() + b"{}"
    slow = SlowClients(address, 300, HEADERS, BODY, asking)
    took = calls_beside(slow, stack, address, 8)
    assert len(took) > 20 and took[len(took) // 2] < 0.5 and took[-1] < 5
    assert slow.longest < 8


def test_more_slow_clients_than_threads_do_not_either(stack, address):
    """Each sends its first headers byte by byte."""
    threads = int(stack.settings.get("OPENBATCH_API_THREADS", 512))
    took = calls_beside(SlowClients(address, threads * 3, HEADERS), stack, address, 6)
    assert len(took) > 12 and took[len(took) // 2] < 0.7


def test_a_body_that_stops_is_answered_so_that_clients_try_again(stack, address):
    status, answer = exchange(address, [*signed(stack), "Content-Length: 1000"], b"{")
    assert status == 503 and b"ServiceUnavailableException" in answer


def test_a_body_that_trickles_in_is_given_up(stack, address):
    """Although each byte comes in time."""
    with socket.create_connection(address, 15) as s:
        s.sendall(("\r\n".join(signed(stack) + ["Content-Length: 1000"]) + "\r\n\r\n").encode())
        began = time.monotonic()
        s.settimeout(0.3)
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < 15:
                s.sendall(b" ")
                try:
                    if not s.recv(1000):
                        break
                except TimeoutError:
                    continue
        assert 4 < time.monotonic() - began < 10


def test_what_is_too_long_is_refused(stack, address):
    assert exchange(address, [*signed(stack), "Content-Length: 300000"])[0] == 413
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    chunked = [*signed(stack), "Transfer-Encoding: chunked"]
    assert exchange(address, chunked, chunk * 5 + b"0\r\n\r\n")[0] == 413
    many = [f"X-{n}: {n}" for n in range(500)]
    for more in ([f"X-Long: {'x' * 40000}"], many):
        status, _ = exchange(address, signed(stack) + more + length(b"{}"), b"{}")
        assert status in (None, 400, 413, 431), status


def test_a_body_in_chunks_is_read(stack, address):
    chunked = [*signed(stack), "Transfer-Encoding: chunked"]
    assert exchange(address, chunked, b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")[0] == 200
    assert exchange(address, chunked, b"2\r\n[]\r\n0\r\n\r\n")[0] == 403


def test_what_is_not_signed_as_it_stands_does_nothing(stack, address):
    """Wrong scope, a signature in the query, headers changed, doubled or added."""
    body = b"{}"

    def refused(lines, code="", status=403):
        got, answer = exchange(address, lines + length(body), body)
        assert got == status and code.encode() in answer, answer

    refused(signed(stack, service="s3"), "InvalidSignatureException")
    refused(signed(stack, service="logs"), "InvalidSignatureException")
    refused(signed(stack, service="openbatch"), "InvalidSignatureException")
    refused(signed(stack, path="/openbatch/v1/createkey"), "InvalidSignatureException")
    refused(signed(stack, secret="x" * 40), "InvalidSignatureException")
    lines = signed(stack)
    # The region belongs to the signature, and to the names of all resources.
    refused([line.replace("/us-east-1/", "/eu-west-1/") for line in lines])
    refused([line.replace("describejobqueues", "deletejobqueue") for line in lines])
    refused([line for line in lines if not line.startswith("Authorization")], "MissingAuth")
    presigned = [f"POST /v1/describejobqueues?X-Amz-Signature={'0' * 64} HTTP/1.1", *lines[1:]]
    refused(presigned, "InvalidSignatureException")
    refused([line for line in presigned if not line.startswith("Authorization")], "MissingAuth")
    refused([*lines, "X-Amz-Target: Logs_20140328.GetLogEvents"], "InvalidSignatureException")
    refused([lines[0], "Host: elsewhere", *lines[2:]], "InvalidSignatureException")
    refused([lines[0], "Host: elsewhere", *lines[1:]])
    authorization = next(line for line in lines if line.startswith("Authorization"))
    refused([lines[0], authorization.replace("Signature=", "Signature=0"), *lines[1:]])
    for doubled in ("Content-Length: 2", "Content-Length: 3", "Transfer-Encoding: chunked"):
        got, _ = exchange(address, [*lines, doubled, *length(body)], body)
        assert got in (400, None), doubled
    assert exchange(address, lines + length(body), body)[0] == 200


@pytest.mark.parametrize("said", ("2abc", "+2", "-0", "0x2", "2 2", "", "2,2", "9" * 40))
def test_a_length_is_a_number(stack, address, said):
    """Nothing that a proxy in front might read in another way."""
    status, answer = exchange(address, [*signed(stack), f"Content-Length: {said}"], b"{}")
    assert status in (400, 411, 413), answer
    assert b"keep-alive" not in answer.lower()


def test_a_header_ends_at_its_colon(stack, address):
    lines, body = signed(stack), b"{}"
    for blank in ("Content-Length : 2", "Content-Length\t: 2", "X-Some : thing", "X-Some : "):
        status, answer = exchange(address, [*lines, blank, *length(body)], body)
        assert status == 400, (blank, answer)
    for more in ("X-Some:thing", "X-Some:", "X-Some:   ", "X-Some:  t h "):
        assert exchange(address, [*lines, more, *length(body)], body)[0] == 200, more
    assert exchange(address, [*lines, "Content-Length:2  "], body)[0] == 200


def test_head_is_answered_without_a_body(stack, address):
    """Else what follows on the connection is read out of step."""
    host = stack.endpoint.removeprefix("http://")
    with socket.create_connection(address, 15) as s:
        for path, status in (("/healthz", b"200"), ("/v1/describejobqueues", b"403")):
            s.sendall(f"HEAD {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n") and (part := s.recv(1)):
                head += part
            assert head.split()[1] == status and b"Content-Length: 0" not in head
        body = b"{}"
        s.sendall(("\r\n".join(signed(stack) + length(body)) + "\r\n\r\n").encode() + body)
        assert s.recv(12) == b"HTTP/1.1 200"


def test_a_header_signed_many_times_costs_nothing(stack, address):
    """Without a key: 8 KB of header, named as often as the head of a request can hold."""
    lines = [line for line in signed(stack) if not line.startswith("Authorization")]
    named = ";".join(["x-long"] * 900)
    lines += [
        f"X-Long: {'x' * 8000}",
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/20260101/us-east-1/batch/"
        f"aws4_request, SignedHeaders={named}, Signature={'0' * 64}",
    ]
    status, answer = exchange(address, lines + length(b"{}"), b"{}")
    assert status == 403 and b"IncompleteSignatureException" in answer
