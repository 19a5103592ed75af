"""A case of test_crash_points.py: a trial in which one process dies at a crash point."""

import contextlib
import signal
import time

from stack import wait_for
from trial import Trial, until_answered
from word import lasting

LIGHT = {"retryStrategy": {"attempts": 6}}


class Case(Trial):
    """A trial in a queue that all cases share, with one crash at a point."""

    def __init__(self, stack, folder, queue, point, side):
        super().__init__(stack, folder, queue=queue)
        self.point, self.side = point, side
        self.file = stack.home / "crash"
        self.died = None
        self.quick = self.definition(lasting(0.05))

    def arm(self):
        """From now on the next process at the point dies."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{self.point}:{self.side}\n")
        new.rename(self.file)

    def has_died(self):
        """The number of the process that died at the point, once one did."""
        for taken in self.file.parent.glob("crash.[0-9]*"):
            self.died = int(taken.suffix[1:])
            taken.unlink()
            self.harm.note("crash", point=self.point, side=self.side, pid=self.died)
        return self.died

    def wait_died(self, timeout=60):
        wait_for(f"a process at {self.point}:{self.side}", self.has_died, timeout)

    def keep_on(self, act, every=1, timeout=60):
        """Does it again and again until a process has died."""
        end = time.monotonic() + timeout
        while not self.has_died():
            assert time.monotonic() < end, f"no process came to {self.point}:{self.side}"
            with contextlib.suppress(Exception):
                act()
            time.sleep(every)

    def disarm(self):
        self.file.unlink(missing_ok=True)
        for taken in self.file.parent.glob("crash.[0-9]*"):
            taken.unlink()

    def restart(self, part):
        self.harm.wait_back(part, self.harm.kill(part, signal.SIGTERM))

    def one_job(self, **more):
        return self.submit(self.quick, **LIGHT, **more)

    def own_queue(self, **more):
        """A queue with an environment of its own, so with an instance of its own."""
        self.queues.append(
            until_answered(lambda: self.work.queue(self.work.environment(2, **more)))
        )
        return self.queues[-1]

    def forget_queues(self):
        """Deletes the queues and environments of its own; their instances are to end."""
        self.work.forget()
        self.work.queues.clear()
        self.work.environments.clear()

    def instance_of(self, queue):
        """The instance that a queue's environment has come to."""
        rows = wait_for(
            "an instance",
            lambda: self.stack.sql(
                "SELECT i.id FROM instance i JOIN compute_environment c ON c.id = i.ce_id"
                f" JOIN job_queue q ON c.id = ANY (q.ce_ids) WHERE q.name = '{queue}'"
                " AND i.state IN (0, 1, 2)"
            ),
            60,
        )
        return rows[0][0]
