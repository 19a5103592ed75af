"""A trial without containers: executors of the null runtime, so that hundreds of jobs and more can
run, on a copy of its own (null_copy in fixtures.py). The runs' own word is that of the runtime
(OPENBATCH_NULL_WORD), in one file of the copy for all trials."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import types

import word
from stack import wait_for
from trial import Trial, until_answered

ACTIVE, LOST = 1, 3  # states of instances


def lasting(seconds, code=0):
    """Sleeps, then ends with 0; or ends at once with another code."""
    return ["exit", str(code)] if code else ["sleep", str(seconds)]


def failing(times):
    """Ends with 1 in its first attempts, so many, and with 0 after that."""
    return ["fail", str(times)]


class NullTrial(Trial):
    says = types.SimpleNamespace(lasting=lasting, failing=failing)

    def __init__(self, stack, folder, max_vcpus=64, **more):
        super().__init__(stack, folder, max_vcpus=max_vcpus, **more)
        self.word_file = stack.home / "word"
        self.word_before = self.word_file.stat().st_size

    def definition(self, command=None, vcpus=1, memory=16, **more):
        command = command or lasting(0.05)
        return until_answered(
            lambda: self.work.definition(command, vcpus=vcpus, memory=memory, **more)
        )

    def word(self):
        with self.word_file.open() as file:
            file.seek(self.word_before)
            return file.read().splitlines()

    def collect_word(self):
        """This trial's lines, each once: an executor that continues a run says its lines again. A
        run has the name that its container would have."""
        mine, seen = set(self.accepted()), set()
        with (
            (self.folder / "word/word").open("w") as said,
            (self.folder / "names.jsonl").open("a") as names,
        ):
            for text, line in zip(self.word(), word.parse("\n".join(self.word())), strict=False):
                key = (line["kind"], line["container"], line["nonce"])
                if line["job"][:36] not in mine or key in seen:
                    continue
                seen.add(key)
                said.write(text + "\n")
                run = line["container"]
                name = "ob-" + run.replace(":", "-").replace("/", "-")
                names.write(json.dumps({"container": run, "name": name}) + "\n")

    def side_queue(self):
        """Another queue, with an environment of its own."""
        self.queues.append(until_answered(lambda: self.work.queue(self.work.environment())))
        return self.queues[-1]

    # --- hosts that join ---

    def hosts_queue(self):
        """(queue, environment) whose instances are hosts that join."""
        environment = until_answered(self.work.unmanaged)
        self.queues.append(until_answered(lambda: self.work.queue(environment)))
        return self.queues[-1], environment

    def instances(self, environment):
        """(id, state) of all instances that an environment ever had."""
        return [
            (row[0], int(row[1]))
            for row in self.stack.sql(
                "SELECT i.id, i.state FROM instance i JOIN compute_environment c ON c.id = i.ce_id"
                f" WHERE c.name = '{environment}' ORDER BY i.launched_at"
            )
        ]

    def state(self, instance):
        [[state]] = self.stack.sql(f"SELECT state FROM instance WHERE id = '{instance}'")
        return int(state)

    def active(self, environment):
        """How many of them are ACTIVE."""
        return [state for _, state in self.instances(environment)].count(ACTIVE)


class Joined:
    """A host that joins an unmanaged environment; its executor is started again whenever it ends.
    enter: a command that leads to it, such as into a namespace."""

    def __init__(self, trial, environment, name, enter=(), vcpus=16, **settings):
        self.folder = trial.folder / name
        done = trial.stack.openbatch("join", environment, "--dir", str(self.folder))
        assert done.returncode == 0, done.stderr
        script = f"{done.stdout.rstrip()} --vcpus {vcpus} --memory 65536"
        # Of this copy's settings it has what its own script says.
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBATCH_")}
        env |= {k: v for k, v in trial.stack.settings.items() if k.endswith("SAN_OPTIONS")}
        env |= {"OPENBATCH_RUNTIME": "null", "OPENBATCH_NULL_WORD": str(trial.stack.home / "word")}
        self.command, self.env = [*enter, "sh", "-c", script], env | settings
        self.process, self.ending = None, threading.Event()
        self.log = (trial.folder / f"{name}.log").open("a")
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ending.is_set():
            self.process = subprocess.Popen(
                self.command, env=self.env, stdout=self.log, stderr=self.log
            )
            self.process.wait()
            self.ending.wait(0.2)

    def signal(self, number):
        """To the executor: the command becomes it (exec)."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def end(self):
        """It leaves, and what does not want to is killed."""
        self.ending.set()
        self.signal(signal.SIGTERM)
        self.thread.join(15)
        if self.thread.is_alive():
            self.signal(signal.SIGKILL)
            self.thread.join(10)
        self.log.close()


@contextlib.contextmanager
def joined(trial, environment, name, timeout=60, **more):
    """Such a host, once its instance is ACTIVE."""
    before = len(trial.instances(environment))
    host = Joined(trial, environment, name, **more)
    try:
        wait_for(
            f"{name} to join",
            lambda: [i for i, s in trial.instances(environment)[before:] if s == ACTIVE],
            timeout,
        )
        yield host
    finally:
        host.end()
