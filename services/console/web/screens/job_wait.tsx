// Why a job waits: its reason in its parts, its place in the queue, and what it depends on.

import { nameOf } from "../format";
import { jobsOf, snapshotOf } from "../lists";
import { Rows } from "../parts/rows";
import { StateMark } from "../parts/state";
import { Ago } from "../parts/time";
import { cut, plain } from "../plain";
import { SLOW_MS, useNow, useRead } from "../read";
import { jobHref, queueHref } from "../router";
import { Job, State } from "../types";

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

export function DependsOn({ job }: { job: Job }) {
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
