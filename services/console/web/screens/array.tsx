// The children of an array: those that failed first, all of them as a picture, their counts, each of
// which leads to a list, and how long they ran.

import { useRef } from "preact/hooks";
import { read, readIfAllowed } from "../api";
import { count, duration } from "../format";
import { useLive } from "../live";
import { Histogram } from "../parts/histogram";
import { Failure, Nothing } from "../parts/notice";
import { Picture } from "../parts/picture";
import { Rows } from "../parts/rows";
import { StateMark } from "../parts/state";
import { At } from "../parts/time";
import { cut } from "../plain";
import { CALM_MS, SLOW_MS, useRead } from "../read";
import { go, href, jobHref, usePlace, withQuery } from "../router";
import { ArrayPicture, ArrayTimes, Job, JobSummary } from "../types";

/** Without the key's right to it there is no picture. */
function ChildrenPicture({ job }: { job: Job }) {
  const last = useRef<ArrayPicture>();
  const ended = job.stoppedAt !== undefined;
  const { data, again } = useRead(
    `picture ${job.jobId} ${ended}`,
    async (signal) => {
      const etag = last.current?.etag;
      const members = { jobId: job.jobId, ...(etag ? { etag } : {}) };
      const answer = await readIfAllowed<ArrayPicture>("DescribeArray", members, signal);
      if (answer?.states !== undefined) last.current = answer;
      return answer && last.current;
    },
    ended ? 0 : SLOW_MS,
  );
  useLive([job.jobQueue], (told) => {
    const mine = told.jobs?.some(([id]) => id.startsWith(job.jobId));
    if (!ended && (told.missed || told.more || mine)) again();
  });
  if (!data?.states) return null;
  return <Picture states={data.states} open={(index) => go(jobHref(`${job.jobId}:${index}`))} />;
}

/** The first hundred children in one state. */
function ChildList({ job, state }: { job: Job; state: string }) {
  const { data, error, loading } = useRead(
    `children ${job.jobId} ${state}`,
    (signal) =>
      read<{ jobSummaryList?: JobSummary[]; nextToken?: string }>(
        "ListJobs",
        { arrayJobId: job.jobId, jobStatus: state, maxResults: 100 },
        signal,
      ),
    SLOW_MS,
  );
  const rows = data?.jobSummaryList ?? [];
  return (
    <section aria-label={`Children ${state}`}>
      <h3>
        <StateMark state={state} /> <a href={withQuery({ children: "none" })}>hide</a>
      </h3>
      <Failure text={error} />
      {rows.length ? (
        <Rows
          label="Children"
          rows={rows}
          id={(j) => j.jobId}
          href={(j) => jobHref(j.jobId)}
          columns={[
            { title: "Index", narrow: true, cell: (j) => <a href={jobHref(j.jobId)}>{j.arrayProperties?.index}</a> },
            { title: "Started", narrow: true, cell: (j) => <At at={j.startedAt} /> },
            {
              title: "Ran",
              narrow: true,
              cell: (j) => (j.startedAt && j.stoppedAt ? duration(j.stoppedAt - j.startedAt) : ""),
            },
            { title: "Exit code", narrow: true, cell: (j) => j.container?.exitCode ?? "" },
            { title: "Reason", cell: (j) => cut(j.container?.reason || j.statusReason, 200) },
          ]}
        />
      ) : (
        <Nothing loading={loading} text="None now." failed={error} />
      )}
      {data?.nextToken && <p class="notice">The first 100 in order of their index.</p>}
    </section>
  );
}

/** Of the children that have ended; without the key's right to it there is none. */
function RunTimes({ job }: { job: Job }) {
  const { data, error } = useRead(
    `times ${job.jobId}`,
    (signal) => readIfAllowed<ArrayTimes>("DescribeArrayTimes", { jobId: job.jobId }, signal),
    job.stoppedAt === undefined ? CALM_MS : 0,
  );
  if (!data?.bars.length) return <Failure text={error} />;
  return (
    <section aria-label="Run times">
      <h3>How long they ran</h3>
      <Histogram times={data} />
    </section>
  );
}

/** Which children are listed: those that the address names; otherwise those that failed. */
function listed(chosen: string | null, failed: number): string | null {
  if (chosen) return chosen === "none" ? null : chosen;
  return failed > 0 ? "FAILED" : null;
}

export function Children({ job }: { job: Job }) {
  const chosen = usePlace().query.get("children");
  const summary = job.arrayProperties?.statusSummary;
  if (!job.arrayProperties?.size || !summary) return null;
  const state = listed(chosen, summary.FAILED ?? 0);
  return (
    <section aria-label="Children">
      <h2>{count(job.arrayProperties.size)} children</h2>
      <p class="links">
        {Object.entries(summary)
          .filter(([, n]) => n > 0)
          .map(([state, n]) => (
            <a href={href(jobHref(job.jobId), { children: state })}>
              <StateMark state={state} /> {count(n)}
            </a>
          ))}
      </p>
      {state && <ChildList job={job} state={state} />}
      <ChildrenPicture job={job} />
      <RunTimes job={job} />
    </section>
  );
}
