"""Tags and images give containers labels. The engine merges labels into its events, and other
programs look for theirs: none of this changes the records of a run."""

import json

import pytest
from stack import HOLD

pytestmark = pytest.mark.docker("labels are the engine's")

FORGED = {
    "exitCode": "0",
    "openbatch.run": "00000000-0000-7000-8000-000000000000/1",
    "openbatch.instance": "i-0",
    "openbatch.gpus": "0",
    "openbatch.executor": "i-0",
    "com.docker.compose.project": "somebody",
}


@pytest.fixture(scope="module")
def labelled(stack, image):
    """An image with labels that speak for us."""
    container = stack.docker("create", image, "true").strip()
    labels = " ".join(f'{name}="{value}"' for name, value in FORGED.items())
    stack.docker("commit", "--change", f"LABEL {labels}", container, "openbatch/labelled")
    stack.docker("rm", container)
    yield "openbatch/labelled"
    stack.docker("rmi", "openbatch/labelled", check=False)


@pytest.fixture
def submit(batch, shared_work, queue, labelled):
    def run(command):
        definition = shared_work.definition(command, image=labelled)
        return batch.submit_job(
            jobName="labelled",
            jobQueue=queue,
            jobDefinition=definition,
            tags=FORGED,
            propagateTags=True,
        )["jobId"]

    return run


def test_an_exit_code_is_the_container_s_whatever_labels_say(shared_work, submit):
    job = shared_work.wait(submit(["sh", "-c", "sleep 0.3; exit 5"]))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 5)


def test_labels_with_our_names_are_ours(stack, batch, shared_work, submit):
    job_id = submit(HOLD)
    shared_work.wait(job_id, "RUNNING")
    name = stack.docker("ps", "--filter", f"name=ob-{job_id}", "--format", "{{.Names}}").strip()
    labels = json.loads(stack.docker("inspect", name))[0]["Config"]["Labels"]
    batch.terminate_job(jobId=job_id, reason="tested")
    assert labels["openbatch.run"] == f"{job_id}/1"
    assert labels["openbatch.instance"] in stack.instances()
    assert labels["openbatch.gpus"] == labels["openbatch.executor"] == ""
    assert labels["com.docker.compose.project"] == ""
    assert {labels[f"openbatch.tag.{name}"] for name in FORGED} == set(FORGED.values())
