"""Recipes (crash_recipes.py) with instances of the local provider."""

import contextlib
import http.server
import os
import signal
import threading
from pathlib import Path

from crash_case import LIGHT
from stack import frozen, wait_for
from trial import until_answered
from word import lasting, until


def come_and_go(case):
    """An instance of an environment of its own runs a job, and goes with its environment."""
    case.arm()
    case.one_job(queue=case.own_queue())
    case.wait_all(120)
    case.forget_queues()
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


def own_instance(case):
    """An instance that has run a job, of an environment of its own: its id."""
    queue = case.own_queue()
    case.one_job(queue=queue)
    case.wait_all(120)
    return case.instance_of(queue)


@contextlib.contextmanager
def standing_still(case, pid):
    with frozen(pid):
        case.harm.note("stop", pids=[pid])
        yield


def silence(case):
    """An executor is silent for longer than the scaler waits before it asks."""
    with standing_still(case, case.stack.pid(own_instance(case))):
        case.arm()
        case.wait_died()


def runsv_of(instance):
    """The supervisor of an instance's executor."""
    for folder in (p for p in os.scandir("/proc") if p.name.isdigit()):
        with contextlib.suppress(OSError):
            words = Path(folder.path, "cmdline").read_text().split("\0")
            if words[0] == "runsv" and words[1].endswith(f"/instances/{instance}"):
                return int(folder.name)
    raise AssertionError(f"nobody supervises {instance}")


def suppressed(call):
    with contextlib.suppress(Exception):
        call()


def give_back(case, instance, when_stopped=lambda: None):
    """Deletes the instance's environment; calls when_stopped() at the moment at which the executor
    is asked to end."""
    said = ""
    with (case.stack.home / "log/scaler/current").open() as log:
        log.seek(0, os.SEEK_END)
        deleting = threading.Thread(target=lambda: suppressed(case.work.forget), daemon=True)
        deleting.start()

        def is_stopped():
            nonlocal said
            said += log.read()
            return any("instance.stopped" in x and instance in x for x in said.splitlines())

        wait_for("the end of the instance", is_stopped, 60, every=0.001)
    when_stopped()
    case.wait_died(90)
    deleting.join(120)
    case.work.queues.clear()
    case.work.environments.clear()


def freeze_supervisor(case):
    """The supervisor of an executor that is to end stands still."""
    instance = own_instance(case)
    case.arm()
    with standing_still(case, runsv_of(instance)):
        give_back(case, instance)


def lose_supervisor_at_the_end(case):
    """The supervisor stands still, and dies when its executor is to end: that one lives on."""
    instance = own_instance(case)
    runsv = runsv_of(instance)
    case.arm()
    with standing_still(case, runsv):
        give_back(case, instance, lambda: os.kill(runsv, signal.SIGKILL))


def lose_supervisor(case):
    """An executor loses its supervisor while a job runs: it ends, and another one adopts the job's
    container."""
    instance = own_instance(case)
    case.submit(case.definition(until("over")), queue=case.queues[-1], **LIGHT)
    case.wait_word(3, 60)
    case.arm()
    os.kill(runsv_of(instance), signal.SIGKILL)
    case.harm.note("kill", part=f"runsv {instance}")
    case.wait_died()
    case.release("over")


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
        case.wait_all(60)  # an executor that starts now gets the settings of now
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
