"""Signed requests as raw lines, and the answers to them."""

import contextlib
import socket

import botocore.auth
import botocore.awsrequest
import botocore.credentials


def signed(
    stack,
    body=b"{}",
    path="/v1/describejobqueues",
    service="batch",
    region="us-east-1",
    secret=None,
):
    """A request as botocore signs it: (its headers as lines, its body)."""
    request = botocore.awsrequest.AWSRequest(
        "POST", stack.endpoint + path, data=body, headers={"Content-Type": "application/json"}
    )
    credentials = botocore.credentials.Credentials(
        stack.env["AWS_ACCESS_KEY_ID"], secret or stack.env["AWS_SECRET_ACCESS_KEY"]
    )
    botocore.auth.SigV4Auth(credentials, service, region).add_auth(request)
    host = stack.endpoint.removeprefix("http://")
    return [f"POST {path} HTTP/1.1", f"Host: {host}"] + [
        f"{name}: {value}" for name, value in request.headers.items()
    ]


def exchange(address, lines, body=b"", timeout=15):
    """(status, head of the answer) of raw lines; (None, b"") when the connection is just closed."""
    with socket.create_connection(address, timeout) as s:
        with contextlib.suppress(ConnectionError):
            s.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while b"\r\n\r\n" not in answer and (part := s.recv(65536)):
                answer += part
    return (int(answer.split()[1]) if answer else None), answer


def length(body):
    return [f"Content-Length: {len(body)}"]
