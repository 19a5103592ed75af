"""A fault test: a queue of its own, the record from the first submission on, and the result of the
checker at the end."""

import itertools
import json
import threading
import time
from pathlib import Path

import checker
import word
from harm import Harm, monotonic, settle
from history import run_of_name
from record import Calls, Events, Lines, Names, collect, collect_counters, rows
from stack import wait_for
from word import FOLDER
from work import ENDED, Work

COUNTERS = ("instance", "compute_environment", "placements_counted", "redis")


def until_answered(call, timeout=300):
    """What the call answers, tried again while it fails: a client that does not give up."""
    end = time.monotonic() + timeout
    while True:
        try:
            return call()
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


class Trial:
    """Makes jobs that say their own word, does harm (trial.harm), and proves the promise with
    check(). Its folder is a history that `python tests/faults/checker.py FOLDER` reads."""

    says = word  # commands of jobs that say their own word

    def __init__(self, stack, folder, image="openbatch/busybox", max_vcpus=8, queue=None):
        """queue: one that others have used before; without it, one of its own."""
        self.stack, self.folder = stack, Path(folder)
        (self.folder / "word").mkdir()
        self.word_file = self.folder / "word/word"
        self.word_file.touch()
        self.batch = stack.client("batch")
        self.calls = Calls(stack.client("batch"), Lines(self.folder / "calls.jsonl"))
        self.work = Work(self.calls, stack.client("logs"), image)
        faults = Lines(self.folder / "faults.jsonl")
        self.harm = Harm(stack, lambda what, **more: faults.add(at=monotonic(), what=what, **more))
        self.boot_ms = round((time.time() - monotonic()) * 1000)
        self.events = Events(stack, Lines(self.folder / "events.jsonl"))
        self.names = Names(stack, Lines(self.folder / "names.jsonl"))
        self.ids, self.numbers = [], itertools.count()
        self.checked = False
        self.queue = queue or self.work.queue(self.work.environment(max_vcpus=max_vcpus))
        self.queues = [self.queue]
        # Not by time: ids and times of jobs may be ahead of the clock.
        self.earlier = {job["id"] for job in self._jobs_of_queues()}

    # --- jobs ---

    def definition(self, command=None, vcpus=1, memory=16, more_volumes=(), more_mounts=(), **more):
        """Of containers that say their own word (word.lasting, word.script); without a command one
        that lasts 50 ms."""
        volumes = [{"name": "word", "host": {"sourcePath": str(self.folder / "word")}}]
        mounts = [{"sourceVolume": "word", "containerPath": FOLDER}]
        if self.stack.runtime == "oci":  # by which a container knows its name
            volumes.append({"name": "own"})
            mounts.append({"sourceVolume": "own", "containerPath": "/own"})
        return until_answered(
            lambda: self.work.definition(
                command or self.says.lasting(0.05),
                vcpus=vcpus,
                memory=memory,
                volumes=[*volumes, *more_volumes],
                mountPoints=[*mounts, *more_mounts],
                **more,
            )
        )

    def submit(self, definition, **more):
        """SubmitJob under a name that no other call has, until one is answered: a call that stays
        without an answer may have made a job, too. Returns the id that was answered."""

        queue = more.pop("queue", self.queue)

        def call():
            name = f"j{next(self.numbers)}"
            return self.work.submit(queue, definition, **({"jobName": name} | more))

        self.ids.append(until_answered(call))
        return self.ids[-1]

    def terminate(self, job_id, reason="stopped by the test"):
        until_answered(lambda: self.calls.terminate_job(jobId=job_id, reason=reason))

    def submitting(self, jobs):
        """Submits in a thread: 'jobs' is an iterable of (definition, arguments). Join it."""

        def run():
            for definition, more in jobs:
                self.submit(definition, **more)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def word(self):
        """The lines of the containers' own word so far, as text."""
        return self.word_file.read_text().splitlines()

    def wait_word(self, lines, timeout=900):
        """Until the containers have written so many lines."""
        wait_for(f"{lines} lines", lambda: len(self.word()) >= lines, timeout, every=0.01)

    def wait_next_start(self, timeout=300):
        """Until another container says that it has started, to the millisecond."""
        file = self.word_file
        size = file.stat().st_size
        wait_for("another start", lambda: file.stat().st_size > size, timeout, every=0.0005)

    def release(self, name):
        """Ends the containers that wait for this (word.until)."""
        (self.folder / "word" / name).touch()

    def _jobs_of_queues(self):
        names = ", ".join(f"'{queue}'" for queue in self.queues)
        return rows(
            self.stack,
            "SELECT j.id FROM job j JOIN job_queue q ON q.id = j.queue_id"
            f" WHERE q.name IN ({names})",
        )

    def accepted(self):
        """Ids of all jobs that are this trial's: also of submissions that had no answer."""
        made = {job["id"] for job in self._jobs_of_queues()}
        return sorted({*self.ids, *made} - self.earlier)

    def recorded(self, columns):
        """These columns of the rows of attempt that are this trial's."""
        quoted = ", ".join(f"'{i}'" for i in self.accepted()) or "NULL"
        return rows(self.stack, f"SELECT {columns} FROM attempt WHERE job_id IN ({quoted})")

    def wait_all(self, timeout=900):
        """Until all accepted jobs have ended; returns them as DescribeJobs shows them."""
        settle(self.stack)
        ids = self.accepted()

        def ended():
            found = []
            for at in range(0, len(ids), 100):
                found += self.batch.describe_jobs(jobs=ids[at : at + 100])["jobs"]
            return found if all(j["status"] in ENDED for j in found) else None

        return wait_for(f"the end of {len(ids)} jobs", ended, timeout, every=0.5)

    # --- the end ---

    def _is_quiet(self, ids):
        quoted = ", ".join(f"'{i}'" for i in ids) or "NULL"
        [left] = rows(
            self.stack,
            f"WITH mine AS (SELECT id FROM job WHERE id IN ({quoted})) SELECT"
            " (SELECT count(*) FROM live l JOIN mine ON id = l.job_id)"
            " + (SELECT count(*) FROM placement p JOIN mine ON id = p.job_id)"
            " + (SELECT count(*) FROM inbox i JOIN mine ON id = i.job_id) AS n",
        )
        told = self.stack.sql(
            "SELECT NOT EXISTS (SELECT FROM job_event e, publisher p"
            " WHERE (e.round, e.n) > (p.round, p.n))"
        )
        names = self.stack.containers()
        known = set(ids)
        mine = [name for name in names if (run := run_of_name(name)) and run[0][:36] in known]
        ends = all(self.events.seen.get(i, [None])[-1] in ENDED for i in ids)
        return left["n"] == 0 and told == [["t"]] and not mine and ends

    def collect_word(self):
        """Brings the containers' own word into the folder; they have written it there."""

    def wait_quiet(self, timeout=180):
        """Until nothing of this trial moves any more; what is left by then the checker names."""
        ids = self.accepted()
        end = time.monotonic() + timeout
        while not self._is_quiet(ids) and time.monotonic() < end:
            time.sleep(0.5)

    def _collect_counters(self, timeout=90):
        """Two servers are not asked at one moment: again while they differ and may come to rest."""
        end = time.monotonic() + timeout
        while True:
            collect_counters(self.stack, self.folder)
            differ = checker.redis_counts_what_postgresql_has(checker.load(self.folder, COUNTERS))
            if not any(differ) or time.monotonic() > end:
                return
            time.sleep(0.5)

    def check(self, may_be_empty=(), every_attempt_ran=False, in_doubt=()):
        """Ends the recording and proves each line of the promise. may_be_empty: properties that
        this trial has nothing for; any other that checks nothing is a failure.
        every_attempt_ran: no attempt may have been used where no container ran; but for the jobs
        in_doubt, of which nobody can know."""
        self.wait_quiet()
        self.events.end()
        self.names.end()
        meta = {
            "boot_ms": self.boot_ms,
            "may_be_empty": sorted(may_be_empty),
            "every_attempt_ran": every_attempt_ran,
            "in_doubt": list(in_doubt),
        }
        (self.folder / "meta.json").write_text(json.dumps(meta))
        self.collect_word()
        collect(self.stack, self.folder, self.batch, self.accepted())
        self._collect_counters()
        self.checked = True
        report = checker.check(checker.load(self.folder))
        print(report.text())
        assert report.ok, f"{report.text()}\nthe history: {self.folder}"
        return report

    def forget(self):
        self.events.end()
        self.names.end()
        settle(self.stack)
        for job_id in self.accepted() if not self.checked else ():
            self.batch.terminate_job(jobId=job_id, reason="the test is over")
        self.work.forget()
