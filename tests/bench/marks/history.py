"""Whether finished jobs slow a copy down."""

from benchmark import Benchmark, Figure, Loader, count_for, lives, once, wait_done
from rows import insert_jobs, stopped

from marks.life import null_queue

HOURS_MS = 3 * 3600 * 1000


class History(Benchmark):
    name = "history"
    what = (
        "Separate jobs (as in life), and pages of ListJobs, on a copy with three million finished"
        " jobs and on an empty one beside it, alternating. The finished jobs are rows of jobs,"
        " their ends and their attempts, inserted by SQL."
    )
    pairs = 5
    figures = (
        Figure("perSecond", "jobs", "a second", of="empty.perSecond", least=0.95),
        Figure(
            "listPerSecond", "pages of ListJobs", "a second", of="empty.listPerSecond", least=0.95
        ),
        Figure("cpuUs", "CPU of all processes", "µs a job", of="empty.cpuUs"),
    )
    copies = ("history", "empty")

    def baselines(self):
        return {"empty": lambda _: self._one(self.bench.ours, "empty", 0)}

    def measure(self, side):
        return self._one(side, "history", self.bench.count(3_000_000, least=3000))

    def _one(self, side, name, finished):
        copy = side.copy(name)
        queue, definition = once(side, name, "queue", lambda: self._fill(copy, finished))
        rate = once(
            self.bench.ours,
            name,
            "rate",
            lambda: lives(self.bench, copy, queue, definition, self.bench.count(4000))["perSecond"],
        )
        count = count_for(rate, self.bench.scaled(8), 50)
        found = lives(self.bench, copy, queue, definition, count)
        body = {"jobQueue": queue, "jobStatus": "SUCCEEDED"}
        pages = Loader(self.bench, copy).request("/v1/listjobs", body, self.bench.count(1000))
        return found | {"listPerSecond": pages["perSecond"], "jobs": count}

    def _fill(self, copy, finished):
        queue, definition = null_queue(copy)
        if not finished:
            return queue, definition
        queue_id = copy.queue_id(queue)
        before = copy.newest(queue_id)
        model = copy.work.submit(queue, definition)
        wait_done(copy, queue_id, before, 1)
        start = stopped(copy, "scheduler")
        insert_jobs(
            copy, model, finished, ("done", "attempt"), {"job": {"name": "'old-' || n"}}, HOURS_MS
        )
        start()
        return queue, definition
