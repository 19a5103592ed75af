"""The kubelet of one node: brings what runs on it (containers.py) to what the pods bound to it say,
and writes the pods' statuses. One thread, level-triggered: it looks at a pod when the pod, or a
container of it, has changed, and each second. When it is dead, its containers run on and nothing is
written; when it is back, it finds them."""

import contextlib
import os
import shutil
import signal
import threading
import time

from . import pod_status, pods, quantity
from .containers import Life
from .store import now_text
from .words import expanded, with_folders

TOO_LONG = "Pod was active on the node longer than the specified deadline"


class PodState:
    """What a kubelet remembers of a pod; lost when it dies."""

    def __init__(self):
        self.admitted = False
        self.begun_at = None
        self.pulls = {}  # by container: (failures, when to try again, when to say that it waits)
        self.waits = {}  # by container: (reason, message)
        self.term_at = None  # when SIGTERM was sent; all times are the monotonic clock's
        self.ended_at = None
        self.ready_at = None


class Kubelet:
    def __init__(self, cluster, name):
        self.cluster, self.store, self.name = cluster, cluster.store, name
        self.runtime = cluster.runtimes[name]
        self.folder = cluster.folder / "pods" / name
        self.woken = threading.Event()
        self.states, self.due, self.dirty = {}, {}, set()  # by uid of a pod
        self.dead = False
        self.beat_at = 0.0
        self.thread = threading.Thread(target=self._loop, name=f"kubelet {name}", daemon=True)
        self.thread.start()

    def wake(self, uid=""):
        """Something has changed: of this pod, if one is named."""
        if uid:
            self.dirty.add(uid)
        self.woken.set()

    def kill(self):
        """As kill -9: its thread ends, and nothing else."""
        self.dead = True
        self.woken.set()
        self.thread.join()

    def beat_now(self):
        self.beat_at = 0.0
        self.woken.set()

    def _loop(self):
        while not self.dead:
            self.woken.wait(self._pause())
            self.woken.clear()
            if self.dead or self.cluster.is_stopped:
                continue
            self._beat()
            dirty, self.dirty = self.dirty, set()
            now = time.monotonic()
            for pod in self.cluster.pods_of_node(self.name):
                uid = pod["metadata"]["uid"]
                if self.dead:
                    return
                if uid in dirty or now >= self.due.get(uid, 0.0):
                    self.due[uid] = now + self._sync(pod)
            self._forget_gone()

    def _pause(self):
        """Seconds until something is due."""
        at = min([self.beat_at, *list(self.due.values())])
        return min(1.0, max(0.01, at - time.monotonic()))

    def _beat(self):
        """The node's Ready condition; a node whose object was deleted is not made again."""
        now = time.monotonic()
        if now < self.beat_at:
            return
        self.beat_at = now + self.cluster.times.heartbeat_s
        problem = self.cluster.problems.get(self.name)

        def edit(node):
            self.cluster.heard[self.name] = now
            status, reason = ("False", "KubeletNotReady") if problem else ("True", "KubeletReady")
            message = problem or "kubelet is posting ready status"
            beat = {"lastHeartbeatTime": now_text()}
            pods.set_condition(node, "Ready", status, reason, message, **beat)
            if not problem:
                taints = node["spec"].get("taints") or []
                node["spec"]["taints"] = [t for t in taints if t["key"] not in pods.NOT_READY]

        self.store.change("nodes", "", self.name, edit)

    def _forget_gone(self):
        """Kills and forgets the containers of pods that are no more."""
        with self.runtime.lock:
            uids = {uid for uid, _ in self.runtime.containers}
        known = {pod["metadata"]["uid"] for pod in self.cluster.pods_of_node(self.name)}
        for uid in uids - known:
            self.runtime.forget(uid)
            shutil.rmtree(self.folder / uid, ignore_errors=True)
        for uid in set(self.due) - known:
            del self.due[uid]
            self.states.pop(uid, None)

    def _sync(self, pod):
        """One step for one pod: seconds until the next one, at most."""
        uid = pod["metadata"]["uid"]
        state = self.states.setdefault(uid, PodState())
        now = time.monotonic()
        deleting = bool(pod["metadata"].get("deletionTimestamp"))
        containers = self.runtime.of_pod(uid)
        if pods.is_ended(pod) and not any(c.state != "exited" for c in containers.values()):
            if containers:
                self._write_status(pod, state, pod["status"]["phase"], terminated=True)
            if deleting:
                self._let_go(pod)
            return 60.0
        if deleting or pods.is_ended(pod):
            return self._end(pod, state, containers, now)
        if not state.admitted and not containers and not self._admit(pod):
            return 0.02
        state.admitted = True
        state.begun_at = state.begun_at or now
        deadline = pod["spec"].get("activeDeadlineSeconds")
        if deadline and now - state.begun_at >= deadline:
            self._fail(pod, "DeadlineExceeded", TOO_LONG)
            return 0.02
        self._start(pod, state, now)
        return self._report(pod, state, now)

    def _admit(self, pod):
        """False: there is no room, and the pod is rejected for good."""
        node = self.store.get("nodes", "", self.name)
        if not node:
            return True
        others = [
            other["spec"]
            for other in self.cluster.pods_of_node(self.name)
            if not pods.is_ended(other) and other["metadata"]["uid"] != pod["metadata"]["uid"]
        ]
        for name in sorted(quantity.names(pod["spec"])):
            wanted = quantity.of_pod(pod["spec"], name)
            used = sum(quantity.of_pod(spec, name) for spec in others)
            room = quantity.parse(node["status"]["allocatable"].get(name, "0"))
            if wanted and used + wanted > room:
                scale = 1000 if name == "cpu" else 1
                shown = [int(amount * scale) for amount in (wanted, used, room)]
                self._reject(pod, name, *shown)
                return False
        return True

    def _reject(self, pod, name, wanted, used, room):
        text = f"Pod was rejected: Node didn't have enough resource: {name}, requested: {wanted},"
        self._fail(pod, f"OutOf{name}", f"{text} used: {used}, capacity: {room}")

    def _fail(self, pod, reason, message):
        """For good; its containers are killed."""

        def edit(item):
            item["status"] |= {"phase": "Failed", "reason": reason, "message": message}
            item["status"].setdefault("startTime", now_text())

        self._write(pod, edit)

    def _write(self, pod, edit):
        meta = pod["metadata"]
        return self.store.change("pods", meta["namespace"], meta["name"], edit, meta["uid"])

    def _let_go(self, pod):
        meta = pod["metadata"]
        with contextlib.suppress(Exception):
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
            pods.delete(self.store, meta["namespace"], meta["name"], options)

    def _start(self, pod, state, now):
        """Starts what may start: init containers one by one, then all others."""
        state.waits.clear()
        volumes = self._volumes(pod, state)
        if volumes is None:
            return
        for spec in pod["spec"].get("initContainers") or []:
            container = self._container(pod, spec, state, volumes, now)
            if not container or container.state != "exited" or container.exit_code:
                return
        for spec in pod["spec"]["containers"]:
            self._container(pod, spec, state, volumes, now)

    def _container(self, pod, spec, state, volumes, now):
        """The container, made if it can be; None: it waits, state.waits says for what."""
        uid, name = pod["metadata"]["uid"], spec["name"]
        container = self.runtime.get(uid, name)
        if container:
            return container
        failed, again, calm = state.pulls.get(name, (0, 0.0, 0.0))
        wait = self.cluster.images.lacks(spec, calm <= now < again)
        if wait:
            if now >= again:
                pause = self.cluster.times.pull_backoff_s * 2 ** min(failed, 5)
                state.pulls[name] = (failed + 1, now + pause, now + pause / 2)
            state.waits[name] = wait
            return None
        if self.cluster.times.pull_s:
            state.ready_at = state.ready_at or now + self.cluster.times.pull_s
            if now < state.ready_at:
                return None
        wrong = self._misconfigured(pod, spec)
        if wrong:
            state.waits[name] = ("CreateContainerConfigError", wrong)
            return None
        return self._run(pod, spec, volumes)

    def _misconfigured(self, pod, spec):
        namespace = pod["metadata"]["namespace"]
        for one in spec.get("env") or []:
            source = one.get("valueFrom") or {}
            for kind, resource in (("secretKeyRef", "secrets"), ("configMapKeyRef", "configmaps")):
                wanted = source.get(kind)
                if wanted and not self.store.get(resource, namespace, wanted["name"]):
                    return f'{resource[:-1].lower()} "{wanted["name"]}" not found'
        security = (pod["spec"].get("securityContext") or {}) | (spec.get("securityContext") or {})
        if security.get("runAsNonRoot") and not security.get("runAsUser"):
            named = f'pod: "{pod["metadata"]["name"]}_{namespace}({pod["metadata"]["uid"]})"'
            return (
                "container has runAsNonRoot and image will run as root "
                f"({named}, container: {spec['name']})"
            )
        return ""

    def _run(self, pod, spec, volumes):
        uid, name = pod["metadata"]["uid"], spec["name"]
        env = {"HOSTNAME": self.name}
        for one in spec.get("env") or []:
            env[one["name"]] = expanded(one.get("value") or "", env)
        image = self.cluster.images.config(spec["image"])
        words = [expanded(word, env) for word in spec.get("command") or []]
        args = [expanded(word, env) for word in spec.get("args") or []]
        if not words:
            words = [*image.get("Entrypoint", []), *(args or image.get("Cmd", ["sh"]))]
        else:
            words += args
        mounts = spec.get("volumeMounts") or []
        words = [with_folders(word, mounts, volumes) for word in words]
        env = {key: with_folders(value, mounts, volumes) for key, value in env.items()}
        folder = self.folder / uid / "work" / name
        folder.mkdir(parents=True, exist_ok=True)
        meta = pod["metadata"]
        life = Life(self.name, meta["name"], name, meta.get("labels") or {}, env, 0.0)
        return self.runtime.start(uid, name, words, env, str(folder), life)

    def _volumes(self, pod, state):
        """The folders of a pod's volumes by name; None: one can't be mounted, for which a real
        kubelet waits without an end, in ContainerCreating."""
        namespace, folders = pod["metadata"]["namespace"], {}
        for volume in pod["spec"].get("volumes") or []:
            folder = self.folder / pod["metadata"]["uid"] / "volumes" / volume["name"]
            if "hostPath" in volume:
                folders[volume["name"]] = volume["hostPath"]["path"]
                continue
            if "secret" in volume:
                secret = self.store.get("secrets", namespace, volume["secret"]["secretName"])
                if not secret and not volume["secret"].get("optional"):
                    return None
                self.cluster.write_secret(folder, secret)
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if claim and not self.store.get("persistentvolumeclaims", namespace, claim):
                return None
            if claim:
                folder = self.cluster.folder / "claims" / namespace / claim
            os.makedirs(folder, exist_ok=True)
            folders[volume["name"]] = str(folder)
        return folders

    def _end(self, pod, state, containers, now):
        """A pod that is being deleted: SIGTERM, then SIGKILL, then its last status."""
        running = [c for c in containers.values() if c.state in ("running", "created")]
        grace = pod["metadata"].get("deletionGracePeriodSeconds") or 0
        state.term_at = state.term_at or now
        for container in running:
            container.terminate()
        if running:
            if now >= state.term_at + max(grace, 0):
                for container in running:
                    container.send(signal.SIGKILL)
            self._write_status(pod, state, self._phase(pod, final=False))
            return min(1.0, max(0.02, state.term_at + grace - now))
        self._write_status(pod, state, self._phase(pod, final=True), terminated=True)
        return 0.02

    def _phase(self, pod, final):
        """A phase that is final stays."""
        if pods.is_ended(pod):
            return pod["status"]["phase"]
        containers = self.runtime.of_pod(pod["metadata"]["uid"])
        return pod_status.phase(pod, containers, final)

    def _report(self, pod, state, now):
        containers = self.runtime.of_pod(pod["metadata"]["uid"])
        ended = pod_status.is_ended(pod, containers)
        if ended and state.ended_at is None:
            state.ended_at = now
        late = self.cluster.times.phase_lag_s
        final = ended and now >= state.ended_at + late
        self._write_status(pod, state, pod_status.phase(pod, containers, final), terminated=final)
        if ended and not final:
            return state.ended_at + late - now
        waits = [at - now for _, *times in state.pulls.values() for at in times if at > now]
        if state.ready_at and state.ready_at > now:
            waits.append(state.ready_at - now)
        return max(0.02, min([1.0, *waits]))

    def _write_status(self, pod, state, phase, terminated=False):
        containers = self.runtime.of_pod(pod["metadata"]["uid"])

        def edit(item):
            pod_status.write(item, containers, state.waits, phase, terminated)

        self._write(pod, edit)
