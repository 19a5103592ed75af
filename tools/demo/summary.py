"""The end of the demo: what ran where, what it would cost relatively, and where to go on."""

import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import queues
from problems import DemoError
from stage import Part, Stage

OPENBATCH = Path(__file__).resolve().parents[2] / "openbatch"
SHRINK_DEADLINE_S = 60
# Price of a vCPU-hour on demand, compared with the c5 family. Approximate: good for seeing which
# choice is cheaper and by about how much, not for a bill.
PRICE = {"c5": 1.00, "m5": 1.13}
# Spot is typically 30 to 70 % below on-demand, changing by type and zone.
SPOT_SHARE = 0.5
SPOT_QUEUES = (queues.LOW,)


@dataclass
class Usage:
    jobs: int = 0
    vcpu_hours: float = 0.0


def wait_until_empty(stage: Stage) -> float:
    """Waits until every environment is back at zero vCPUs; returns the seconds that took."""
    began_s = time.monotonic()
    while True:
        stage.growth.sample(at_once=True)
        left = {name: vcpus for name, vcpus in stage.growth.now.items() if vcpus > 0}
        if not left:
            return time.monotonic() - began_s
        told = ", ".join(f"{name} {vcpus} vCPUs" for name, vcpus in left.items())
        if time.monotonic() - began_s > SHRINK_DEADLINE_S:
            raise DemoError(f"{SHRINK_DEADLINE_S} s after the last job there is still: {told}")
        stage.tick(f"  giving back: {told}", told)


def _instance_type(home: Path, attempt: dict) -> str:
    """The type of the instance an attempt ran on, as the provider left it beside the instance."""
    arn = attempt["container"].get("containerInstanceArn", "")
    try:
        return (home / "instances" / arn.rpartition("/")[2] / "type").read_text().strip()
    except OSError:
        return "unknown type"


def usage_by_type(home: Path, parts: list[Part]) -> dict[tuple[str, bool], Usage]:
    """vCPU-hours that attempts used, by (instance type, whether it was Spot)."""
    usage: dict[tuple[str, bool], Usage] = {}
    for part in parts:
        for job in part.jobs:
            needs = {r["type"]: r["value"] for r in job["container"]["resourceRequirements"]}
            for attempt in job["attempts"]:
                if "startedAt" not in attempt or "stoppedAt" not in attempt:
                    continue
                key = (_instance_type(home, attempt), part.queue in SPOT_QUEUES)
                hours = (attempt["stoppedAt"] - attempt["startedAt"]) / 3_600_000
                used = usage.setdefault(key, Usage())
                used.jobs += 1
                used.vcpu_hours += hours * int(needs["VCPU"])
    return usage


def _usage_lines(usage: dict[tuple[str, bool], Usage]) -> list[str]:
    lines = ["instance type    market      attempts   vCPU-hours   relative cost"]
    paid = on_demand = 0.0
    for (name, spot), used in sorted(usage.items()):
        price = PRICE.get(name.partition(".")[0])
        market = "Spot" if spot else "on-demand"
        cost = "unknown"
        if price is not None:
            full = used.vcpu_hours * price
            on_demand += full
            paid += full * SPOT_SHARE if spot else full
            cost = f"{full * SPOT_SHARE if spot else full:.4f}"
            cost += f" (on demand {full:.4f})" if spot else ""
        lines.append(f"{name:16} {market:11} {used.jobs:8} {used.vcpu_hours:12.4f}   {cost}")
    lines.append(
        f"total {paid:.4f}; all on demand {on_demand:.4f}; 1 is the price of "
        "a c5 vCPU-hour on demand"
    )
    lines.append("(approximate price ratios, Spot at half the price: only for comparison)")
    return lines


def _part_lines(parts: list[Part]) -> list[str]:
    lines = ["example        queue                  jobs   attempts      time"]
    for part in parts:
        attempts = sum(len(job["attempts"]) for job in part.jobs)
        lines.append(
            f"{part.name:14} {part.queue:20} {len(part.jobs):6} {attempts:10} {part.took_s:8.1f} s"
        )
    return lines


def _next_lines(parts: list[Part]) -> list[str]:
    aws = "aws" if shutil.which("aws") else str(Path(sys.executable).parent / "aws")
    lines = [f'eval "$({OPENBATCH} env)"']
    lines.append(f"{aws} batch list-jobs --job-queue {queues.HIGH} --job-status SUCCEEDED")
    for part in parts:
        if part.name == "video":
            stream = part.jobs[0]["container"].get("logStreamName", "")
            lines.append(f"{aws} batch describe-jobs --jobs {part.jobs[0]['jobId']}")
            lines.append(
                f"{aws} logs get-log-events --log-group-name /aws/batch/job "
                f"--log-stream-name {stream} --query 'events[].message'"
            )
            lines.append(
                f"{aws} batch submit-job --job-name again --job-queue {queues.LOW} "
                "--job-definition video-processor --parameters "
                "inputFile=/data/bigbuckbunny.mp4,outputFile=/data/again.mp4"
            )
        if part.name == "thumbnails":
            array = part.jobs[0]["jobId"].partition(":")[0]
            lines.append(f"{aws} batch list-jobs --array-job-id {array} --job-status SUCCEEDED")
    return lines


def tell(stage: Stage, home: Path, parts: list[Part], took_s: float, shrink_s: float) -> None:
    """Prints the summary and leaves it in the demo's folder, as text and as JSON."""
    usage = usage_by_type(home, parts)
    lines = [*_part_lines(parts), "", *_usage_lines(usage), ""]
    for name, most in stage.growth.most.items():
        lines.append(f"{name}: grew to {most} vCPUs, now {stage.growth.now[name]}")
    lines.append(f"all environments are back at zero, {shrink_s:.0f} s after the last check")
    lines += ["", *(f"checked: {line}" for part in parts for line in part.checked), ""]
    lines += [f"result: {part.result}" for part in parts if part.result]
    lines.append(f"files: {stage.folder}")
    lines += ["", "next steps:", *(f"  {line}" for line in _next_lines(parts))]
    stage.screen.heading(f"Summary: {took_s:.0f} s")
    stage.screen.say(*lines)
    (stage.folder / "summary.txt").write_text("\n".join(lines) + "\n")
    record = {
        "seconds": round(took_s, 1),
        "parts": [
            {
                "name": part.name,
                "queue": part.queue,
                "jobs": len(part.jobs),
                "attempts": sum(len(job["attempts"]) for job in part.jobs),
                "seconds": round(part.took_s, 1),
                "checked": part.checked,
            }
            for part in parts
        ],
        "vcpuHours": [
            {"instanceType": name, "spot": spot, "hours": used.vcpu_hours}
            for (name, spot), used in sorted(usage.items())
        ],
        "mostVcpus": stage.growth.most,
    }
    (stage.folder / "summary.json").write_text(json.dumps(record, indent=2) + "\n")
