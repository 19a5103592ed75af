// What can be done with a job: stop it, run it again.

import { useState } from "preact/hooks";
import { change } from "../api";
import { podOverride } from "../eks";
import { nameOf } from "../format";
import { useOnce } from "../once";
import { Dialog } from "../parts/dialog";
import { REASON, Reason } from "../parts/reason";
import { go, jobHref } from "../router";
import { Container, Job } from "../types";

const ENDED = ["SUCCEEDED", "FAILED"];

export function Stop({ job, done }: { job: Job; done: () => void }) {
  const [asks, setAsks] = useState(false);
  const [reason, setReason] = useState(REASON);
  if (ENDED.includes(job.status) && !asks) return null;
  const act = async () => {
    await change("TerminateJob", { jobId: job.jobId, reason });
    done();
  };
  return (
    <>
      <button type="button" onClick={() => setAsks(true)}>
        Stop
      </button>
      {asks && (
        <Dialog title="Stop this job?" verb="Stop it" act={act} close={() => setAsks(false)}>
          <Reason value={reason} change={setReason} />
        </Dialog>
      )}
    </>
  );
}

/** What the submission had that a new one can have. DescribeJobs shows the container as it was made
 * of the definition and the overrides: as overrides it gives the same container. */
function overridesOf(container: Container | undefined): object {
  const { command, environment, resourceRequirements } = container ?? {};
  return {
    ...(command?.length ? { command } : {}),
    ...(environment?.length ? { environment } : {}),
    ...(resourceRequirements?.length ? { resourceRequirements } : {}),
  };
}

export function againRequest(job: Job): Record<string, unknown> {
  const size = job.arrayProperties?.size;
  const pod = job.eksProperties?.podProperties;
  return {
    jobName: job.jobName,
    jobQueue: nameOf(job.jobQueue),
    jobDefinition: job.jobDefinition,
    ...(size ? { arrayProperties: { size } } : {}),
    ...(job.shareIdentifier ? { shareIdentifier: job.shareIdentifier } : {}),
    ...(job.shareIdentifier && job.schedulingPriority !== undefined
      ? { schedulingPriorityOverride: job.schedulingPriority }
      : {}),
    ...(Object.keys(job.parameters ?? {}).length ? { parameters: job.parameters } : {}),
    ...(pod
      ? { eksPropertiesOverride: podOverride(pod) }
      : { containerOverrides: overridesOf(job.container) }),
    ...(job.retryStrategy ? { retryStrategy: job.retryStrategy } : {}),
    ...(job.timeout ? { timeout: job.timeout } : {}),
    ...(job.propagateTags !== undefined ? { propagateTags: job.propagateTags } : {}),
    ...(Object.keys(job.tags ?? {}).length ? { tags: job.tags } : {}),
  };
}

function EditAndSubmit({ job, close }: { job: Job; close: () => void }) {
  const [text, setText] = useState(JSON.stringify(againRequest(job), null, 2));
  const once = useOnce();
  const act = async () => {
    const request = JSON.parse(text) as object;
    const made = await change<{ jobId: string }>("SubmitJob", request, once(request));
    go(jobHref(made.jobId));
  };
  return (
    <Dialog title="Run it again" verb="Submit" act={act} close={close}>
      <p>
        The members of SubmitJob; change what should be different. What it depended on is left out.
      </p>
      <label>
        Request
        <textarea
          rows={18}
          spellcheck={false}
          value={text}
          onInput={(e) => setText(e.currentTarget.value)}
        />
      </label>
    </Dialog>
  );
}

export function RunAgain({ job }: { job: Job }) {
  const [asks, setAsks] = useState(false);
  if (job.arrayProperties?.index !== undefined) return null;
  return (
    <>
      <button type="button" onClick={() => setAsks(true)}>
        Run again …
      </button>
      {asks && <EditAndSubmit job={job} close={() => setAsks(false)} />}
    </>
  );
}
