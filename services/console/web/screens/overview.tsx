// Is all well, and what happens? Queues with the job that waits at their front and why, environments
// with what they have, changes a second, the last failures, the health of the services.

import { health } from "../api";
import { nameOf } from "../format";
import { allEnvironments, allQueues, countsOf, jobsOf, lastFailures, snapshotOf } from "../lists";
import { changesOf, useLive } from "../live";
import { Counts } from "../parts/counts";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { StatusMark } from "../parts/state";
import { Ago } from "../parts/time";
import { cut, plain } from "../plain";
import { CALM_MS, SLOW_MS, useNow, useRead } from "../read";
import { environmentHref, href, jobHref, queueHref } from "../router";
import { Counted, Environment, Health, Job, Queue, State } from "../types";
import { Activity } from "./activity";

const WAITING: State[] = ["SUBMITTED", "PENDING", "RUNNABLE"];
const QUEUES_MAX = 20; // that are looked into; the others are on the screen of queues

interface Front {
  queue: Queue;
  waiting: number; // of the snapshot's front, which ends at a hundred
  counted?: Counted;
  job?: Job;
  since?: number;
}

async function readFronts(signal: AbortSignal): Promise<{ queues: Queue[]; fronts: Front[] }> {
  const queues = await allQueues(signal);
  const looked = queues.slice(0, QUEUES_MAX);
  const [counts, snapshots] = await Promise.all([
    countsOf(
      looked.map((q) => q.jobQueueArn),
      signal,
    ),
    Promise.all(looked.map((q) => snapshotOf(q.jobQueueArn, signal))),
  ]);
  const heads = snapshots.map((s) => s.frontOfQueue?.jobs[0]);
  const ids = heads.flatMap((head) => (head ? [nameOf(head.jobArn)] : []));
  const jobs = await jobsOf(ids, signal);
  const fronts = looked.map((queue, i) => {
    const head = heads[i];
    const job = head && jobs.get(nameOf(head.jobArn));
    const counted = counts.get(queue.jobQueueArn);
    return {
      queue,
      ...(counted ? { counted } : {}),
      waiting: snapshots[i]?.frontOfQueue?.jobs.length ?? 0,
      ...(job ? { job } : {}),
      ...(head ? { since: head.earliestTimeAtPosition } : {}),
    };
  });
  return { queues, fronts };
}

function Strip() {
  const { data, error } = useRead("health", (signal) => health<Health>(signal), SLOW_MS);
  const parts = Object.entries(data?.depends ?? {});
  return (
    <section aria-label="Health" class="strip">
      <span class={data?.ok ? "state state-succeeded" : "state state-failed"}>
        <span aria-hidden="true" class="shape">
          {data?.ok ? "✓" : "!"}
        </span>
        {data ? (data.ok ? "The api is well" : "The api is not well") : error || "…"}
      </span>
      {parts
        .filter(([, part]) => !part.ok)
        .map(([name, part]) => (
          <span class="notice failure">
            {plain(name)}: {plain(part.text)}
          </span>
        ))}
    </section>
  );
}

function waitingOf({ counted, waiting }: Front) {
  if (counted) return <Counts of={counted} states={WAITING} />;
  return waiting >= 100 ? "100 or more" : waiting;
}

function CountLink({ front: f, state }: { front: Front; state: State }) {
  if (!f.counted) return null;
  return (
    <a href={href("/jobs", { queue: f.queue.jobQueueName, state })}>
      <Counts of={f.counted} states={[state]} />
    </a>
  );
}

function QueueTable({ fronts, now }: { fronts: Front[]; now: number }) {
  return (
    <Rows
      main
      label="Queues"
      rows={fronts}
      id={(f) => f.queue.jobQueueArn}
      href={(f) => queueHref(f.queue.jobQueueName)}
      columns={[
        {
          title: "Queue",
          cell: (f) => <a href={queueHref(f.queue.jobQueueName)}>{f.queue.jobQueueName}</a>,
        },
        { title: "Status", narrow: true, cell: (f) => <StatusMark {...f.queue} /> },
        { title: "Waiting", narrow: true, cell: waitingOf },
        { title: "Running", narrow: true, cell: (f) => <CountLink front={f} state="RUNNING" /> },
        { title: "Succeeded", narrow: true, cell: (f) => <CountLink front={f} state="SUCCEEDED" /> },
        { title: "Failed", narrow: true, cell: (f) => <CountLink front={f} state="FAILED" /> },
        { title: "At the front", narrow: true, cell: (f) => <Ago at={f.since} now={now} /> },
        {
          title: "The front job, and why it waits",
          cell: (f) =>
            f.job &&
            WAITING.includes(f.job.status) && (
              <>
                <a href={jobHref(f.job.jobId)}>{cut(f.job.jobName, 40)}</a>{" "}
                {cut(f.job.statusReason, 200)}
              </>
            ),
        },
      ]}
    />
  );
}

