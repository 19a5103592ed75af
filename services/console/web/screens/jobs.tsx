// Jobs of one queue or of all, by state or by one of the api's filters, in pages from the server.
// All that is chosen is in the address.

import { useState } from "preact/hooks";
import { command } from "../cli";
import { duration, nameOf } from "../format";
import { JobPage, readJobPage, Row } from "../job_pages";
import { allQueues } from "../lists";
import { changesOf, useLive } from "../live";
import { asShown, Choice } from "../parts/choice";
import { Copy } from "../parts/copy";
import { Field } from "../parts/field";
import { Failure, Nothing } from "../parts/notice";
import { Column, Rows } from "../parts/rows";
import { StateMark } from "../parts/state";
import { Ago, At } from "../parts/time";
import { cut } from "../plain";
import { CALM_MS, SLOW_MS, useNow, useRead } from "../read";
import { go, jobHref, queueHref, usePlace, withQuery } from "../router";
import { STATES } from "../types";
import { StopMatching, StopProgressLine, StopSelected } from "./job_stops";

const QUEUES_MAX = 10; // merged into one list
const REST_MS = 3000; // a page of a busy queue is another one before it is read
const FILTER_REST_MS = 10000; // a filter looks through many jobs for few

const FILTERS = [
  ["name", "JOB_NAME", "Name, or its beginning and *"],
  ["definition", "JOB_DEFINITION", "Definition, or its beginning and *"],
  ["share", "SHARE_IDENTIFIER", "Share"],
  ["after", "AFTER_CREATED_AT", "Created after"],
  ["before", "BEFORE_CREATED_AT", "Created before"],
] as const;

/** The request that the address describes. The api takes a state or one filter; a share goes with a
 * state. Without either: all jobs, newest first. */
function requestOf(query: URLSearchParams): object {
  const state = query.get("state");
  const chosen = FILTERS.find(([name]) => query.get(name));
  if (!chosen)
    return state
      ? { jobStatus: state }
      : { filters: [{ name: "AFTER_CREATED_AT", values: ["0"] }] };
  const [name, filter] = chosen;
  const text = query.get(name) ?? "";
  const value = filter.endsWith("CREATED_AT") ? String(Date.parse(text) || 0) : text;
  const filters = [{ name: filter, values: [value] }];
  return name === "share" && state ? { jobStatus: state, filters } : { filters };
}

function Filters({ queues, query }: { queues: string[]; query: URLSearchParams }) {
  const chosen = FILTERS.find(([name]) => query.get(name));
  const set = (changes: Record<string, string | null>) => go(withQuery({ ...changes, page: null }));
  const one = (name: string, value: string | null) => {
    const others = Object.fromEntries(FILTERS.map(([n]) => [n, null]));
    const state = value && name !== "share" ? { state: null } : {};
    set({ ...others, ...state, [name]: value });
  };
  return (
    <form class="filters" onSubmit={(e) => e.preventDefault()} role="search">
      <Choice
        label="Queue"
        value={query.get("queue") ?? ""}
        none="all"
        values={asShown(queues)}
        choose={(value) => set({ queue: value || null })}
      />
      <Choice
        label="State"
        value={query.get("state") ?? ""}
        none="all"
        values={asShown(STATES)}
        choose={(value) => {
          const keep = chosen?.[0] === "share" ? {} : Object.fromEntries(FILTERS.map(([n]) => [n, null]));
          set({ ...keep, state: value || null });
        }}
      />
      {FILTERS.map(([name, filter, title], i) => (
        <Field
          label={title}
          type={filter.endsWith("CREATED_AT") ? "datetime-local" : "text"}
          value={query.get(name) ?? ""}
          search={i === 0}
          commit={(value) => one(name, value || null)}
        />
      ))}
    </form>
  );
}

