// Is all well, and what happens? Queues with the job that waits at their front and why, environments
// with what they have, changes a second, the last failures, the health of the services.

import { useState } from "preact/hooks";
import { health } from "../api";
import { Front, FrontReader, QUEUES_MAX, WAITING } from "../fronts";
import { allEnvironments } from "../lists";
import { changesOf, useLive } from "../live";
import { Counts } from "../parts/counts";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { StatusMark } from "../parts/state";
import { Ago } from "../parts/time";
import { cut, plain } from "../plain";
import { SLOW_MS, useNow, useRead } from "../read";
import { environmentHref, href, jobHref, queueHref } from "../router";
import { Environment, Health, State } from "../types";
import { Activity } from "./activity";
import { LastFailures } from "./failures";

const FRONTS_REST_MS = 5000;

function Strip() {
  const { data, error } = useRead("health", (signal) => health<Health>(signal), SLOW_MS);
  const parts = Object.entries((!error && data?.depends) || {});
  const well = !error && data?.ok; // what it said before it fell silent is no news
  return (
    <section aria-label="Health" class="strip">
      <span class={well ? "state state-succeeded" : "state state-failed"}>
        <span aria-hidden="true" class="shape">
          {well ? "✓" : "!"}
        </span>
        {error || (data ? (well ? "The api is well" : "The api is not well") : "…")}
      </span>
      {parts
        .filter(([, part]) => !part.ok)
        .map(([name, part]) => (
          <span class="notice failure">
            {plain(name)}: <bdi>{plain(part.text)}</bdi>
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
  const [reader] = useState(() => new FrontReader());
  const [follows, setFollows] = useState(false);
  const fronts = useRead(
    "fronts",
    (signal) => {
      if (!follows) reader.change();
      return reader.read(signal);
    },
    SLOW_MS,
    FRONTS_REST_MS,
  );
  const queues = fronts.data?.fronts.map((f) => f.queue) ?? [];
  const environments = useRead("environments", allEnvironments, SLOW_MS);
  const live = useLive(
    queues.map((q) => q.jobQueueArn),
    (told) => {
      const changed = queues.filter((q) => changesOf(told, q.jobQueueArn) > 0);
      if (told.live || told.missed) reader.change();
      else changed.forEach((q) => reader.change(q.jobQueueArn));
      if (told.live || told.missed || changed.length > 0) fronts.again();
    },
  );
  if (live !== follows) setFollows(live);
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
        <Nothing
          loading={fronts.loading}
          text="There is no queue that this key may see."
          failed={fronts.error}
        />
      )}
      <Activity queues={queues.map((q) => q.jobQueueArn)} />
      <h2>Environments</h2>
      <Failure text={environments.error} />
      <EnvironmentTable environments={environments.data ?? []} />
      <LastFailures queues={queues} now={now} />
    </>
  );
}
