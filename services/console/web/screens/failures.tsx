// The last failures: of each queue's newest jobs that failed, and those that the stream tells of.

import { useRef } from "preact/hooks";
import { readIfAllowed } from "../api";
import { nameOf } from "../format";
import { forEach, jobsOf } from "../lists";
import { useLive } from "../live";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { Ago } from "../parts/time";
import { cut } from "../plain";
import { CALM_MS, useRead } from "../read";
import { jobHref } from "../router";
import { JobSummary, Queue } from "../types";

const NEWEST = 100;
const SHOWN = 10;
const HEARD_REST_MS = 5000;
const LISTED_REST_MS = 30000;

type Failed = JobSummary & { queue: string };

function endOf(job: JobSummary): number {
  return job.stoppedAt ?? job.createdAt;
}

function latest(jobs: Failed[]): Failed[] {
  const found = new Map(jobs.map((job) => [job.jobId, job]));
  return [...found.values()].sort((a, b) => endOf(b) - endOf(a)).slice(0, SHOWN);
}

/** The api lists by the time of creation: an old job that fails now is not among the newest. */
async function newestFailed(queues: Queue[], signal: AbortSignal): Promise<Failed[]> {
  const lists = await forEach(queues, async ({ jobQueueArn: jobQueue, jobQueueName: queue }) => {
    const request = { jobQueue, jobStatus: "FAILED", maxResults: NEWEST };
    const answer = await readIfAllowed<{ jobSummaryList?: JobSummary[] }>("ListJobs", request, signal);
    return (answer?.jobSummaryList ?? []).map((job) => ({ ...job, queue }));
  });
  return latest(lists.flat());
}

export function LastFailures({ queues, now }: { queues: Queue[]; now: number }) {
  const key = queues.map((q) => q.jobQueueName).join(" ");
  const heard = useRef<string[]>([]); // the latest first, not yet read
  const known = useRef<Failed[]>([]);
  const listed = useRead(`failures ${key}`, (signal) => newestFailed(queues, signal), CALM_MS, LISTED_REST_MS);
  const told = useRead(
    "failures told",
    async (signal) => {
      const ids = heard.current;
      const jobs = ids.length ? [...(await jobsOf(ids, signal)).values()] : [];
      heard.current = heard.current.filter((id) => !ids.includes(id));
      const failed = jobs.filter((job) => job.status === "FAILED");
      known.current = latest([...failed.map((job) => ({ ...job, queue: nameOf(job.jobQueue) })), ...known.current]);
      return known.current;
    },
    0,
    HEARD_REST_MS,
  );
  useLive(
    queues.map((q) => q.jobQueueArn),
    (word) => {
      const some = Object.values(word.queues ?? {}).some((states) => states.FAILED);
      if (word.live || word.missed || (word.more && some)) listed.again();
      const failed = (word.jobs ?? []).filter(([id, state]) => state === "FAILED" && !id.includes(":"));
      if (failed.length === 0) return;
      const ids = failed.map(([id]) => id);
      heard.current = [...new Set([...ids, ...heard.current])].slice(0, SHOWN);
      told.again();
    },
  );
  const rows = latest([...(told.data ?? []), ...(listed.data ?? [])]);
  return (
    <>
      <h2>Last failures</h2>
      <p class="faint">
        Of the {NEWEST} newest failed jobs of each queue, and what has failed since this page was opened.
      </p>
      <Failure text={listed.error || told.error} />
      {rows.length ? (
        <Rows
          label="Last failures"
          rows={rows}
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
        <Nothing loading={listed.loading} text="No job has failed." failed={listed.error} />
      )}
    </>
  );
}
