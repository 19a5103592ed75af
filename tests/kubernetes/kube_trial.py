"""A trial (tests/faults/trial.py) whose jobs are pods of a real cluster: they say their own word
through a folder of the host, and the checker judges the history."""

import json
import threading

from kube_real import IMAGE
from kube_work import NAMESPACE
from trial import Trial, until_answered
from word import FOLDER, lasting

RUN = "openbatch.io/run"


def name_of(run):
    """Of the container that a run would have in Docker, which the checker reads."""
    return "ob-" + run.replace(":", "-").replace("/", "-")


class PodNames(threading.Thread):
    """Writes which pod belongs to which run, for as long as it looks."""

    def __init__(self, cluster, file):
        super().__init__(daemon=True)
        self.cluster, self.file = cluster, file
        self.ending, self.seen = threading.Event(), set()
        self.start()

    def run(self):
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        while not self.ending.wait(0.2):
            try:
                found = self.cluster.get(path) or {"items": []}
            except Exception:  # the API server may be away: a fault
                continue
            with self.file.open("a") as out:
                for pod in found["items"]:
                    self._note(pod["metadata"], out)

    def _note(self, meta, out):
        run = (meta.get("annotations") or {}).get(RUN)
        if run and meta["uid"] not in self.seen:
            self.seen.add(meta["uid"])
            out.write(json.dumps({"container": meta["uid"], "name": name_of(run)}) + "\n")

    def end(self):
        self.ending.set()
        self.join(30)


class PodStack:
    """The copy, with its pods in the place of an engine's containers."""

    def __init__(self, stack, real):
        self._stack, self._real = stack, real

    def __getattr__(self, name):
        return getattr(self._stack, name)

    def docker(self, *words, check=True):
        assert words[:2] == ("ps", "-a"), words
        lines = []
        for pod in self._real.pods():
            run = (pod["metadata"].get("annotations") or {}).get(RUN)
            if run:
                one = {"Names": name_of(run), "Status": pod["status"].get("phase", "")}
                lines.append(json.dumps(one) if "{{json .}}" in words else one["Names"])
        return "\n".join(lines)


class KubeTrial(Trial):
    def __init__(self, stack, folder, work):
        """work: a RealWork, whose environment and queue it takes."""
        self.kube = work
        folder.chmod(0o755)
        super().__init__(PodStack(stack, work.cluster), folder, queue=work.queue())
        (folder / "word").chmod(0o777)
        self.word_file.chmod(0o666)
        self.pod_names = PodNames(work.cluster.cluster, folder / "names.jsonl")

    def definition(self, command=None, cpu="0.25", memory="16Mi", **more):
        one = {"image": IMAGE, "command": command or lasting(0.05)}
        one["resources"] = {"limits": {"cpu": cpu, "memory": memory}}
        one["volumeMounts"] = [{"name": "word", "mountPath": FOLDER}]
        volumes = [{"name": "word", "hostPath": {"path": str(self.folder / "word")}}]
        return until_answered(lambda: self.kube.definition(one, pod={"volumes": volumes}, **more))

    def collect_word(self):
        self.pod_names.end()

    def forget(self):
        self.pod_names.end()
        super().forget()