function columns(
  now: number,
  selected: Set<string>,
  toggle: (id: string) => void,
): Column<Row>[] {
  return [
    {
      title: "",
      narrow: true,
      cell: (j) => (
        <input
          type="checkbox"
          aria-label={`Select ${j.jobName}`}
          checked={selected.has(j.jobId)}
          onChange={() => toggle(j.jobId)}
        />
      ),
    },
    { title: "Job", cell: (j) => <a href={jobHref(j.jobId)}>{cut(j.jobName, 60)}</a> },
    { title: "State", narrow: true, cell: (j) => <StateMark state={j.status} /> },
    {
      title: "Array",
      narrow: true,
      cell: (j) => (j.arrayProperties?.size ? `× ${j.arrayProperties.size}` : ""),
    },
    { title: "Queue", narrow: true, cell: (j) => <a href={queueHref(nameOf(j.queue))}>{nameOf(j.queue)}</a> },
    { title: "Created", narrow: true, cell: (j) => <Ago at={j.createdAt} now={now} /> },
    {
      title: "Ran",
      narrow: true,
      cell: (j) => (j.startedAt ? duration((j.stoppedAt ?? now) - j.startedAt) : ""),
    },
    { title: "Ended", narrow: true, cell: (j) => <At at={j.stoppedAt} /> },
    { title: "Exit code", narrow: true, cell: (j) => j.container?.exitCode ?? "" },
    {
      title: "Reason",
      cell: (j) => cut(j.container?.reason || j.statusReason, 200),
    },
  ];
}

function Pager({ page, query }: { page: JobPage; query: URLSearchParams }) {
  return (
    <p class="links">
      {query.get("page") && <a href={withQuery({ page: null })}>First page</a>}
      {page.next && <a href={withQuery({ page: page.next })}>Next page</a>}
      {page.unfinished && <span>Few of the jobs looked through match; the next page goes on.</span>}
    </p>
  );
}

export function Jobs() {
  const { query } = usePlace();
  const now = useNow();
  const [selected, setSelected] = useState(new Set<string>());
  const queues = useRead("queues", allQueues, CALM_MS);
  const arns = (queues.data ?? []).map((q) => q.jobQueueArn);
  const wanted = query.get("queue");
  const from = (wanted ? arns.filter((arn) => nameOf(arn) === wanted) : arns).slice(0, QUEUES_MAX);
  const request = requestOf(query);
  const cursor = query.get("page") ?? "";
  const key = JSON.stringify([from, request, cursor]);
  const live = useLive(from, (told) => {
    if (told.live || told.missed || from.some((arn) => changesOf(told, arn) > 0)) page.again();
  });
  const [far, setFar] = useState(false); // the last search was stopped
  const rest = far ? CALM_MS : FILTERS.some(([name]) => query.get(name)) ? FILTER_REST_MS : REST_MS;
  const page = useRead(
    key,
    (signal) => readJobPage(from, request, cursor, signal),
    live || far ? CALM_MS : SLOW_MS,
    rest,
  );
  if (page.data && page.data.unfinished !== far) setFar(page.data.unfinished);
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  const rows = page.data?.rows ?? [];
  const ids = rows.filter((r) => selected.has(r.jobId)).map((r) => r.jobId);
  return (
    <>
      <h1>Jobs</h1>
      <Filters queues={arns.map(nameOf)} query={query} />
      {!wanted && arns.length > QUEUES_MAX && (
        <p class="notice">
          The first {QUEUES_MAX} of {arns.length} queues by priority; choose another one above.
        </p>
      )}
      <Failure text={queues.error || page.error} />
      <p class="links">
        <StopSelected
          ids={ids}
          done={() => {
            setSelected(new Set());
            page.now();
          }}
        />
        {wanted && <StopMatching queue={wanted} query={query} />}
        {from.length === 1 && (
          <Copy
            label="copy as aws cli"
            text={command("batch", "list-jobs", { "job-queue": nameOf(from[0] ?? ""), ...cliOf(request) })}
          />
        )}
      </p>
      {wanted && query.get("stop") && (
        <StopProgressLine queue={wanted} id={query.get("stop") ?? ""} />
      )}
      {rows.length ? (
        <Rows
          main
          label="Jobs"
          rows={rows}
          id={(j) => j.jobId}
          href={(j) => jobHref(j.jobId)}
          columns={columns(now, selected, toggle)}
        />
      ) : (
        <Nothing
          loading={page.loading || queues.loading}
          text={far ? "None of the jobs looked through matches." : "No job matches."}
          failed={page.error}
        />
      )}
      {page.data && <Pager page={page.data} query={query} />}
    </>
  );
}

function cliOf(request: object): Record<string, unknown> {
  const { jobStatus, filters } = request as {
    jobStatus?: string;
    filters?: { name: string; values: string[] }[];
  };
  return {
    "job-status": jobStatus,
    filters: filters?.map((f) => `name=${f.name},values=${f.values.join(",")}`),
  };
}

