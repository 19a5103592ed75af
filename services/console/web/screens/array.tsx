// The children of an array: all of them as a picture, and their counts, each of which leads to a list.

import { useRef } from "preact/hooks";
import { readIfAllowed } from "../api";
import { count } from "../format";
import { useLive } from "../live";
import { Picture } from "../parts/picture";
import { StateMark } from "../parts/state";
import { SLOW_MS, useRead } from "../read";
import { go, href, jobHref } from "../router";
import { ArrayPicture, Job } from "../types";

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

export function Children({ job }: { job: Job }) {
  const summary = job.arrayProperties?.statusSummary;
  if (!job.arrayProperties?.size || !summary) return null;
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
      <ChildrenPicture job={job} />
    </section>
  );
}
