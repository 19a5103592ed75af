// The workflow of tests/e2e/clients/test_clients.py, by the SDK for JavaScript: QUEUE IMAGE NAME.
"use strict";

const batchSdk = require("@aws-sdk/client-batch");
const logsSdk = require("@aws-sdk/client-cloudwatch-logs");

const [queue, image, name] = process.argv.slice(2);
const batch = new batchSdk.Batch({});
const logs = new logsSdk.CloudWatchLogs({});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function define(suffix, command) {
  const made = await batch.registerJobDefinition({
    jobDefinitionName: name + suffix,
    type: "container",
    containerProperties: {
      image,
      command: ["sh", "-c", command],
      resourceRequirements: [
        { type: "VCPU", value: "1" },
        { type: "MEMORY", value: "64" },
      ],
    },
  });
  return made.jobDefinitionArn;
}

async function submit(jobName, jobDefinition, more = {}) {
  return (await batch.submitJob({ jobName, jobQueue: queue, jobDefinition, ...more })).jobId;
}

async function job(id) {
  return (await batch.describeJobs({ jobs: [id] })).jobs[0];
}

async function waitFor(id, ...states) {
  for (;;) {
    const found = await job(id);
    if ([...states, "FAILED"].includes(found.status)) return found;
    await pause(200);
  }
}

async function lines(id) {
  const logStreamName = (await job(id)).container.logStreamName;
  for (let i = 0; i < 50 && logStreamName; i++) {
    try {
      const page = await logs.getLogEvents({
        logGroupName: "/aws/batch/job",
        logStreamName,
        startFromHead: true,
      });
      if (page.events.length) return page.events.map((event) => event.message);
    } catch (error) {
      if (!(error instanceof logsSdk.ResourceNotFoundException)) throw error;
    }
    await pause(100);
  }
  return [];
}

async function main() {
  const says = await define("-says", 'echo "child ${AWS_BATCH_JOB_ARRAY_INDEX:-none}"');
  const lasts = await define("-lasts", "trap 'exit 143' TERM; sleep 1000 & wait");
  const first = await submit("first", says);
  const array = await submit("array", says, {
    dependsOn: [{ jobId: first }],
    arrayProperties: { size: 3 },
  });
  const long = await submit("long", lasts);
  await waitFor(long, "RUNNING", "SUCCEEDED");
  await batch.terminateJob({ jobId: long, reason: "long enough" });
  const ended = await waitFor(array, "SUCCEEDED");
  const longJob = await waitFor(long, "SUCCEEDED");
  const children = [0, 1, 2].map((n) => `${array}:${n}`);
  const result = {
    array: ended.status,
    succeeded: ended.arrayProperties.statusSummary.SUCCEEDED,
    first: await lines(first),
    children: await Promise.all(children.map(lines)),
    "in order": (await job(first)).stoppedAt <= (await job(children[0])).startedAt,
    long: [longJob.status, longJob.statusReason, longJob.container.exitCode],
  };
  for (const jobDefinition of [says, lasts]) await batch.deregisterJobDefinition({ jobDefinition });
  console.log(JSON.stringify(result));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
