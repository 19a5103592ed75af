"""The same jobs end in the same way, with the same output, on Docker, on oci and on Kubernetes."""

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from fixtures import free_ports, openbatch, own_env, share_installed
from kube_real import IMAGE
from stack import Stack
from work import Work

CODES = [0, 1, 2, 3, 42, 77, 100, 125, 126, 127, 128, 129, 130, 137, 143, 200, 254, 255]
SIGNALS = ["HUP", "INT", "QUIT", "KILL", "SEGV", "PIPE", "ALRM", "TERM", "USR1", "USR2"]
OUTPUTS = [
    "echo one",
    "echo one; echo two >&2",
    "printf 'no end of line'",
    "printf 'a\\n\\nb\\n'",
    "printf 'tab\\tand\\rreturn\\n'",
    "printf 'Zürich – 東京\\n'",
    "printf '\\377\\376 bytes\\n'",
    "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done",
    "head -c 5000 /dev/zero | tr '\\0' x; echo",
    "head -c 40000 /dev/zero | tr '\\0' y; echo",
    "echo '{\"a\": [1, 2]}'",
    'echo "  blanks  "',
    "echo 'single \"double\" $HOME `tick`'",
    "true",
    "seq 1 50",
    "echo before; exit 9",
    "echo err >&2; exit 8",
]
ENVIRONMENT = {"PLAIN": "x", "BLANKS": " a  b ", "EMPTY": "", "SIGNS": "a=b;c&d|e\"f'g", "UTF": "é"}
PARAMETERS = {"one": "1", "two": "two words", "sign": "$HOME"}


def script(text):
    return ["sh", "-c", text]


def cases():
    """(name, command, environment, parameters)"""
    for code in CODES:
        yield f"exit {code}", script(f"echo ends with {code}; exit {code}"), {}, {}
    for name in SIGNALS:
        # A process that is not the container's first one. Not with $$, which a kubelet makes $.
        die = f"read pid rest </proc/self/stat; kill -{name} $pid; sleep 9"
        yield f"signal {name}", script(f"sh -c '{die}'; exit $?"), {}, {}
    for number, text in enumerate(OUTPUTS):
        yield f"output {number}", script(text), {}, {}
    for name in ENVIRONMENT:
        yield f"variable {name}", script(f'printf "[%s]\\n" "${name}"'), ENVIRONMENT, {}
    yield "no variable", script('echo "[$THERE_IS_NONE]"'), ENVIRONMENT, {}
    yield "attempt", script("echo $AWS_BATCH_JOB_ATTEMPT"), {}, {}
    yield "no shell", ["echo", "a b", "c"], {}, {}
    yield "an empty word", ["printf", "[%s]\\n", "", "x"], {}, {}
    for name in PARAMETERS:
        yield f"parameter {name}", ["echo", f"Ref::{name}"], {}, PARAMETERS
    yield "a parameter in a word", ["echo", "xRef::one"], {}, PARAMETERS
    yield "two parameters", ["echo", "Ref::one", "Ref::two"], {}, PARAMETERS
    yield "a folder", script("cd /tmp && pwd && touch x && ls"), {}, {}


CASES = list(cases())


def test_there_are_sixty():
    assert len(CASES) >= 60


def of_containers(work, queue):
    """Submits each case as containerProperties: [job id]."""
    for _, command, variables, parameters in CASES:
        environment = [{"name": k, "value": v} for k, v in variables.items()]
        definition = work.definition(
            command, memory=32, parameters=parameters, environment=environment
        )
        yield work.submit(queue, definition)


def of_pods(real, queue):
    for _, command, variables, parameters in CASES:
        one = {"image": IMAGE, "command": command}
        one["resources"] = {"limits": {"cpu": "0.25", "memory": "32Mi"}}
        one["env"] = [{"name": k, "value": v} for k, v in variables.items()]
        definition = real.definition(one, parameters=parameters)
        yield real.submit(queue, definition=definition)


def code_of(job):
    if "container" in job:
        return job["container"].get("exitCode")
    return job["eksAttempts"][-1]["containers"][0].get("exitCode")


@pytest.fixture
def docker_work():
    """A copy with an engine of its own."""
    base = Path(tempfile.mkdtemp(prefix="openbatch-docker.", dir="/tmp"))
    base.chmod(0o711)
    home, env = base / "home", own_env(base / "home", free_ports())
    home.mkdir()
    share_installed(home)
    (home / "config").write_text("made=for the tests\nengine=ours\n")
    done = openbatch(env, "up")
    assert done.returncode == 0, done.stdout + done.stderr
    stack = Stack(home)
    yield Work(stack.client("batch"), stack.client("logs"), "openbatch/busybox")
    openbatch(env, "down", "--wipe", "--yes")
    shutil.rmtree(base)


@pytest.mark.long
def test_all_three_do_the_same(stack, real, real_queue, docker_work):
    oci = Work(stack.client("batch"), stack.client("logs"), "openbatch/busybox")
    jobs = {
        "docker": list(of_containers(docker_work, docker_work.queue())),
        "oci": list(of_containers(oci, oci.queue())),
        "kubernetes": list(of_pods(real, real_queue)),
    }
    ended = {
        "docker": docker_work.wait_all(jobs["docker"], 900),
        "oci": oci.wait_all(jobs["oci"], 900),
        "kubernetes": [real.wait(job, timeout=900) for job in jobs["kubernetes"]],
    }
    lines = {
        "docker": lambda job: lines_of(docker_work.logs, job["container"]["logStreamName"]),
        "oci": lambda job: lines_of(oci.logs, job["container"]["logStreamName"]),
        "kubernetes": lambda job: lines_of(real.logs, real.stream(job["jobId"])),
    }

    def differences():
        for number, (name, *_) in enumerate(CASES):
            seen = {}
            for kind, all in ended.items():
                job = next(one for one in all if one["jobId"] == jobs[kind][number])
                seen[kind] = (job["status"], code_of(job), lines[kind](job))
            if len({str(one) for one in seen.values()}) > 1:
                yield name, seen

    # Output comes a little later than the end of its job.
    end = time.monotonic() + 60
    while (found := list(differences())) and time.monotonic() < end:
        time.sleep(1)
    assert not found, found


def lines_of(logs, stream):
    """Where nothing was written there may be no stream: DescribeJobs names none of a pod, and a
    stream is made when it is named, or by its first line."""
    try:
        found = logs.get_log_events(
            logGroupName="/aws/batch/job", logStreamName=stream, startFromHead=True
        )
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in found["events"]]
