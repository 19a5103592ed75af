"""The workflow of tests/e2e/clients/test_clients.py, by boto3: QUEUE IMAGE NAME."""

import json
import sys
import time

import boto3

queue, image, name = sys.argv[1:]
batch, logs = boto3.client("batch"), boto3.client("logs")


def define(suffix, *command):
    requirements = {"VCPU": "1", "MEMORY": "64"}
    return batch.register_job_definition(
        jobDefinitionName=name + suffix,
        type="container",
        containerProperties={
            "image": image,
            "command": ["sh", "-c", *command],
            "resourceRequirements": [{"type": t, "value": v} for t, v in requirements.items()],
        },
    )["jobDefinitionArn"]


def submit(job_name, definition, **more):
    return batch.submit_job(jobName=job_name, jobQueue=queue, jobDefinition=definition, **more)[
        "jobId"
    ]


def job(job_id):
    return batch.describe_jobs(jobs=[job_id])["jobs"][0]


def wait(job_id, *states):
    while (found := job(job_id))["status"] not in (*states, "FAILED"):
        time.sleep(0.2)
    return found


def lines(found):
    stream = found["container"].get("logStreamName")
    for _ in range(50 if stream else 0):
        try:
            page = logs.get_log_events(
                logGroupName="/aws/batch/job",
                logStreamName=stream,
                startFromHead=True,
            )
            if page["events"]:
                return [event["message"] for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            pass
        time.sleep(0.1)
    return []


says = define("-says", 'echo "child ${AWS_BATCH_JOB_ARRAY_INDEX:-none}"')
lasts = define("-lasts", "trap 'exit 143' TERM; sleep 1000 & wait")
first = submit("first", says)
array = submit("array", says, dependsOn=[{"jobId": first}], arrayProperties={"size": 3})
long = submit("long", lasts)
wait(long, "RUNNING", "SUCCEEDED")
batch.terminate_job(jobId=long, reason="long enough")
ended = wait(array, "SUCCEEDED")
long_job = wait(long, "SUCCEEDED")
result = {
    "array": ended["status"],
    "succeeded": ended["arrayProperties"]["statusSummary"]["SUCCEEDED"],
    "first": lines(job(first)),
    "children": [lines(job(f"{array}:{n}")) for n in range(3)],
    "in order": job(first)["stoppedAt"] <= job(f"{array}:0")["startedAt"],
    "long": [long_job["status"], long_job["statusReason"], long_job["container"]["exitCode"]],
}
for definition in (says, lasts):
    batch.deregister_job_definition(jobDefinition=definition)
print(json.dumps(result))
