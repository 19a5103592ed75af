"""What a page of the console does, without a browser."""

import http.client
import json
import urllib.parse


class ConsolePage:
    """secure: the context of TLS for a copy with HTTPS."""

    def __init__(self, stack, secure=None):
        self.stack, self.secure = stack, secure
        port = int(stack.settings["OPENBATCH_CONSOLE_PORT"])
        self.host = f"localhost:{port + 1}" if secure else f"127.0.0.1:{port}"
        self.cookie, self.passed = "", ""

    def connect(self):
        if self.secure:
            return http.client.HTTPSConnection(self.host, timeout=30, context=self.secure)
        return http.client.HTTPConnection(self.host, timeout=30)

    def request(self, method, path, body=None, **headers):
        """(status, headers, text)"""
        connection = self.connect()
        scheme = "https" if self.secure else "http"
        own = {"Origin": f"{scheme}://{self.host}", "Content-Type": "application/json"}
        if self.cookie:
            own |= {"Cookie": self.cookie, "X-Console-Pass": self.passed}
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, own | headers)
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, said

    def sign_in(self, key_id=None, secret=None):
        """With the root key, unless another one is given. Returns what the browser keeps."""
        status, headers, text = self.request(
            "POST",
            "/session",
            {
                "accessKeyId": key_id or self.stack.env["AWS_ACCESS_KEY_ID"],
                "secretAccessKey": secret or self.stack.env["AWS_SECRET_ACCESS_KEY"],
            },
        )
        assert status == 200, text
        self.cookie = headers["Set-Cookie"].split(";")[0]
        self.passed = json.loads(text)["pass"]
        return headers["Set-Cookie"]

    def read(self, operation, **members):
        query = urllib.parse.quote(json.dumps(members))
        return self._answer(*self.request("GET", f"/api/{operation}?{query}"))

    def change(self, operation, once=None, **members):
        headers = {"X-Console-Once": once} if once else {}
        return self._answer(*self.request("POST", f"/api/{operation}", members, **headers))

    @staticmethod
    def _answer(status, _headers, text):
        if status != 200:
            raise AssertionError(f"{status}: {text}")
        return json.loads(text)
