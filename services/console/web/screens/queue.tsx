// All queues; and one queue: its front in the order of service, each job with its reason, the shares
// that use it, its environments in order, its time limits.

import { useState } from "preact/hooks";
import { nameOf } from "../format";
import { allQueues, countsOf, jobsOf, oneQueue, policyOf, snapshotOf } from "../lists";
import { changesOf, useLive } from "../live";
import { Copy } from "../parts/copy";
import { Counts } from "../parts/counts";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { StateMark, StatusMark } from "../parts/state";
import { Ago } from "../parts/time";
import { command } from "../cli";
import { cut, plain } from "../plain";
import { SLOW_MS, useNow, useRead } from "../read";
import { href, jobHref, queueHref } from "../router";
import { Counted, Job, Policy, Queue, Snapshot, STATES } from "../types";
import { QueueUse } from "./usage";

export function Queues() {
  const { data, error, loading } = useRead("queues", allQueues, SLOW_MS);
  return (
    <>
      <h1>Queues</h1>
      <Failure text={error} />
      {data?.length ? (
        <Rows
          main
          label="Queues"
          rows={data}
          id={(q) => q.jobQueueArn}
          href={(q) => queueHref(q.jobQueueName)}
          columns={[
            {
              title: "Queue",
              cell: (q) => <a href={queueHref(q.jobQueueName)}>{q.jobQueueName}</a>,
            },
            { title: "Status", narrow: true, cell: (q) => <StatusMark {...q} /> },
            { title: "Priority", narrow: true, cell: (q) => q.priority },
            {
              title: "Environments",
              cell: (q) =>
                q.computeEnvironmentOrder.map((e) => nameOf(e.computeEnvironment)).join(", "),
            },
            {
              title: "Policy",
              cell: (q) => (q.schedulingPolicyArn ? nameOf(q.schedulingPolicyArn) : "first in, first out"),
            },
          ]}
        />
      ) : (
        <Nothing loading={loading} text="There is no queue that this key may see." failed={error} />
      )}
    </>
  );
}

interface Place {
  id: string;
  place: number;
  since: number;
  job?: Job;
}
interface Whole {
  queue: Queue;
  front: Place[];
  snapshot: Snapshot | undefined; // the key may not see it
  counted?: Counted;
  policy?: Policy;
}

const REST_MS = 3000;
const REASONS_MS = 10000; // then whole jobs are read again, for their reasons

/** The jobs of the front: those that have come to it are read. */
class FrontJobs {
  private jobs = new Map<string, Job>();
  private readAt = 0;

  async read(ids: string[], signal: AbortSignal): Promise<Map<string, Job>> {
    const all = Date.now() - this.readAt >= REASONS_MS;
    const found = await jobsOf(all ? ids : ids.filter((id) => !this.jobs.has(id)), signal);
    if (all) this.readAt = Date.now();
    const kept = all ? [] : [...this.jobs].filter(([id]) => ids.includes(id));
    this.jobs = new Map([...kept, ...found]);
    return this.jobs;
  }
}

async function readQueue(name: string, known: FrontJobs, signal: AbortSignal): Promise<Whole> {
  const queue = await oneQueue(name, signal);
  if (!queue) throw new Error(`There is no queue ${name}, or this key may not see it.`);
  const [snapshot, counts] = await Promise.all([
    snapshotOf(queue.jobQueueArn, signal),
    countsOf([queue.jobQueueArn], signal),
  ]);
  const counted = counts.get(queue.jobQueueArn);
  const places = snapshot?.frontOfQueue?.jobs ?? [];
  const jobs = await known.read(
    places.map((p) => nameOf(p.jobArn)),
    signal,
  );
  const policy = queue.schedulingPolicyArn
    ? await policyOf(queue.schedulingPolicyArn, signal)
    : undefined;
  const front = places.map((p, i) => {
    const job = jobs.get(nameOf(p.jobArn));
    return {
      id: nameOf(p.jobArn),
      place: i + 1,
      since: p.earliestTimeAtPosition,
      ...(job ? { job } : {}),
    };
  });
  return { queue, front, snapshot, ...(counted ? { counted } : {}), ...(policy ? { policy } : {}) };
}

function weightOf(policy: Policy | undefined, share: string): number {
  const rows = policy?.fairsharePolicy?.shareDistribution ?? [];
  const row = rows.find((r) =>
    r.shareIdentifier.endsWith("*")
      ? share.startsWith(r.shareIdentifier.slice(0, -1))
      : r.shareIdentifier === share,
  );
  return row?.weightFactor ?? 1;
}

