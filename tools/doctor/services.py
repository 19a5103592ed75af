"""What the services and the executors say of their own health."""

import time

from finding import Finding
from processes import MEANS
from system import health_at, state_of

LOOK_AGAIN_S = 3
# The parts that their dependencies are.
PARTS = {"postgresql": "postgres", "engine": "dockerd", "starts": "containerd", "disk": "disk"}


def health(system):
    before = {service: asked(system, service) for service in system.services()}
    for service in system.services():
        pid = system.part_pid(service)
        if pid is None or state_of(pid) == "T":
            continue  # found by its process
        said = before[service]
        if "error" in said or not said.get("ok") or said.get("leader") is False:
            time.sleep(LOOK_AGAIN_S)  # a moment of starting or of taking over is no fault
            said = asked(system, service)
        yield from of_service(service, said)
        yield from dropped_lines(system, service, before[service])


def asked(system, service):
    try:
        return system.health(service)
    except (OSError, ValueError) as err:
        return {"error": str(err) or type(err).__name__}


def of_service(service, said):
    do = f"./openbatch logs {service}"
    if "error" in said:
        yield Finding(
            service,
            f"{service} runs, but does not say how it is: {said['error']}",
            MEANS[service],
            do,
            echo_of="postgres",
        )
        return
    if said.get("loop") == "silent":
        yield Finding(
            service, f"the main loop of {service} has not moved for 10 s", MEANS[service], do
        )
    for name, state in said.get("depends", {}).items():
        if state.get("ok") is not True:
            yield from of_dependency(service, name, state)
    if said.get("leader") is False:
        yield Finding(
            service,
            f"no {service} leads here: this one is a standby",
            f"nothing if another host's {service} leads; else: {MEANS[service]}",
            "./openbatch status; logs of the leader say why this one does not lead",
            level="note" if said.get("ok") else "problem",
            echo_of="kafka",
        )
    skipped = said.get("info", {}).get("eventsSkipped", 0)
    if skipped:
        yield Finding(
            service,
            f"{skipped} events were too large to be published",
            "jobs go on; readers of batch.job-state did not get these",
            f"{do} names the jobs (event.skipped); make their descriptions smaller",
            level="note",
        )


def of_dependency(service, name, state):
    text = state.get("text") or "it does not answer"
    part = PARTS.get(name, name)
    if name == "publisher":
        yield Finding(
            "publisher",
            f"events are not published: {text}",
            "jobs go on; readers of batch.job-state wait, and get every event later",
            "./openbatch logs scheduler says why",
            echo_of="kafka",
        )
    elif name == "instances":
        yield Finding(
            "executor",
            text,
            "they get no jobs, or one at a time; jobs go to other instances or wait",
            "mend what the text names, there; then the instance gets jobs again by itself",
            echo_of="containerd",
        )
    else:
        needed = state.get("required")
        yield Finding(
            service,
            f"{service} says of {name}: {text}",
            MEANS.get(part, MEANS[service]) if needed else MEANS.get(part, "nothing"),
            f"./openbatch logs {part if part in MEANS else service}",
            echo_of=part,
        )


def dropped_lines(system, service, before):
    """More than a moment ago: somebody does not read, or the disk is full, now."""
    was = before.get("info", {}).get("logLinesDropped", 0)
    if not was:
        return
    now = asked(system, service).get("info", {}).get("logLinesDropped", was)
    yield Finding(
        service,
        f"{now} lines of the log of {service} were dropped since its start",
        "nothing",
        "look at the disk with logs, and at the logger (./openbatch status)",
        level="problem" if now > was else "note",
        echo_of="disk",
    )


# --- executors ------------------------------------------------------------------------------------


def executors(system):
    """On this host; the scheduler's health names those of other hosts that are unwell."""
    for name, pid, path in system.executors():
        if pid is None or state_of(pid) == "T":
            continue  # found by its process
        try:
            said = health_at(path)
        except (OSError, ValueError) as err:
            said = {"error": str(err) or type(err).__name__}
        yield from of_executor(name, said)


def of_executor(name, said):
    if "error" in said:
        yield Finding(
            "executor",
            f"the executor of {name} does not say how it is: {said['error']}",
            MEANS["executor"],
            f"./openbatch logs {name}",
            level="note",  # one that begins or ends has no socket
        )
    for what, state in said.get("depends", {}).items():
        if state.get("ok") is not True:
            part = PARTS.get(what, what)
            yield Finding(
                "executor",
                f"the executor of {name} says of {what}: {state.get('text') or 'no answer'}",
                MEANS.get(part, MEANS["executor"]),
                f"./openbatch logs {part if part in ('kafka', 'dockerd') else name}",
                echo_of=part,
            )
