"""A small history in which every promise is kept and checked: a single job, one that is tried
twice, one that is stopped, an array, and dependents. The checker's tests plant violations in it."""

import hashlib

from history import History

ONE, TWICE, STOPPED, ARRAY, AFTER = (f"0000000{n}-0000-4000-8000-000000000000" for n in range(1, 6))
REASON = "Essential container in task exited"
BOOT_MS = 1_000_000
RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED = 2, 3, 4, 5, 6


def container_of(key, run):
    return hashlib.sha256(f"{key}/{run}".encode()).hexdigest()


class Maker:
    """Writes a life into a history as the real witnesses would."""

    def __init__(self):
        self.h = History(
            meta={"boot_ms": BOOT_MS, "may_be_empty": [], "every_attempt_ran": False},
            instance=[{"id": "i-1", "ce_id": 7, "state": 1}],
            compute_environment=[{"id": 7, "name": "ce"}],
            placements_counted=[],
            redis=[
                {"key": "openbatch:instance:i-1", "fields": {"attempts": "0"}},
                {"key": "openbatch:ce:7", "fields": {"instances": "1"}},
            ],
        )
        self.now, self.round, self.tries = 0, 0, {}

    def tick(self, ms=100):
        self.now += ms
        return BOOT_MS + self.now

    def submit(self, job, size=0, **arguments):
        name = f"name-{job[:8]}"
        created = self.tick()
        self.h.calls.append(
            {
                "op": "SubmitJob",
                "arguments": {"jobName": name, **arguments},
                "answer": {"jobId": job, "jobName": name},
            }
        )
        self.h.job.append({"id": job, "name": name, "array_size": size, "created_at_ms": created})
        allowed = arguments.get("retryStrategy", {}).get("attempts", 1)
        for key in [job, *(f"{job}:{n}" for n in range(size))]:
            self.h.jobs.append(
                {
                    "jobId": key,
                    "status": "SUBMITTED",
                    "createdAt": created,
                    "attempts": [],
                    "retryStrategy": {"attempts": allowed},
                }
            )

    def described(self, key):
        return next(job for job in self.h.jobs if job["jobId"] == key)

    def event(self, key, state, **columns):
        job, _, index = key.partition(":")
        index = int(index) if index else -1
        self.round += 1
        row = {
            "round": self.round,
            "n": 0,
            "at_ms": self.tick(1),
            "job_id": job,
            "idx_lo": index,
            "idx_hi": index,
            "state": state,
            "attempt": len(self.described(key)["attempts"]),
            "stopped_at_ms": None,
            "blocked": False,
        } | columns
        self.h.job_event.append(row)
        names = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"]
        self.h.events.append(
            {
                "id": f"event-{self.round}",
                "kind": "Batch Job State Change",
                "detail": {
                    "jobId": key,
                    "status": names[state],
                    "attempts": [dict(one) for one in self.described(key)["attempts"]],
                    "stoppedAt": row["stopped_at_ms"],
                },
            }
        )
        self.described(key)["status"] = names[state]

    def word(self, key, attempt, kind, run, code=None):
        self.tick(50)
        self.h.word.append(
            {
                "order": len(self.h.word),
                "job": key,
                "attempt": attempt,
                "kind": kind,
                "at": self.now / 1000,
                "nonce": f"n-{key}-{attempt}",
                "container": container_of(key, run),
                "code": code,
            }
        )

    def run(self, key, code=0, end=True, last=True, recorded=None):
        """One run from RUNNABLE to its end."""
        run = attempt = self.tries[key] = self.tries.get(key, 0) + 1
        job, _, index = key.partition(":")
        for state in (RUNNABLE, STARTING):
            self.event(key, state)
        name = f"ob-{job}-{index + '-' if index else ''}{run}"
        self.h.names.append({"container": container_of(key, run), "name": name})
        self.word(key, attempt, "start", run)
        begun = self.tick(1)
        self.event(key, RUNNING)
        if end:
            self.word(key, attempt, "end", run, code)
        stopped = self.tick(1)
        shown = {"startedAt": begun, "stoppedAt": stopped}
        self.described(key)["attempts"].append(shown)
        self.described(key).update(shown)
        self.h.attempt.append(
            {
                "job_id": job,
                "idx": int(index) if index else -1,
                "attempt": attempt,
                "run": run,
                "instance_id": "i-1",
                "exit_code": code if recorded is None else recorded,
                "container_reason": None,
                "reason": REASON,
            }
        )
        if last:
            self.end(key, SUCCEEDED if code == 0 and end else FAILED, stopped)

    def end(self, key, state, stopped=None):
        job, _, index = key.partition(":")
        stopped = stopped or self.tick(1)
        self.event(key, state, stopped_at_ms=stopped)
        self.described(key)["stoppedAt"] = stopped
        self.h.done.append(
            {
                "job_id": job,
                "idx": int(index) if index else -1,
                "state": state,
                "bulk_state": None,
            }
        )


def good():
    m = Maker()
    m.submit(ONE)
    m.submit(TWICE, retryStrategy={"attempts": 2})
    m.submit(STOPPED)
    m.submit(ARRAY, size=2)
    m.submit(AFTER, dependsOn=[{"jobId": ONE}, {"jobId": ARRAY}])
    m.run(ONE)
    m.run(TWICE, code=1, last=False)
    m.run(TWICE)
    m.h.calls.append({"op": "TerminateJob", "arguments": {"jobId": STOPPED}, "answer": {}})
    m.run(STOPPED, code=143, end=False)
    m.run(f"{ARRAY}:0")
    m.run(f"{ARRAY}:1")
    m.end(ARRAY, SUCCEEDED)
    m.run(AFTER)
    return m.h
