"""Recipes (crash_recipes.py) with instances of the local provider."""

import contextlib
import http.server
import os
import signal
import threading
from pathlib import Path

from crash_case import LIGHT
from stack import wait_for
from trial import until_answered
from word import lasting


def come_and_go(case):
    """An instance of an environment of its own runs a job, and goes with its environment."""
    case.arm()
    queue = case.own_queue()
    case.one_job(queue=queue)
    wait_for("its word", lambda: len(case.word()) >= 2, 120)
    case.work.forget()
    case.work.queues.clear()
    case.work.environments.clear()
    case.wait_died()


def launched_again(case):
    """The scaler dies when it has stored an instance to be launched; the next one draws another
    token for it, and dies there."""
    point, side = case.point, case.side
    case.point, case.side = "scaler.launching", "after"
    case.arm()
    queue = case.own_queue()
    case.one_job(queue=queue)
    case.wait_died()
    case.died, case.point, case.side = None, point, side
    case.arm()
    case.wait_died()


def frozen(case, then):
    """An executor stands still; then(its instance, its queue)."""
    queue = case.own_queue()
    case.one_job(queue=queue)
    wait_for("its word", lambda: len(case.word()) >= 2, 120)
    instance = case.instance_of(queue)
    pid = case.stack.pid(instance)
    os.kill(pid, signal.SIGSTOP)
    case.harm.note("stop", part=instance, pids=[pid])
    try:
        then(instance, pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def silence(case):
    """An executor is silent for longer than the scaler waits before it asks."""
    frozen(case, lambda instance, pid: (case.arm(), case.wait_died()))


def forget_frozen(case, then=lambda instance: None):
    """The environment of an executor that stands still is deleted."""

    def deleted(instance, pid):
        case.arm()
        then(instance)
        gone = threading.Thread(target=lambda: suppressed(case.work.forget), daemon=True)
        gone.start()
        wait_for(
            "its end to begin",
            lambda: case.stack.sql(f"SELECT 1 FROM instance WHERE id = '{instance}' AND state > 1"),
            60,
        )
        case.wait_died(90)
        gone.join(120)
        with contextlib.suppress(Exception):
            case.work.forget()
        case.work.queues.clear()
        case.work.environments.clear()

    frozen(case, deleted)


def suppressed(call):
    with contextlib.suppress(Exception):
        call()


def runsv_of(case, instance):
    """The supervisor of an instance's executor."""
    for folder in (p for p in os.scandir("/proc") if p.name.isdigit()):
        with contextlib.suppress(OSError):
            words = Path(folder.path, "cmdline").read_text().split("\0")
            if words[0] == "runsv" and words[1].endswith(f"/instances/{instance}"):
                return int(folder.name)
    raise AssertionError(f"nobody supervises {instance}")


def freeze_supervisor(case):
    """The supervisor stands still as well."""
    stopped = []

    def freeze(instance):
        stopped.append(runsv_of(case, instance))
        os.kill(stopped[0], signal.SIGSTOP)

    try:
        forget_frozen(case, freeze)
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def lose_supervisor_at_the_end(case):
    """The supervisor dies while its instance is to end."""

    def kill_later(instance):
        def run():
            wait_for(
                "its end to begin",
                lambda: (
                    "instance.stopped" in (case.stack.home / "log/scaler/current").read_text()
                    and instance
                    in (case.stack.home / "log/scaler/current")
                    .read_text()
                    .rpartition("instance.stopped")[2]
                ),
                60,
            )
            suppressed(lambda: os.kill(runsv_of(case, instance), signal.SIGKILL))

        threading.Thread(target=run, daemon=True).start()

    forget_frozen(case, kill_later)


def lose_supervisor(case):
    """An executor loses its supervisor: it ends, and another one adopts its containers."""
    queue = case.own_queue()
    case.one_job(queue=queue)
    wait_for("its word", lambda: len(case.word()) >= 2, 120)
    instance = case.instance_of(queue)
    case.arm()
    os.kill(runsv_of(case, instance), signal.SIGKILL)
    case.harm.note("kill", part=f"runsv {instance}")
    case.wait_died()
    case.one_job(queue=queue)


def interrupted(case):
    """A Spot instance is interrupted while a job runs that is tried again."""
    before = case.stack.change_settings(
        {"OPENBATCH_INTERRUPT_NOTICE_MS": 3000, "OPENBATCH_INTERRUPT_TERM_MS": 1500}
    )
    try:
        queue = case.own_queue(kind="SPOT")
        job = case.submit(
            case.definition(lasting("$((AWS_BATCH_JOB_ATTEMPT < 2 ? 600 : 0))")),
            queue=queue,
            **LIGHT,
        )
        case.wait_word(1, 120)
        [[instance]] = case.stack.sql(f"SELECT instance_id FROM placement WHERE job_id = '{job}'")
        case.arm()
        until_answered(lambda: interrupt(case, instance))
        case.keep_on(lambda: interrupt(case, instance), every=2)
    finally:
        case.stack.change_settings(before)


def interrupt(case, instance):
    done = case.stack.openbatch("interrupt", instance)
    ended = "not a Spot" in done.stderr or "is TERMINATED" in done.stderr
    assert done.returncode == 0 or ended, done.stderr


def metadata(case):
    """An executor on a machine whose metadata service wants a token."""

    class Service(http.server.BaseHTTPRequestHandler):
        def answer(self, status, text):
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_PUT(self):
            self.answer(200, "token")

        def do_GET(self):
            self.answer(404, "")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = case.stack.change_settings(
        {"OPENBATCH_IMDS": f"http://127.0.0.1:{server.server_port}"}
    )
    try:
        case.arm()
        case.one_job(queue=case.own_queue())
        case.wait_died()
        case.wait_all(120)
    finally:
        case.stack.change_settings(before)
        server.shutdown()
        server.server_close()
