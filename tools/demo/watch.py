"""What a person sees while work goes on, and what is sampled meanwhile.

Screen writes plain lines; on a terminal it also keeps one line of progress that it overwrites.
Growth samples desiredvCpus of the environments in between, without a thread of its own.
"""

import shutil
import sys
import time

PLAIN_EVERY_S, PLAIN_COLUMNS = 10, 160
SAMPLE_EVERY_S = 0.5


class Screen:
    def __init__(self, stream=sys.stdout):
        self._stream = stream
        self._terminal = stream.isatty()
        self._line_shown = False
        self._plain_last = ("", -PLAIN_EVERY_S)

    @property
    def columns(self) -> int:
        return shutil.get_terminal_size().columns if self._terminal else PLAIN_COLUMNS

    def say(self, *lines: str) -> None:
        self._clear()
        for line in lines:
            print(line, file=self._stream)
        self._stream.flush()

    def heading(self, text: str) -> None:
        self.say("", text, "-" * len(text))

    def progress(self, text: str, key: str | None = None) -> None:
        """Shows how far something is; without a terminal now and then, and when 'key' changes."""
        if self._terminal:
            self._stream.write("\r" + text[: self.columns - 1] + "\x1b[K")
            self._stream.flush()
            self._line_shown = True
            return
        last_key, last_s = self._plain_last
        now_s = time.monotonic()
        if (key is not None and key != last_key) or now_s - last_s >= PLAIN_EVERY_S:
            self._plain_last = (key or "", now_s)
            print(text.rstrip(), file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._line_shown:
            self._stream.write("\r\x1b[K")
            self._line_shown = False


class Growth:
    """How many vCPUs each environment was given, from its first sample to its last."""

    def __init__(self, client, names: list[str]):
        self._client = client
        self._next_s = 0.0
        self.now = dict.fromkeys(names, 0)
        self.most = dict.fromkeys(names, 0)

    def sample(self, *, at_once: bool = False) -> None:
        if not at_once and time.monotonic() < self._next_s:
            return
        answer = self._client.describe_compute_environments(computeEnvironments=list(self.now))
        for found in answer["computeEnvironments"]:
            name = found["computeEnvironmentName"]
            self.now[name] = found["computeResources"].get("desiredvCpus", 0)
            self.most[name] = max(self.most[name], self.now[name])
        self._next_s = time.monotonic() + SAMPLE_EVERY_S


class Rate:
    """Estimates the time left from what was finished during the last half minute."""

    WINDOW_S = 30

    def __init__(self, total: int):
        self._total = total
        self._seen: list[tuple[float, int]] = []

    def left(self, done: int) -> str:
        now_s = time.monotonic()
        self._seen.append((now_s, done))
        while now_s - self._seen[0][0] > self.WINDOW_S:
            self._seen.pop(0)
        began_s, began = self._seen[0]
        if done >= self._total:
            return "done"
        if done == began or now_s - began_s < 1:
            return "-:-- left"
        return f"{clock((self._total - done) * (now_s - began_s) / (done - began))} left"


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def bar(done: int, total: int, width: int = 24) -> str:
    full = width * done // total
    return "[" + "#" * full + "." * (width - full) + "]"
