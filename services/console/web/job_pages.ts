// Pages of jobs of several queues, newest first: the pages of the queues' own lists, merged by job
// id, which rises with time. Where a page ends is a cursor that goes into the address: for each
// queue the token of its page and how many of its rows were shown. So any page can be linked, and
// none costs more than the first.

import { isRefusal, read } from "./api";
import { forEach } from "./lists";
import { JobSummary } from "./types";

export type Row = JobSummary & { queue: string };

type Position = [queue: string, token: string, skip: number];

export interface JobPage {
  rows: Row[];
  next: string; // the cursor of the next page; "": there is none
  unfinished: boolean; // the search went far and stopped; the next page goes on
}

const SIZE = 100;
const CALLS_MAX = 20; // of the api, for one page

interface Source {
  queue: string;
  token: string;
  skip: number;
  rows: JobSummary[] | null; // null: to be read
  after: string; // the token of the page behind it
  done: boolean;
  refusal?: unknown; // the key may not list this queue
}

function begin(queues: string[], cursor: string): Source[] {
  const fresh = { rows: null, after: "", done: false };
  if (!cursor) return queues.map((queue) => ({ queue, token: "", skip: 0, ...fresh }));
  const positions = JSON.parse(cursor) as Position[];
  return positions
    .filter(([queue]) => queues.includes(queue))
    .map(([queue, token, skip]) => ({ queue, token, skip, ...fresh }));
}

/** A queue that the key may not list is left out. */
async function fillIfAllowed(source: Source, request: object, signal: AbortSignal): Promise<void> {
  try {
    await fill(source, request, signal);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    source.refusal = error;
    source.rows = [];
    source.after = "";
  }
}

async function fill(source: Source, request: object, signal: AbortSignal): Promise<void> {
  const answer = await read<{ jobSummaryList?: JobSummary[]; nextToken?: string }>(
    "ListJobs",
    {
      ...request,
      jobQueue: source.queue,
      maxResults: SIZE,
      ...(source.token ? { nextToken: source.token } : {}),
    },
    signal,
  );
  source.rows = answer.jobSummaryList ?? [];
  source.after = answer.nextToken ?? "";
}

/** A source whose page is used up goes on with the next one, or ends. */
function advance(source: Source): void {
  if (source.rows === null || source.skip < source.rows.length) return;
  source.done = source.after === "";
  source.token = source.after;
  source.skip = 0;
  source.rows = null;
}

function newest(sources: Source[]): Source | undefined {
  const id = (s: Source) => s.rows?.[s.skip]?.jobId ?? "";
  return sources.reduce<Source | undefined>((a, b) => (a && id(a) >= id(b) ? a : b), undefined);
}

export async function readJobPage(
  queues: string[],
  request: object,
  cursor: string,
  signal: AbortSignal,
): Promise<JobPage> {
  let sources = begin(queues, cursor);
  const all = sources;
  const rows: Row[] = [];
  let calls = 0;
  while (rows.length < SIZE && sources.length > 0 && calls < CALLS_MAX) {
    const unread = sources.filter((s) => s.rows === null);
    calls += unread.length;
    await forEach(unread, (s) => fillIfAllowed(s, request, signal));
    if (all.every((s) => s.refusal)) throw all[0]?.refusal;
    sources.forEach(advance);
    sources = sources.filter((s) => !s.done);
    while (rows.length < SIZE && sources.length > 0 && sources.every((s) => s.rows !== null)) {
      const source = newest(sources);
      const job = source?.rows?.[source.skip];
      if (!source || !job) break;
      rows.push({ ...job, queue: source.queue });
      source.skip++;
      advance(source);
      sources = sources.filter((s) => !s.done);
    }
  }
  const positions: Position[] = sources.map((s) => [s.queue, s.token, s.skip]);
  return {
    rows,
    next: positions.length ? JSON.stringify(positions) : "",
    unfinished: rows.length < SIZE && positions.length > 0,
  };
}
