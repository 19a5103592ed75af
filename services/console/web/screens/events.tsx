// What happens: moves of jobs from state to state and queues that become blocked, newest first, as the
// console's stream tells them. The console reads the stream only while somebody listens, so what was
// before is there only if another page was open; the jobs' own pages know all of it.

import { useEffect, useRef, useState } from "preact/hooks";
import { nameOf, time } from "../format";
import { allQueues, jobsOf } from "../lists";
import { ToldEvent, useLive } from "../live";
import { asShown, Choice } from "../parts/choice";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { StateMark } from "../parts/state";
import { cut } from "../plain";
import { CALM_MS, useRead } from "../read";
import { go, jobHref, queueHref, usePlace, withQuery } from "../router";
import { STATES } from "../types";

const KEPT_MAX = 200;
const QUEUES_MAX = 32; // that one stream follows
const NAMES_MS = 2000; // between two questions for names
const NAMES_MAX = 25; // in one of them: of what comes faster few names are seen

interface Event {
  id: string;
  number: number;
  at: number;
  queue: string;
  job: string;
  kind: string;
  reason: string;
}

function eventOf([number, at, queue, job, kind, reason]: ToldEvent): Event {
  return { id: `${number} ${at} ${job} ${kind}`, number, at, queue, job, kind, reason };
}

/** A stream that begins again tells some events a second time. */
function merged(kept: Event[], told: Event[]): Event[] {
  const known = new Set(kept.map((e) => e.id));
  const fresh = told.filter((e) => !known.has(e.id));
  return [...fresh, ...kept].slice(0, KEPT_MAX);
}

/** Names of jobs, asked for now and then; an event itself has none. Those that are gone have none. */
function useNames(events: Event[]): Map<string, string> {
  const [names, setNames] = useState(new Map<string, string>());
  const latest = useRef(events);
  latest.current = events;
  useEffect(() => {
    const controller = new AbortController();
    const asked = new Map<string, string>();
    const ask = async () => {
      const shown = new Set(latest.current.map((e) => e.job));
      for (const id of asked.keys()) if (!shown.has(id)) asked.delete(id);
      const ids = [...shown].filter((id) => !asked.has(id)).slice(0, NAMES_MAX);
      if (ids.length === 0 || document.hidden) return;
      const found = await jobsOf(ids, controller.signal).catch(() => undefined);
      if (!found) return;
      for (const id of ids) asked.set(id, found.get(id)?.jobName ?? "");
      setNames(new Map(asked));
    };
    const timer = setInterval(() => void ask(), NAMES_MS);
    return () => {
      clearInterval(timer);
      controller.abort();
    };
  }, []);
  return names;
}

function KindMark({ kind }: { kind: string }) {
  if (kind !== "BLOCKED") return <StateMark state={kind} />;
  return (
    <span class="state state-failed">
      <span aria-hidden="true" class="shape">
        !
      </span>
      QUEUE BLOCKED
    </span>
  );
}

interface FilterProps {
  queues: string[];
  queue: string;
  kind: string;
}

function Filters({ queues, queue, kind }: FilterProps) {
  return (
    <form class="filters" onSubmit={(e) => e.preventDefault()} role="search">
      <Choice
        label="Queue"
        value={queue}
        none="all"
        values={asShown(queues)}
        choose={(value) => go(withQuery({ queue: value || null }))}
        search
      />
      <Choice
        label="What"
        value={kind}
        none="all"
        values={[...asShown(STATES), { value: "BLOCKED", text: "queue blocked" }]}
        choose={(value) => go(withQuery({ what: value || null }))}
      />
    </form>
  );
}

/** One list for each filter: with another one it begins anew. */
function List({ arns, kind }: { arns: string[]; kind: string }) {
  const [events, setEvents] = useState<Event[]>([]);
  const [missing, setMissing] = useState(0);
  const [stopped, setStopped] = useState(false);
  const stands = useLive(
    arns,
    (told) => {
      if (!told.events || stopped) return;
      if (told.cut) setMissing((n) => n + (told.cut ?? 0));
      if (told.events.length) setEvents((kept) => merged(kept, (told.events ?? []).map(eventOf)));
    },
    kind || "ALL",
  );
  const names = useNames(events);
  return (
    <>
      <p class="links">
        <button type="button" onClick={() => setStopped(!stopped)}>
          {stopped ? "Go on" : "Hold"}
        </button>
        <span aria-live="polite">
          {stands
            ? stopped
              ? "Held: what happens now will be missing."
              : "Live."
            : "The stream does not stand; events are missing until it does."}
        </span>
        {missing > 0 && <span>{missing} came too fast to be shown.</span>}
      </p>
      {events.length > 0 ? (
        <Rows
          main
          label="Events"
          rows={events}
          id={(e) => e.id}
          href={(e) => jobHref(e.job)}
          columns={[
            { title: "Time", narrow: true, cell: (e) => (e.at ? time(e.at) : "") },
            { title: "What", narrow: true, cell: (e) => <KindMark kind={e.kind} /> },
            {
              title: "Job",
              cell: (e) => <a href={jobHref(e.job)}>{cut(names.get(e.job) || e.job, 60)}</a>,
            },
            {
              title: "Queue",
              narrow: true,
              cell: (e) => <a href={queueHref(nameOf(e.queue))}>{nameOf(e.queue)}</a>,
            },
            { title: "Reason", cell: (e) => cut(e.reason, 200) },
          ]}
        />
      ) : (
        <Nothing loading={false} text="Nothing has happened since this page listens." />
      )}
    </>
  );
}

export function Events() {
  const { query } = usePlace();
  const queue = query.get("queue") ?? "";
  const kind = query.get("what") ?? "";
  const { data, error, loading } = useRead("queues", allQueues, CALM_MS);
  const all = (data ?? []).map((q) => q.jobQueueArn);
  const arns = (queue ? all.filter((arn) => nameOf(arn) === queue) : all).slice(0, QUEUES_MAX);
  return (
    <>
      <h1>Events</h1>
      <Filters queues={all.map(nameOf)} queue={queue} kind={kind} />
      <Failure text={error} />
      {!queue && all.length > QUEUES_MAX && (
        <p class="notice">
          Of the first {QUEUES_MAX} of {all.length} queues by priority; choose another one above.
        </p>
      )}
      {arns.length > 0 ? (
        <List key={`${queue} ${kind}`} arns={arns} kind={kind} />
      ) : (
        <Nothing loading={loading} text="There is no such queue that this key may see." />
      )}
    </>
  );
}
