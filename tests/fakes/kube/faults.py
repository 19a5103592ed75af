"""What goes wrong between clients and the apiserver: rules that requests run into."""

import itertools
import re
import threading
import time
from dataclasses import dataclass

KINDS = (
    "lose",  # the answer, after the effect: the connection is cut
    "refuse",  # the request: the connection is cut before it has an effect
    "half",  # the answer is cut in its middle
    "twice",  # the request is carried out twice, as a proxy that repeats it does
    "delay",  # the request waits for 'seconds' first
    "delay_answer",  # its answer does
    "error",  # the request is answered with 'code', and has no effect
    "expire",  # a watch or a list is answered with 410, as an HTTP status
)


@dataclass
class Rule:
    """The next 'times' requests (None: all) of this method and path run into it, after 'skip'."""

    number: int
    kind: str
    method: str
    path: re.Pattern
    times: int | None
    skip: int
    seconds: float
    code: int
    hits: int = 0


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.numbers = itertools.count(1)

    def add(self, kind, method="", path="", times=1, skip=0, seconds=0.0, code=500):
        """path: a regular expression, looked for in the path with its query. Returns the rule's
        number."""
        if kind not in KINDS:
            raise ValueError(f"there is no fault {kind!r}; there are: {', '.join(KINDS)}")
        rule = Rule(next(self.numbers), kind, method, re.compile(path), times, skip, seconds, code)
        with self.lock:
            self.rules.append(rule)
        return rule.number

    def clear(self, number=None):
        """Removes a rule, or all."""
        with self.lock:
            self.rules = [r for r in self.rules if number is not None and r.number != number]

    def hits(self, number):
        """How many requests have run into a rule; a rule that is used up is remembered."""
        with self.lock:
            return next((r.hits for r in self.rules if r.number == number), 0)

    def take(self, method, path):
        """The rules that a request runs into."""
        found = []
        with self.lock:
            for rule in self.rules:
                if (rule.method and rule.method != method) or not rule.path.search(path):
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                elif rule.times is None or rule.hits < rule.times:
                    rule.hits += 1
                    found.append(rule)
        for rule in found:
            if rule.kind == "delay":
                time.sleep(rule.seconds)
        return {rule.kind: rule for rule in found if rule.kind != "delay"}
