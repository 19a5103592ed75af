// One job: its state, why it waits, what it runs, its attempts and their output, all of it as JSON.

import { useState } from "preact/hooks";
import { command } from "../cli";
import { containerOf } from "../eks";
import { duration, nameOf, need } from "../format";
import { jobsOf } from "../lists";
import { useLive } from "../live";
import { Copy } from "../parts/copy";
import { Failure, Nothing } from "../parts/notice";
import { StateMark } from "../parts/state";
import { At } from "../parts/time";
import { cut, plain } from "../plain";
import { CALM_MS, SLOW_MS, useNow, useRead } from "../read";
import { href, jobHref, queueHref } from "../router";
import { Job } from "../types";
import { Children } from "./array";
import { RunFailedAgain } from "./array_again";
import { RunAgain, Stop } from "./job_actions";
import { Attempts } from "./job_attempts";
import { Dependencies, WhyItWaits } from "./job_wait";

function Timeline({ job, now }: { job: Job; now: number }) {
  const steps: [string, number | undefined][] = [
    ["submitted", job.createdAt],
    ["started", job.startedAt],
    ["ended", job.stoppedAt],
  ];
  const known = steps.filter(([, at]) => at) as [string, number][];
  return (
    <ol class="timeline" aria-label="Timeline">
      {known.map(([name, at], i) => (
        <li>
          <b>{name}</b> <At at={at} />
          {i > 0 && <span class="faint"> after {duration(at - (known[i - 1]?.[1] ?? at))}</span>}
          {i === known.length - 1 && !job.stoppedAt && (
            <span class="faint"> for {duration(now - at)}</span>
          )}
        </li>
      ))}
    </ol>
  );
}

function Facts({ job }: { job: Job }) {
  const c = containerOf(job);
  const pod = job.eksProperties?.podProperties;
  const queue = nameOf(job.jobQueue);
  const [definition, revision] = nameOf(job.jobDefinition ?? "").split(":");
  const rows: [string, preact.ComponentChildren][] = [
    ["Queue", <a href={queueHref(queue)}>{queue}</a>],
    [
      "Definition",
      <a href={href("/definitions", { name: definition, revision })}>
        {nameOf(job.jobDefinition ?? "")}
      </a>,
    ],
    ["Needs", need(c?.resourceRequirements)],
    ["Image", cut(c?.image, 200)],
    ["Command", <Command words={c?.command ?? []} />],
    ["Share", plain(job.shareIdentifier ?? "")],
    ["Attempts", job.retryStrategy?.attempts ?? ""],
    ["Timeout", job.timeout?.attemptDurationSeconds ? `${job.timeout.attemptDurationSeconds} s` : ""],
    ["Environment", <Pairs pairs={c?.environment ?? []} />],
    ["Secrets", cut((c?.secrets ?? []).map((s) => s.name).join(", "), 400)],
    ["Parameters", <Pairs pairs={pairsOf(job.parameters)} />],
    ["Tags", <Pairs pairs={pairsOf(job.tags)} />],
  ];
  if (pod) rows.push(["Pod", cut(pod.podName, 253)]);
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value || "–"}</dd>
        </>
      ))}
    </dl>
  );
}

/** Each word apart, whatever the direction of its letters. */
function Command({ words }: { words: string[] }) {
  return (
    <code>
      {words.slice(0, 100).map((word) => (
        <>
          <bdi>{cut(JSON.stringify(word), 2000)}</bdi>{" "}
        </>
      ))}
      {words.length > 100 && "…"}
    </code>
  );
}

function pairsOf(map: Record<string, string> | undefined) {
  return Object.entries(map ?? {}).map(([name, value]) => ({ name, value }));
}

function Pairs({ pairs }: { pairs: { name?: string; value?: string }[] }) {
  if (pairs.length === 0) return <>–</>;
  return (
    <ul class="pairs">
      {pairs.slice(0, 100).map((pair) => (
        <li>
          <code>
            <bdi>{cut(pair.name, 200)}</bdi>=<bdi>{cut(pair.value, 500)}</bdi>
          </code>
        </li>
      ))}
      {pairs.length > 100 && <li>and {pairs.length - 100} more, in the JSON</li>}
    </ul>
  );
}

function Raw({ job }: { job: Job }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>JSON</summary>
      {open && (
        <>
          <Copy label="copy" text={JSON.stringify(job, null, 2)} />
          <pre tabIndex={0}>{JSON.stringify(job, null, 2).split("\n").map(plain).join("\n")}</pre>
        </>
      )}
    </details>
  );
}

async function readJob(id: string, signal: AbortSignal): Promise<Job> {
  const job = (await jobsOf([id], signal)).get(id);
  if (!job) throw new Error(`There is no job ${id}, or this key may not see it.`);
  return job;
}

export function JobScreen({ id }: { id: string }) {
  const now = useNow();
  const [ended, setEnded] = useState(false);
  const { data: job, error, loading, again } = useRead(
    `job ${id}`,
    (signal) => readJob(id, signal),
    ended ? CALM_MS : SLOW_MS / 2,
  );
  const parent = id.split(":")[0] ?? id;
  useLive(job ? [job.jobQueue] : [], (told) => {
    const mine = told.jobs?.some(([other]) => other === id || other.startsWith(parent));
    if (told.live || told.missed || told.more || mine) again();
  });
  if (!job)
    return (
      <>
        <h1>Job {cut(id, 60)}</h1>
        <Failure text={error} />
        {!error && <Nothing loading={loading} text="" />}
      </>
    );
  const isEnded = job.stoppedAt !== undefined;
  if (isEnded !== ended) setEnded(isEnded);
  return (
    <>
      <h1>
        {cut(job.jobName, 130)} <StateMark state={job.status} />
      </h1>
      <p class="links">
        <code>{job.jobId}</code>
        {id !== parent && <a href={jobHref(parent)}>the array</a>}
        <Stop job={job} done={again} />
        <RunAgain job={job} />
        <RunFailedAgain job={job} />
        <Copy
          label="copy as aws cli"
          text={command("batch", "describe-jobs", { jobs: [job.jobId] })}
        />
      </p>
      <Failure text={error} />
      {isEnded && job.statusReason && <p class="notice">{plain(job.statusReason)}</p>}
      <Timeline job={job} now={now} />
      <WhyItWaits job={job} />
      <Dependencies job={job} />
      <Children job={job} />
      <Attempts job={job} now={now} />
      <h2>What it runs</h2>
      <Facts job={job} />
      <Raw job={job} />
    </>
  );
}
