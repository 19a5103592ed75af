"""Clients that leave: their requests are dropped, and no other client waits for them."""

import contextlib
import json
import os
import socket
import threading
import time

import pytest
from raw_http import exchange, length, signed
from stack import wait_for

CONNECTIONS, REQUESTS = 300, 20


@pytest.fixture(scope="module")
def address(stack):
    return "127.0.0.1", int(stack.endpoint.rsplit(":", 1)[1])


@pytest.fixture(scope="module")
def children(shared_work, queue):
    """An array of a thousand children that wait."""
    w = shared_work
    definition = w.definition(vcpus=2, memory=900000)
    job = w.submit(queue, definition, arrayProperties={"size": 1000})
    wait_for(
        "all RUNNABLE",
        lambda: w.job(job)["arrayProperties"]["statusSummary"].get("RUNNABLE") == 1000,
    )
    yield json.dumps({"arrayJobId": job, "jobStatus": "RUNNABLE", "maxResults": 1000}).encode()
    w.batch.terminate_job(jobId=job, reason="tested")


def listing(stack, body):
    """A ListJobs call as bytes."""
    lines = signed(stack, body=body, path="/v1/listjobs") + length(body)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def work_ends(pid, within):
    """Until the process uses less than a tenth of a core; the seconds that it worked till then."""
    began, before = time.monotonic(), cpu_seconds(pid)
    while time.monotonic() - began < within:
        time.sleep(2)
        now = cpu_seconds(pid)
        if now - before < 0.2:
            return
        before = now
    pytest.fail(f"the api still works after {within} s")


def test_who_has_left_is_not_worked_for(stack, address, children):
    """300 clients with 20 large listings each send all of them at once, and go before they are
    answered: 6,000 answers that nobody reads."""
    request = listing(stack, children)
    began, pid = time.monotonic(), stack.pid("api")
    assert exchange(address, [request.decode().split("\r\n\r\n")[0]], children)[0] == 200
    before = cpu_seconds(pid)
    for _ in range(5):
        exchange(address, [request.decode().split("\r\n\r\n")[0]], children)
    each = (cpu_seconds(pid) - before) / 5
    clients = []
    for _ in range(CONNECTIONS):
        s = socket.create_connection(address, 10)
        with contextlib.suppress(OSError):
            s.sendall(request * REQUESTS)
        clients.append(s)
    for s in clients:
        s.close()
    left = cpu_seconds(pid)
    work_ends(pid, 60)
    spent = cpu_seconds(pid) - left
    print(f"a listing costs {each:.3f} s; {spent:.1f} s were spent after all had gone")
    # One for each connection is on its way; what was asked behind it is for nobody.
    assert spent < each * CONNECTIONS * REQUESTS / 4
    assert stack.pid("api") == pid and time.monotonic() - began < 300
    assert exchange(address, signed(stack) + length(b"{}"), b"{}")[0] == 200


def test_who_sends_no_more_may_still_read(stack, address, children):
    """A client may close its sending half: all that it has asked for is answered."""
    with socket.create_connection(address, 60) as s:
        s.sendall(listing(stack, children) * 3)
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while part := s.recv(1 << 20):
            answer += part
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b'"jobSummaryList"') == 3


def test_one_key_s_reads_keep_no_other_key_waiting(stack, address, children):
    """While one key keeps the api busy with large listings, another one's call is answered."""
    request = listing(stack, children)
    ended = threading.Event()

    def flood():
        while not ended.is_set():
            with contextlib.suppress(OSError), socket.create_connection(address, 5) as s:
                s.sendall(request)
                while not ended.is_set() and s.recv(1 << 20):
                    pass

    statuses = {}
    threads = [threading.Thread(target=flood) for _ in range(40)]
    for t in threads:
        t.start()
    try:
        for _ in range(10):
            # Nothing heavy: it needs no turn, and finds a database connection.
            status, _ = exchange(address, signed(stack, path="/v1/canceljob"), b"", timeout=20)
            statuses[status] = statuses.get(status, 0) + 1
    finally:
        ended.set()
        for t in threads:
            t.join()
    assert 503 not in statuses, statuses
