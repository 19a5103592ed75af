// Why a job waits: its reason in its parts, its place in the queue, what it depends on, and what
// depends on it.

import { readIfAllowed } from "../api";
import { nameOf } from "../format";
import { jobsOf, snapshotOf } from "../lists";
import { Failure } from "../parts/notice";
import { Rows } from "../parts/rows";
import { StateMark } from "../parts/state";
import { Ago } from "../parts/time";
import { cut, plain } from "../plain";
import { CALM_MS, SLOW_MS, useNow, useRead } from "../read";
import { jobHref, queueHref } from "../router";
import { Dependent, Job, State } from "../types";

/** "Waiting for <request>, at least <n> jobs ahead: <one part an environment>; …" */
function partsOf(reason: string): { head: string; parts: string[] } {
  const match = /^(Waiting for .*? ahead): (.*)$/.exec(reason);
  if (!match) return { head: reason, parts: [] };
  return { head: match[1] ?? "", parts: (match[2] ?? "").split("; ") };
}

function Place({ job }: { job: Job }) {
  const now = useNow();
  const { data } = useRead(
    `place ${job.jobQueue}`,
    (signal) => snapshotOf(job.jobQueue, signal),
    SLOW_MS,
  );
  const front = data?.frontOfQueue?.jobs ?? [];
  const at = front.findIndex((p) => nameOf(p.jobArn) === job.jobId);
  const name = nameOf(job.jobQueue);
  if (!data) return null;
  if (at < 0)
    return (
      <p>
        It is not among the first {front.length} of queue <a href={queueHref(name)}>{name}</a>.
      </p>
    );
  return (
    <p>
      Place {at + 1} in queue <a href={queueHref(name)}>{name}</a>; came to this place{" "}
      <Ago at={front[at]?.earliestTimeAtPosition} now={now} />.
    </p>
  );
}

export function WhyItWaits({ job }: { job: Job }) {
  const { head, parts } = partsOf(plain(job.statusReason ?? ""));
  const waits: State[] = ["SUBMITTED", "PENDING", "RUNNABLE"];
  if (!waits.includes(job.status)) return null;
  return (
    <section aria-label="Why it waits">
      <h2>Why it waits</h2>
      <p>{head || "The scheduler has not looked at it yet."}</p>
      {parts.length > 0 && (
        <ul>
          {parts.map((part) => (
            <li>{part}</li>
          ))}
        </ul>
      )}
      {job.status === "RUNNABLE" && !job.arrayProperties?.size && <Place job={job} />}
    </section>
  );
}

function DependsOn({ job }: { job: Job }) {
  const ids = (job.dependsOn ?? []).flatMap((d) => (d.jobId ? [d.jobId] : []));
  const types = new Map((job.dependsOn ?? []).map((d) => [d.jobId, d.type ?? ""]));
  const { data } = useRead(
    `depends ${ids.join(" ")}`,
    (signal) => jobsOf(ids, signal),
    ids.length ? SLOW_MS : 0,
  );
  if (ids.length === 0) return null;
  return (
    <section aria-label="Dependencies">
      <h2>It waits for the end of</h2>
      <Rows
        label="Dependencies"
        rows={ids}
        id={(id) => id}
        href={jobHref}
        columns={[
          {
            title: "Job",
            cell: (id) => <a href={jobHref(id)}>{cut(data?.get(id)?.jobName ?? id, 60)}</a>,
          },
          {
            title: "State",
            narrow: true,
            cell: (id) => {
              const state = data?.get(id)?.status;
              return state ? <StateMark state={state} /> : data ? "gone" : "";
            },
          },
          { title: "How", narrow: true, cell: (id) => types.get(id) ?? "" },
          { title: "Reason", cell: (id) => cut(data?.get(id)?.statusReason, 200) },
        ]}
      />
    </section>
  );
}

/** No job waits for one that has ended, so nobody is asked about one. */
function WaitsForIt({ job }: { job: Job }) {
  const { data, error } = useRead(
    `dependents ${job.jobId}`,
    (signal) =>
      readIfAllowed<{ dependents: Dependent[]; more: boolean }>(
        "ListDependents",
        { jobId: job.jobId },
        signal,
      ),
    CALM_MS,
  );
  if (!data?.dependents.length) return <Failure text={error} />;
  return (
    <section aria-label="Dependents">
      <h2>These wait for its end</h2>
      <Rows
        label="Dependents"
        rows={data.dependents}
        id={(d) => d.jobId}
        href={(d) => jobHref(d.jobId)}
        columns={[
          { title: "Job", cell: (d) => <a href={jobHref(d.jobId)}>{cut(d.jobName, 60)}</a> },
          { title: "State", narrow: true, cell: (d) => <StateMark state={d.status} /> },
          {
            title: "Queue",
            narrow: true,
            cell: (d) => <a href={queueHref(nameOf(d.jobQueue))}>{nameOf(d.jobQueue)}</a>,
          },
          {
            title: "How",
            narrow: true,
            cell: (d) =>
              [d.type, d.dependsOn !== job.jobId && `for ${d.dependsOn}`].filter(Boolean).join(" "),
          },
        ]}
      />
      {data.more && <p class="notice">There are others.</p>}
    </section>
  );
}

export function Dependencies({ job }: { job: Job }) {
  return (
    <div class="beside">
      <DependsOn job={job} />
      {job.stoppedAt === undefined && <WaitsForIt job={job} />}
    </div>
  );
}
