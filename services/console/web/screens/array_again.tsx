// Runs the failed children of an array again, as a new array in which each has the index that it had:
// AWS_BATCH_JOB_ARRAY_INDEX is what tells a child which piece of the work is its own.

import { useState } from "preact/hooks";
import { change, read } from "../api";
import { ARRAY_PART, partOf } from "../array_part";
import { containerOf, podOverride } from "../eks";
import { count } from "../format";
import { useOnce } from "../once";
import { Dialog } from "../parts/dialog";
import { Failure } from "../parts/notice";
import { plain } from "../plain";
import { useRead } from "../read";
import { go, jobHref } from "../router";
import { ArrayPicture, Job } from "../types";
import { againRequest } from "./job_actions";

const FAILED = "FKOLHEXD"; // the letters of DescribeArray
const OVERRIDES_MAX = 8192; // bytes of JSON, as AWS has it

function failedOf(picture: ArrayPicture): number[] {
  return [...(picture.states ?? "")].flatMap((letter, i) => (FAILED.includes(letter) ? [i] : []));
}

/** The submission with these children only, and which part of the whole array that is. */
function partRequest(job: Job, children: number[]): { request: Record<string, unknown>; part: string } {
  const request = againRequest(job);
  const pod = job.eksProperties?.podProperties;
  const environment = containerOf(job)?.environment ?? [];
  const own = environment.find((pair) => pair.name === ARRAY_PART)?.value;
  const part = partOf(children, job.arrayProperties?.size ?? 0, own);
  const others = environment.filter((pair) => pair.name !== ARRAY_PART);
  delete request.arrayProperties;
  const added = { name: ARRAY_PART, value: part };
  const overrides = pod
    ? { eksPropertiesOverride: podOverride(pod, [added]) }
    : {
        containerOverrides: {
          ...(request.containerOverrides as object),
          environment: [...others, added],
        },
      };
  return {
    part,
    request: {
      ...request,
      ...(children.length > 1 ? { arrayProperties: { size: children.length } } : {}),
      ...overrides,
    },
  };
}

function Question({ job, close }: { job: Job; close: () => void }) {
  const once = useOnce();
  const { data, error } = useRead(
    `failed ${job.jobId}`,
    (signal) => read<ArrayPicture>("DescribeArray", { jobId: job.jobId }, signal),
    0,
  );
  const children = data ? failedOf(data) : [];
  const { request, part } = partRequest(job, children);
  const tooMany =
    new TextEncoder().encode(
      JSON.stringify(request.containerOverrides ?? request.eksPropertiesOverride),
    ).length > OVERRIDES_MAX;
  const act = async () => {
    if (children.length === 0 || tooMany) throw new Error("There is nothing that can be submitted.");
    const made = await change<{ jobId: string }>("SubmitJob", request, once(request));
    go(jobHref(made.jobId));
  };
  if (!data && !error) return null;
  return (
    <Dialog title="Run the failed children again?" verb="Submit" act={act} close={close}>
      <Failure text={error} />
      {tooMany && (
        <Failure text={`The failed children are too many, and too far apart, to name in one job: ${count(children.length)}. Run the whole array again.`} />
      )}
      {children.length > 0 && !tooMany && (
        <>
          <p>
            {children.length === 1
              ? "This submits one single job, for the child that has failed:"
              : `This submits one new array of ${count(children.length)} children, for those that have failed:`}{" "}
            <b>{part}</b> (their indexes / the size of the whole array).
          </p>
          <p>
            Each gets the <code>AWS_BATCH_JOB_ARRAY_INDEX</code> and{" "}
            <code>AWS_BATCH_JOB_ARRAY_SIZE</code> that it had, by the variable{" "}
            <code>{ARRAY_PART}</code>. Its job id and its place in the new array are new. Queue,
            definition, overrides, attempts, timeout and tags are the same; what the array depended
            on is left out. This array stays as it is. Executors of a version before this one do
            not know the variable: children there would get their new index.
          </p>
          <details>
            <summary>The request</summary>
            <pre tabIndex={0}>{JSON.stringify(request, null, 2).split("\n").map(plain).join("\n")}</pre>
          </details>
        </>
      )}
      {data && children.length === 0 && <p>No child has failed.</p>}
    </Dialog>
  );
}

/** Only when the array has ended: until then others may fail. */
export function RunFailedAgain({ job }: { job: Job }) {
  const [asks, setAsks] = useState(false);
  const failed = job.arrayProperties?.statusSummary?.FAILED ?? 0;
  if (job.stoppedAt === undefined || failed === 0) return null;
  return (
    <>
      <button type="button" onClick={() => setAsks(true)}>
        Run failed children again …
      </button>
      {asks && <Question job={job} close={() => setAsks(false)} />}
    </>
  );
}
