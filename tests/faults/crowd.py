"""Jobs of every kind by the hundred, submitted beside the faults: singles, retries, failures,
arrays with each kind of dependency, stops. What becomes of each is known beforehand."""

import contextlib
import itertools
import threading
import time

OF_A_ROUND = 38  # jobs and children


class Crowd:
    """Submits rounds of jobs in the trial, 'every' seconds one. Each job has tries enough for what
    is done to it, but those that are to fail. lasts: seconds, of the longer ones. rounds: None:
    until the block of arriving() ends."""

    def __init__(self, trial, rounds=15, every=0.0, lasts=2.0, queue=None):
        self.trial, self.rounds, self.every = trial, rounds, every
        says = trial.says
        self.quick = trial.definition(says.lasting(0.2))
        self.slow = trial.definition(says.lasting(lasts))
        self.again = trial.definition(says.failing(1))
        self.bad = trial.definition(says.lasting(0, 3))
        self.never = trial.definition(says.lasting(0.1))
        self.endless = trial.definition(says.lasting(600))
        self.common = {"queue": queue} if queue else {}
        self.failed = None
        self.number = rounds and rounds * OF_A_ROUND
        self.enough = threading.Event()

    def _round(self):
        common = {"retryStrategy": {"attempts": 10}, **self.common}

        def one(definition, **more):
            return self.trial.submit(definition, **common | more)

        def array(size, *on):
            return {"arrayProperties": {"size": size}, "dependsOn": list(on)}

        endless = one(self.endless)
        one(self.slow, dependsOn=[{"jobId": one(self.quick)}])
        one(self.again)
        one(self.bad, retryStrategy={"attempts": 1})
        first = one(self.quick, arrayProperties={"size": 10})
        one(self.quick, **array(10, {"jobId": first, "type": "N_TO_N"}))
        one(self.slow, **array(5, {"type": "SEQUENTIAL"}))
        bad = one(self.bad, retryStrategy={"attempts": 2})
        one(self.never, **array(3, {"jobId": bad}))
        self.trial.terminate(endless)

    def _run(self):
        try:
            for n in itertools.count():
                if n == self.rounds or (self.rounds is None and self.enough.is_set()):
                    break
                self._round()
                time.sleep(self.every)
        except Exception as err:
            self.failed = err

    @contextlib.contextmanager
    def arriving(self, begun=20):
        """They arrive beside the block, which begins once the first have said so many words."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        words = len(self.trial.word())
        self.trial.wait_word(words + begun)
        try:
            yield
        finally:
            self.enough.set()
        thread.join(900)
        assert not thread.is_alive(), "jobs are still being submitted"
        if self.failed:
            raise self.failed

    def of(self, job):
        """Which definition a job has."""
        return job["jobDefinition"].rpartition("/")[2].partition(":")[0]

    def wait_ended(self, timeout=600, most=None):
        """Until all jobs of the trial have ended. Those that are to fail have failed, and no other;
        nor has any other used more attempts than 'most', beside those of its own failures."""
        jobs = self.trial.wait_all(timeout)
        to_fail = {self.bad, self.never, self.endless}
        odd = [
            (job["jobId"], job["status"], job.get("statusReason"), job["attempts"])
            for job in jobs
            if (job["status"] == "FAILED") != (self.of(job) in to_fail)
        ]
        assert not odd, f"{len(odd)} of {len(jobs)}: {odd[:5]}"
        if most is not None:
            used = [
                (job["jobId"], job["attempts"])
                for job in jobs
                if len(job["attempts"]) > most + (self.of(job) in (self.again, self.bad))
            ]
            assert not used, f"{len(used)} of {len(jobs)}: {used[:5]}"
        return jobs
