"""A pod's status from its containers, as a kubelet computes it."""

import hashlib

from . import pods
from .store import now_text

LOST = "The container could not be located when the pod was terminated"


def names(pod, kind):
    return [spec["name"] for spec in pod["spec"].get(kind) or []]


def _codes(pod, kind, containers):
    """Exit codes in order; None: it has not ended."""
    found = [containers.get(name) for name in names(pod, kind)]
    return [c.exit_code if c and c.state == "exited" else None for c in found]


def is_ended(pod, containers):
    """Nothing of it runs, and nothing will."""
    if any(containers[name].state != "exited" for name in containers):
        return False
    if any(_codes(pod, "initContainers", containers)):
        return True
    return None not in _codes(pod, "containers", containers)


def phase(pod, containers, final):
    """final: all containers are known to have ended; a kubelet says so a little later than it says
    that the containers have ended."""
    first = _codes(pod, "initContainers", containers)
    codes = _codes(pod, "containers", containers)
    if final:
        good = all(code == 0 for code in [*first, *codes])
        return "Succeeded" if good else "Failed"
    if None in first or any(first):
        return "Pending"
    started = [containers.get(name) for name in names(pod, "containers")]
    if any(not c or c.state == "created" for c in started):
        return "Pending"
    return "Running"


def _state(container):
    if container.state == "running":
        return {"running": {"startedAt": container.started_at}}
    ended = {"exitCode": container.exit_code, "reason": container.reason}
    if container.message:
        ended["message"] = container.message
    times = {"startedAt": container.started_at, "finishedAt": container.finished_at}
    return {"terminated": ended | times | {"containerID": container.id}}


def _waiting(pod, kind, name, waits):
    if name in waits:
        reason, message = waits[name]
        return {"waiting": {"reason": reason, "message": message}}
    has_first = bool(pod["spec"].get("initContainers"))
    return {"waiting": {"reason": "PodInitializing" if has_first else "ContainerCreating"}}


def _status(pod, kind, spec, containers, waits, lost):
    name, container = spec["name"], containers.get(spec["name"])
    made = container and container.state != "created"
    if made:
        state = _state(container)
    elif lost:
        state = {
            "terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": LOST}
            | {"startedAt": None, "finishedAt": None}
        }
    else:
        state = _waiting(pod, kind, name, waits)
    running = "running" in state
    digest = hashlib.sha256(spec["image"].encode()).hexdigest()
    done = kind == "initContainers" and made and state.get("terminated", {}).get("exitCode") == 0
    status = {
        "name": name,
        "state": state,
        "lastState": {},
        "ready": done or (running and kind == "containers"),
        "restartCount": 0,
        "image": spec["image"],
        "imageID": f"sha256:{digest}" if made else "",
        "started": running,
    }
    return status | ({"containerID": container.id} if made else {})


def write(item, containers, waits, new_phase, terminated):
    """Into a pod that is being changed."""
    status, spec = item["status"], item["spec"]
    status["phase"] = new_phase
    status.setdefault("startTime", now_text())
    first = _codes(item, "initContainers", containers)
    initialized = all(code == 0 for code in first)
    for kind, member in (
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
    ):
        if spec.get(kind):
            lost = terminated and kind == "containers" and initialized
            status[member] = [
                _status(item, kind, one, containers, waits, lost) for one in spec[kind]
            ]
    ended = new_phase in ("Succeeded", "Failed")
    why = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(new_phase, "")
    ready = all(one["ready"] for one in status["containerStatuses"])
    running = any("running" in one["state"] for one in status["containerStatuses"])
    pods.set_condition(
        item, "PodReadyToStartContainers", str(bool(containers) and not ended).title()
    )
    if initialized:
        pods.set_condition(item, "Initialized", "True", "PodCompleted" if ended else "")
    else:
        waiting = " ".join(
            n for n, c in zip(names(item, "initContainers"), first, strict=True) if c != 0
        )
        text = f"containers with incomplete status: [{waiting}]"
        pods.set_condition(item, "Initialized", "False", "ContainersNotInitialized", text)
    for kind in ("Ready", "ContainersReady"):
        if ready and not ended:
            pods.set_condition(item, kind, "True")
        else:
            unready = " ".join(s["name"] for s in status["containerStatuses"] if not s["ready"])
            text = "" if ended else f"containers with unready status: [{unready}]"
            pods.set_condition(item, kind, "False", why or "ContainersNotReady", text)
    if running or containers:
        status.setdefault("hostIP", "127.0.0.1")
        status.setdefault("podIP", "127.0.0.1")
