"""Processes: the supervisor, the servers and services below it, their loggers, and who has our
ports."""

import re
import subprocess
import time

from finding import Finding
from system import COMMAND_S, SERVICES, age_of, command_of, state_of

LOOK_AGAIN_S = 3
YOUNG_S = 60

# What it means for jobs when a part does not work.
MEANS = {
    "postgres": "no request is answered (503) and nothing is decided; containers keep running, and "
    "executors keep what they have to report",
    "redis": "nothing: its figures are rebuilt from PostgreSQL when it is back",
    "kafka": "requests are accepted, but no job starts and no end is recorded; containers keep "
    "running, and executors keep what they have to report",
    "dockerd": "no container starts or ends; those that run keep running, and their jobs wait",
    "containerd": "no container starts; runs that had not begun are given back without using an "
    "attempt",
    "images": "jobs whose image is not in the store yet fail with CannotPullContainerError",
    "api": "clients get no answer; accepted jobs go on",
    "scheduler": "no job starts and no end is recorded; containers keep running",
    "scaler": "no instance is launched or ended; jobs run on those that are there",
    "console": "its pages do not open; jobs and clients of the api go on",
    "tls": "clients get no answer over HTTPS; accepted jobs go on",
    "executor": "its runs are not reported; their containers keep running. After "
    "OPENBATCH_LOST_AFTER_MS the instance is lost, and the retry strategy decides",
}


def frozen(part, what, pid):
    return Finding(
        part=part,
        wrong=f"{what} (process {pid}) stands still: a signal or a debugger stopped it",
        means=MEANS.get(part, MEANS["executor"]),
        do=f"kill -CONT {pid}",
    )


def supervision(system):
    if system.supervisor == "systemd":
        yield from units(system)
    else:
        yield from below_runsvdir(system)


def units(system):
    """systemd restarts what ends; the doctor looks at what there is."""
    for part in system.parts():
        pid = system.part_pid(part)
        if pid is None:
            do = f"./openbatch up; why it ended: ./openbatch logs {part}"
            yield Finding(part=part, wrong=f"{part} does not run", means=MEANS[part], do=do)
        elif state_of(pid) == "T":
            yield frozen(part, part, pid)
    yield from executors(system)


def below_runsvdir(system):
    pid = supervisor(system)
    if pid is None:
        running = [part for part in system.parts() if system.part_pid(part)]
        yield Finding(
            part="supervisor",
            wrong="the supervisor (runsvdir) does not run"
            + ("" if running else ", nor does anything else"),
            means="what ends is not started again"
            if running
            else "nothing is accepted, started or recorded; containers keep running",
            do="./openbatch up",
        )
        if not running:
            return
    elif state_of(pid) == "T":
        yield frozen("supervisor", "the supervisor", pid)
    before = {part: system.part_pid(part) for part in system.parts()}
    for part in system.parts():
        yield from of_part(system, part, before[part])
    yield from executors(system)
    yield from restarting(system, before)


def supervisor(system):
    try:
        pid = int((system.home / "runsvdir.pid").read_text())
    except (OSError, ValueError):
        return None
    return pid if command_of(pid).startswith("runsvdir") and state_of(pid) != "Z" else None


def wanted_down(folder):
    """Somebody stopped it with sv(8); the file says so with its last word."""
    try:
        return (folder / "supervise/stat").read_text().strip() in ("down", "run, want down")
    except OSError:
        return False


def of_part(system, part, pid):
    folder = system.service_dir(part)
    if pid is None:
        by_hand = wanted_down(folder)
        yield Finding(
            part=part,
            wrong=f"{part} does not run" + (": it was stopped by hand" if by_hand else ""),
            means=MEANS[part],
            do=f"sv up {folder}"
            if by_hand
            else f"./openbatch up; why it ended: ./openbatch logs {part}",
        )
        return
    if state_of(pid) == "T":
        yield frozen(part, part, pid)
    logger = system.pid(folder / "log")
    if logger is None or state_of(logger) == "T":
        drops = part in SERVICES
        yield Finding(
            part=part,
            wrong=f"nobody reads what {part} logs: its logger "
            + ("does not run" if logger is None else f"(process {logger}) stands still"),
            means="nothing: lines are dropped and counted"
            if drops
            else f"when the pipe is full {part} stands still: {MEANS[part]}",
            do=f"sv restart {folder}/log" if logger is None else f"kill -CONT {logger}",
        )


def executors(system):
    absent = set()
    for name, pid, _ in system.executors():
        if pid is None:
            absent.add(name)
        elif state_of(pid) == "T":
            yield frozen("executor", f"the executor of {name}", pid)
    if absent:  # one whose instance begins or ends has no process for a moment
        time.sleep(LOOK_AGAIN_S)
        absent &= {name for name, pid, _ in system.executors() if pid is None}
    for name in sorted(absent):
        yield Finding(
            part="executor",
            wrong=f"the executor of {name} does not run",
            means=MEANS["executor"],
            do="nothing at first: the scaler starts it again; "
            f"why it ended: ./openbatch logs {name}",
        )


def restarting(system, before):
    """Parts that end soon after each start: young, and young again in a moment."""
    young = {p: pid for p, pid in before.items() if pid and (age_of(pid) or YOUNG_S) < YOUNG_S}
    if not young:
        return
    time.sleep(LOOK_AGAIN_S)
    for part, pid in young.items():
        now = system.part_pid(part)
        if now != pid:
            yield Finding(
                part=part,
                wrong=f"{part} keeps ending: it began less than a minute ago, and has ended again",
                means=MEANS[part],
                do=f"./openbatch logs {part} shows why it ends",
            )
        elif (age_of(supervisor(system) or pid) or 0) > YOUNG_S + (age_of(pid) or 0):
            yield Finding(
                part=part,
                wrong=f"{part} was started again {age_of(pid):.0f} s ago",
                means="nothing any more: what it held up goes on",
                do=f"if nobody restarted it: ./openbatch logs {part} shows why it ended",
                level="note",
            )


# --- ports ----------------------------------------------------------------------------------------


def ports(system):
    """A port of ours that another process has: ours cannot start, or is not reached."""
    for port, part in system.ports().items():
        ours = system.part_pid(part)
        for pid in listeners(port):
            if pid != ours:
                yield Finding(
                    part=part,
                    wrong=f"port {port} is taken by process {pid}: {command_of(pid)}",
                    means=MEANS[part],
                    do=f"stop that process (kill {pid}); {part} takes its port within seconds",
                )


def listeners(port):
    """Processes that listen on a port; as another user than root only one's own are seen."""
    done = subprocess.run(
        ["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True, timeout=COMMAND_S
    )
    return sorted({int(pid) for pid in re.findall(r"pid=(\d+),", done.stdout)})