function EnvironmentTable({ environments }: { environments: Environment[] }) {
  return (
    <Rows
      label="Environments"
      rows={environments}
      id={(e) => e.computeEnvironmentArn}
      href={(e) => environmentHref(e.computeEnvironmentName)}
      columns={[
        { title: "Environment", cell: (e) => <a href={environmentHref(e.computeEnvironmentName)}>{e.computeEnvironmentName}</a> },
        { title: "Status", narrow: true, cell: (e) => <StatusMark {...e} /> },
        { title: "Kind", narrow: true, cell: (e) => e.computeResources?.type ?? e.type },
        {
          title: "vCPUs wanted of the most",
          cell: (e) => {
            const most = e.computeResources?.maxvCpus;
            if (!most) return e.unmanagedvCpus ?? "";
            const wanted = e.computeResources?.desiredvCpus ?? 0;
            return (
              <>
                <meter min={0} max={most} value={wanted} aria-label="vCPUs" /> {wanted} of {most}
              </>
            );
          },
        },
      ]}
    />
  );
}

export function Overview() {
  const now = useNow();
  const fronts = useRead("fronts", readFronts, SLOW_MS);
  const queues = fronts.data?.fronts.map((f) => f.queue) ?? [];
  const key = queues.map((q) => q.jobQueueName).join(" ");
  const failures = useRead(
    `failures ${key}`,
    (signal) => lastFailures(queues, 5, signal),
    CALM_MS,
  );
  const environments = useRead("environments", allEnvironments, SLOW_MS);
  useLive(
    queues.map((q) => q.jobQueueArn),
    (told) => {
      if (told.live || told.missed) failures.again();
      if (queues.some((q) => changesOf(told, q.jobQueueArn) > 0)) fronts.again();
      if (queues.some((q) => told.queues?.[q.jobQueueArn]?.FAILED)) failures.again();
    },
  );
  return (
    <>
      <h1>Overview</h1>
      <Strip />
      <Failure text={fronts.error} />
      {fronts.data && fronts.data.queues.length > QUEUES_MAX && (
        <p class="notice">
          The first {QUEUES_MAX} of {fronts.data.queues.length} queues by priority;{" "}
          <a href="/queues">all queues</a>
        </p>
      )}
      {queues.length > 0 ? (
        <QueueTable fronts={fronts.data?.fronts ?? []} now={now} />
      ) : (
        <Nothing loading={fronts.loading} text="There is no queue that this key may see." />
      )}
      <Activity queues={queues.map((q) => q.jobQueueArn)} />
      <h2>Environments</h2>
      <Failure text={environments.error} />
      <EnvironmentTable environments={environments.data ?? []} />
      <h2>Last failures</h2>
      <Failure text={failures.error} />
      {failures.data?.length ? (
        <Rows
          label="Last failures"
          rows={failures.data.slice(0, 10)}
          id={(j) => j.jobId}
          href={(j) => jobHref(j.jobId)}
          columns={[
            { title: "Job", cell: (j) => <a href={jobHref(j.jobId)}>{cut(j.jobName, 60)}</a> },
            { title: "Queue", narrow: true, cell: (j) => j.queue },
            { title: "Ended", narrow: true, cell: (j) => <Ago at={j.stoppedAt} now={now} /> },
            { title: "Exit code", narrow: true, cell: (j) => j.container?.exitCode ?? "" },
            {
              title: "Reason",
              cell: (j) => cut(j.container?.reason ?? j.statusReason, 160),
            },
          ]}
        />
      ) : (
        <Nothing loading={failures.loading} text="No job has failed." />
      )}
    </>
  );
}
