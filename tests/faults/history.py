"""A recorded history (record.py) in memory, by job. Pure: reads a folder, changes nothing."""

import dataclasses
import json
from collections import defaultdict
from pathlib import Path

from word import parse

STATES = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"]
ENDED = ("SUCCEEDED", "FAILED")
LISTS = (
    *("calls", "events", "names", "faults", "jobs", "job", "live", "done", "attempt", "placement"),
    *("inbox", "job_event", "instance", "compute_environment", "placements_counted", "redis"),
    *("containers", "begun"),
)


@dataclasses.dataclass
class History:
    """What the witnesses said, as record.py wrote it: a list of objects for each file."""

    meta: dict = dataclasses.field(default_factory=dict)
    word: list = dataclasses.field(default_factory=list)
    calls: list = dataclasses.field(default_factory=list)
    events: list = dataclasses.field(default_factory=list)
    names: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)
    jobs: list = dataclasses.field(default_factory=list)
    job: list = dataclasses.field(default_factory=list)
    live: list = dataclasses.field(default_factory=list)
    done: list = dataclasses.field(default_factory=list)
    attempt: list = dataclasses.field(default_factory=list)
    placement: list = dataclasses.field(default_factory=list)
    inbox: list = dataclasses.field(default_factory=list)
    job_event: list = dataclasses.field(default_factory=list)
    instance: list = dataclasses.field(default_factory=list)
    compute_environment: list = dataclasses.field(default_factory=list)
    placements_counted: list = dataclasses.field(default_factory=list)
    redis: list = dataclasses.field(default_factory=list)
    containers: list = dataclasses.field(default_factory=list)
    begun: list = dataclasses.field(default_factory=list)

    # A job or child is named as everywhere: <id> or <id>:<index>.

    def accepted(self):
        """All jobs that were accepted: what was answered, and what is there without an answer."""
        answered = [c["answer"]["jobId"] for c in self.submissions() if c.get("answer")]
        return list(dict.fromkeys([*answered, *(row["id"] for row in self.job)]))

    def submissions(self):
        return [c for c in self.calls if c["op"] == "SubmitJob"]

    def rows(self):
        """Rows of job by id."""
        return {row["id"]: row for row in self.job}

    def members(self):
        """All accepted jobs and their children."""
        found, rows = [], self.rows()
        for job in self.accepted():
            size = rows.get(job, {}).get("array_size", 0)
            found += [job, *(f"{job}:{n}" for n in range(size))]
        return found

    def parents(self):
        return {row["id"] for row in self.job if row["array_size"] > 0}

    def runners(self):
        """The keys of what has containers: all but arrays' parents."""
        parents = self.parents()
        return [key for key in self.members() if key not in parents]

    def described(self):
        return {job["jobId"]: job for job in self.jobs}

    def attempts(self):
        """Rows of attempt by key, in order."""
        found = defaultdict(list)
        for row in sorted(self.attempt, key=lambda row: row["attempt"]):
            found[key_of(row)].append(row)
        return found

    def words(self):
        """Lines of the containers' word by key, in order."""
        found = defaultdict(list)
        for line in sorted(self.word, key=lambda line: line["order"]):
            found[line["job"]].append(line)
        return found

    def seen_begun(self):
        """Runs whose process an executor saw as the job's command, though the engine could not
        say what became of the start: (key, run)."""
        return {(key, int(run)) for key, _, run in (at["run"].rpartition("/") for at in self.begun)}

    def first_events(self):
        """Events by key, repeats left out, in the order of their arrival."""
        found, known, mine = defaultdict(list), set(), set(self.members())
        for event in self.events:
            is_change = event["kind"] == "Batch Job State Change"
            job = event["detail"]["jobId"]
            if is_change and job in mine and event["id"] not in known:
                known.add(event["id"])
                found[job].append(event)
        return found

    def written_events(self):
        """Rows of job_event by key, in (round, n) order; a range counts for each child in it."""
        found = defaultdict(list)
        for row in sorted(self.job_event, key=lambda row: (row["round"], row["n"])):
            if row["blocked"]:
                continue
            for index in range(row["idx_lo"], row["idx_hi"] + 1):
                found[key_of(row | {"idx": index})].append(row)
        return found

    def run_names(self):
        """(key, run) by container id, for containers that belong to a run. Without an engine that
        id is the name itself."""
        said = {line["container"] for line in self.word}
        found = {name: run for name in said if (run := run_of_name(name))}
        for row in self.names:
            run = run_of_name(row["name"])
            if run:
                found[row["container"]] = run
        return found

    def stopped(self):
        """What a client asked to stop, answered or not; with an array its children."""
        asked = {c["arguments"]["jobId"] for c in self.calls if c["op"] != "SubmitJob"}
        return {key for key in self.members() if key in asked or key.split(":")[0] in asked}

    def dependencies(self):
        """(dependent key, key it waits for) of all that was asked of accepted jobs."""
        rows, found = self.rows(), []
        for call in self.submissions():
            job = (call.get("answer") or {}).get("jobId")
            if job in rows:
                size = rows[job]["array_size"]
                for one in call["arguments"].get("dependsOn", []):
                    found += _pairs(job, size, one, rows)
        return found


def _pairs(job, size, dependency, rows):
    children = [f"{job}:{n}" for n in range(size)]
    kind, on = dependency.get("type"), dependency.get("jobId")
    if kind == "SEQUENTIAL" and on is None:
        return list(zip(children[1:], children, strict=False))
    if kind == "N_TO_N":
        return [(child, f"{on}:{n}") for n, child in enumerate(children)]
    on_size = rows.get(on, {}).get("array_size", 0)
    all_on = [f"{on}:{n}" for n in range(on_size)] or [on]
    return [(key, one) for key in (children or [job]) for one in all_on]


def key_of(row):
    return row["job_id"] if row["idx"] < 0 else f"{row['job_id']}:{row['idx']}"


def run_of_name(name):
    """(key, run) of a container's name, ob-<uuid>[-<index>]-<run>."""
    parts = name.lstrip("/").split("-")
    if parts[0] != "ob" or len(parts) not in (7, 8) or not all(p.isdigit() for p in parts[6:]):
        return None
    job = "-".join(parts[1:6])
    key = job if len(parts) == 7 else f"{job}:{parts[6]}"
    return key, int(parts[-1])


def load(folder, lists=LISTS):
    """The history that record.py wrote into a folder, or some of its lists."""
    folder = Path(folder)
    found = {"meta": json.loads((folder / "meta.json").read_text())}
    for name in lists:
        path = folder / f"{name}.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        found[name] = [json.loads(line) for line in lines]
    path = folder / "word/word"
    found["word"] = parse(path.read_text()) if path.exists() else []
    return History(**found)