function Shares({ whole }: { whole: Whole }) {
  const { snapshot, policy, queue } = whole;
  const use = snapshot?.queueUtilization?.fairshareUtilization;
  if (!use) return null;
  const most = Math.max(1, ...use.topCapacityUtilization.map((s) => s.capacityUsage[0]?.quantity ?? 0));
  return (
    <>
      <h2>Shares</h2>
      <p>{use.activeShareCount} active. vCPUs in use now; a lower weight gets more.</p>
      <Rows
        label="Shares"
        rows={use.topCapacityUtilization}
        id={(s) => s.shareIdentifier}
        href={(s) => href("/jobs", { queue: queue.jobQueueName, share: s.shareIdentifier })}
        columns={[
          { title: "Share", cell: (s) => plain(s.shareIdentifier) },
          { title: "Weight", narrow: true, cell: (s) => weightOf(policy, s.shareIdentifier) },
          {
            title: "vCPUs in use",
            cell: (s) => {
              const used = s.capacityUsage[0]?.quantity ?? 0;
              return (
                <>
                  <meter min={0} max={most} value={used} aria-label="vCPUs" /> {used}
                </>
              );
            },
          },
        ]}
      />
    </>
  );
}

function Limits({ queue }: { queue: Queue }) {
  if (!queue.jobStateTimeLimitActions?.length) return null;
  return (
    <>
      <h2>Time limits</h2>
      <ul>
        {queue.jobStateTimeLimitActions.map((limit) => (
          <li>
            {limit.action} what is {limit.state} for {limit.maxTimeSeconds} s because of{" "}
            {plain(limit.reason)}
          </li>
        ))}
      </ul>
    </>
  );
}

export function QueueScreen({ name }: { name: string }) {
  const now = useNow();
  const [known] = useState(() => new FrontJobs());
  const { data, error, loading, again } = useRead(
    `queue ${name}`,
    (signal) => readQueue(name, known, signal),
    SLOW_MS,
    REST_MS,
  );
  const arn = data?.queue.jobQueueArn;
  useLive(arn ? [arn] : [], (told) => {
    if (told.live || told.missed || (arn && changesOf(told, arn) > 0)) again();
  });
  if (!data)
    return (
      <>
        <h1>Queue {name}</h1>
        <Failure text={error} />
        {!error && <Nothing loading={loading} text="" />}
      </>
    );
  const { queue, front } = data;
  const used = data.snapshot?.queueUtilization?.totalCapacityUsage?.[0]?.quantity ?? 0;
  return (
    <>
      <h1>
        Queue {queue.jobQueueName} <StatusMark {...queue} />
      </h1>
      <Failure text={error} />
      <p>
        Priority {queue.priority}; {data.snapshot && `${used} vCPUs in use; `}environments in order:{" "}
        {queue.computeEnvironmentOrder.map((e) => nameOf(e.computeEnvironment)).join(", ")}.{" "}
        <Copy
          label="copy as aws cli"
          text={command("batch", "get-job-queue-snapshot", { "job-queue": queue.jobQueueName })}
        />
      </p>
      <p class="links">
        Jobs:{" "}
        {STATES.map((state) => (
          <a href={href("/jobs", { queue: queue.jobQueueName, state })}>
            <StateMark state={state} /> <Counts of={data.counted} states={[state]} />
          </a>
        ))}
      </p>
      <h2>The front, in the order of service</h2>
      {front.length ? (
        <Rows
          main
          label="Front of the queue"
          rows={front}
          id={(p) => p.id}
          href={(p) => jobHref(p.id)}
          columns={[
            { title: "Place", narrow: true, cell: (p) => p.place },
            {
              title: "Job",
              cell: (p) => <a href={jobHref(p.id)}>{cut(p.job?.jobName ?? p.id, 50)}</a>,
            },
            { title: "Share", narrow: true, cell: (p) => cut(p.job?.shareIdentifier, 30) },
            { title: "In this place", narrow: true, cell: (p) => <Ago at={p.since} now={now} /> },
            { title: "Why it waits", cell: (p) => cut(p.job?.statusReason, 300) },
          ]}
        />
      ) : (
        <Nothing loading={false} text={data.snapshot ? "No job waits." : "This key may not see it."} />
      )}
      <QueueUse name={queue.jobQueueName} />
      <Shares whole={data} />
      <Limits queue={queue} />
    </>
  );
}
