"""A client that submits as fast as the api answers, by hand-made requests: an SDK signs a few
hundred a second. Some replies are cut: the client goes before it has read them, and asks for the
same again, or looks up what became of it."""

import contextlib
import dataclasses
import hashlib
import hmac
import http.client
import itertools
import json
import queue
import random
import select
import threading
import time
import urllib.parse
import uuid

from harm import monotonic

PATH = "/v1/submitjob"
AGAIN = (429, 500, 503)  # SDKs repeat such calls


class Signer:
    """AWS's signature, version 4, of requests of one service."""

    def __init__(self, stack, service="batch"):
        self.id, self.secret = stack.env["AWS_ACCESS_KEY_ID"], stack.env["AWS_SECRET_ACCESS_KEY"]
        self.region, self.service = stack.env["AWS_REGION"], service
        self.host = urllib.parse.urlsplit(stack.endpoint).netloc
        self.key = (None, None)

    def _key_of(self, day):
        if self.key[0] != day:
            key = f"AWS4{self.secret}".encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self.key = (day, key)
        return self.key[1]

    def headers(self, path, body):
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{at[:8]}/{self.region}/{self.service}/aws4_request"
        request = (
            f"POST\n{path}\n\nhost:{self.host}\nx-amz-date:{at}\n\nhost;x-amz-date\n"
            f"{hashlib.sha256(body).hexdigest()}"
        )
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key_of(at[:8]), text.encode(), "sha256").hex()
        return {
            "Host": self.host,
            "X-Amz-Date": at,
            "Content-Type": "application/json",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self.id}/{scope},"
            f" SignedHeaders=host;x-amz-date, Signature={signature}",
        }


@dataclasses.dataclass
class Counts:
    submitted: int = 0
    cut: int = 0
    looked_up: int = 0
    refused: int = 0  # to be tried again: 429 and the like
    took: list = dataclasses.field(default_factory=list)  # seconds, of each answer


class Storm:
    """Its calls and their answers go into the trial's record, one line a call."""

    def __init__(self, trial, threads=16, cuts=0.0, look_ups=0.0):
        """cuts: the part of calls whose first reply is cut; look_ups: the part of those that are
        looked up by their name instead of being sent again."""
        self.trial, self.cuts, self.look_ups, self.threads = trial, cuts, look_ups, threads
        self.signer, self.counts, self.lock = Signer(trial.stack), Counts(), threading.Lock()
        self.failed = []

    def run(self, calls, a_second=None):
        """Makes all calls, an iterable of functions of one argument, an earlier job's id, that
        return arguments of SubmitJob; at most so many a second."""
        waiting = queue.Queue(maxsize=4 * self.threads)
        workers = [
            threading.Thread(target=self._work, args=(waiting,), daemon=True)
            for _ in range(self.threads)
        ]
        for worker in workers:
            worker.start()
        begin = time.monotonic()
        for n, call in enumerate(calls):
            if a_second:
                time.sleep(max(0, begin + n / a_second - time.monotonic()))
            while not self.failed:
                with contextlib.suppress(queue.Full):
                    waiting.put(call, timeout=1)
                    break
            if self.failed:
                raise self.failed[0]
        for _ in workers:
            waiting.put(None)
        for worker in workers:
            worker.join(600)
        if self.failed:
            raise self.failed[0]
        assert not any(worker.is_alive() for worker in workers)

    def _work(self, waiting):
        caller = _Caller(self)
        try:
            while call := waiting.get():
                caller.submit(call)
        except Exception as err:
            self.failed.append(err)


class _Caller:
    """One connection of the storm's."""

    def __init__(self, storm):
        self.storm, self.trial, self.signer = storm, storm.trial, storm.signer
        self.connection, self.last, self.attempt = None, None, 0

    def submit(self, call):
        counts, lock = self.storm.counts, self.storm.lock
        arguments = {"jobName": f"s{next(NAMES)}", "jobQueue": self.trial.queue, **call(self.last)}
        body, token = json.dumps(arguments).encode(), str(uuid.uuid4())
        begun, answer, self.attempt = monotonic(), None, 0
        if random.random() < self.storm.cuts:
            with contextlib.suppress(OSError):
                self._send(body, token)
                if random.random() < 0.8:  # else it may go before its request was looked at
                    select.select([self.connection.sock], [], [], 20)
            self._close()
            with lock:
                counts.cut += 1
            if random.random() < self.storm.look_ups:
                answer = self._look_up(arguments["jobName"])
                with lock:
                    counts.looked_up += bool(answer)
        while answer is None:
            answer = self._ask(body, token)
        self.trial.calls.submitted(arguments, begun, token, answer)
        with lock:
            counts.submitted += 1
            self.trial.ids.append(answer["jobId"])
        self.last = answer["jobId"]

    def _send(self, body, token):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.signer.host, timeout=60)
        self.attempt += 1
        headers = self.signer.headers(PATH, body) | {
            "amz-sdk-invocation-id": token,
            "amz-sdk-request": f"attempt={self.attempt}",
        }
        self.connection.request("POST", PATH, body, headers)

    def _close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def _ask(self, body, token):
        """The answer; None: it is to be tried again."""
        begin = time.monotonic()
        try:
            self._send(body, token)
            reply = self.connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException):
            self._close()
            time.sleep(0.1)
            return None
        took = time.monotonic() - begin
        if reply.getheader("Connection") == "close":
            self._close()
        with self.storm.lock:
            self.storm.counts.took.append(took)
            self.storm.counts.refused += reply.status in AGAIN
        if reply.status in AGAIN:
            time.sleep(random.uniform(0, 0.5))
            return None
        assert reply.status == 200, (reply.status, text)
        return json.loads(text)

    def _look_up(self, name):
        """The job of this name, if the cut call has made one; its request may still be on its
        way."""
        for _ in range(10):
            page = self.trial.batch.list_jobs(
                jobQueue=self.trial.queue, filters=[{"name": "JOB_NAME", "values": [name]}]
            )
            if page["jobSummaryList"]:
                found = page["jobSummaryList"][0]
                return {"jobId": found["jobId"], "jobName": found["jobName"]}
            time.sleep(0.3)
        return None


NAMES = itertools.count()
