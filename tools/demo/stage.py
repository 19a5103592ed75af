"""What the examples share: the service, the screen, the folder, and the record each hands in."""

import time
from dataclasses import dataclass
from pathlib import Path

from batch import Batch
from watch import Growth, Screen

POLL_S = 0.3


@dataclass
class Part:
    """What became of one example; 'jobs' are job details as DescribeJobs gives them."""

    name: str
    queue: str
    jobs: list[dict]
    took_s: float
    checked: list[str]
    result: str


@dataclass
class Stage:
    batch: Batch
    screen: Screen
    growth: Growth
    folder: Path

    def tick(self, text: str, key: str | None = None, poll_s: float = POLL_S) -> None:
        """One turn of waiting: shows progress, samples the environments, pauses."""
        self.screen.progress(text, key)
        self.growth.sample()
        time.sleep(poll_s)

    @staticmethod
    def reason(job: dict) -> str:
        """Why a job waits, where the service says so."""
        return job.get("statusReason", "") if job["status"] == "RUNNABLE" else ""

    @staticmethod
    def why(job: dict) -> list[str]:
        told = [f"job {job['jobId']} is {job['status']}"]
        if "statusReason" in job:
            told.append(f"statusReason: {job['statusReason']}")
        return told
