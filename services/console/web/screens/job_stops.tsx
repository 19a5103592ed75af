// Stops of many jobs: those that are selected, and all of a queue that match. The latter is one request,
// which the scheduler carries out; how far it is stands on the page, whose address names it.

import { useState } from "preact/hooks";
import { change, read } from "../api";
import { count } from "../format";
import { Dialog } from "../parts/dialog";
import { Failure } from "../parts/notice";
import { REASON, Reason } from "../parts/reason";
import { plain } from "../plain";
import { useRead } from "../read";
import { go, withQuery } from "../router";
import { StopProgress } from "../types";

async function stopJobs(ids: string[], reason: string): Promise<void> {
  const failed: string[] = [];
  for (let at = 0; at < ids.length; at += 50) {
    const answer = await change<{ errors?: { jobId?: string; message?: string }[] }>(
      "TerminateJobs",
      { jobs: ids.slice(at, at + 50), reason },
    );
    for (const error of answer.errors ?? []) failed.push(`${error.jobId}: ${error.message}`);
  }
  if (failed.length) throw new Error(`Not stopped: ${failed.slice(0, 3).join("; ")}`);
}

export function StopSelected({ ids, done }: { ids: string[]; done: () => void }) {
  // Those that were selected when the question was asked, whatever the list shows meanwhile.
  const [asked, setAsked] = useState<string[] | null>(null);
  const [reason, setReason] = useState(REASON);
  return (
    <>
      {ids.length > 0 && (
        <button type="button" onClick={() => setAsked(ids)}>
          Stop {ids.length} selected
        </button>
      )}
      {asked && (
        <Dialog
          title={`Stop ${asked.length} jobs?`}
          verb="Stop them"
          act={() => stopJobs(asked, reason).then(done)}
          close={() => setAsked(null)}
        >
          <Reason value={reason} change={setReason} />
        </Dialog>
      )}
    </>
  );
}

/** The members of StopJobs for what the list shows. undefined: it cannot say the same. */
export function matchOf(query: URLSearchParams): Record<string, unknown> | undefined {
  const value = (name: string) => query.get(name) ?? "";
  const state = value("state");
  const name = value("name");
  const definition = value("definition");
  if (state === "SUCCEEDED" || state === "FAILED" || value("after") || value("before")) return undefined;
  if ((name && !/^[^*]+\*$/.test(name)) || definition.includes("*")) return undefined;
  return {
    ...(state ? { states: [state] } : {}),
    ...(name ? { jobNamePrefix: name.slice(0, -1) } : {}),
    ...(!name && definition ? { jobDefinition: definition } : {}),
    ...(!name && !definition && value("share") ? { shareIdentifier: value("share") } : {}),
  };
}

function Matching({ match }: { match: Record<string, unknown> }) {
  const { states, jobNamePrefix, jobDefinition, shareIdentifier } = match;
  const parts = [
    states && `in the state ${String(states)}`,
    jobNamePrefix && `whose name begins with "${plain(String(jobNamePrefix))}", with these capitals`,
    jobDefinition && `of the definition ${plain(String(jobDefinition))}`,
    shareIdentifier && `of the share ${plain(String(shareIdentifier))}`,
  ].filter(Boolean);
  return <>{parts.length ? `all its jobs ${parts.join(" ")}` : "all its jobs"}</>;
}

interface Asked {
  queue: string;
  match: Record<string, unknown>;
}

export function StopMatching({ queue, query }: { queue: string; query: URLSearchParams }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const [reason, setReason] = useState(REASON);
  const match = matchOf(query);
  const act = async ({ queue: jobQueue, match: wanted }: Asked) => {
    const request = { jobQueue, action: "TERMINATE", reason, ...wanted };
    const made = await change<{ stopId: string }>("StopJobs", request);
    go(withQuery({ stop: made.stopId }));
  };
  return (
    <>
      {match && (
        <button type="button" onClick={() => setAsked({ queue, match })}>
          Stop all that match …
        </button>
      )}
      {asked && (
        <Dialog
          title={`Stop jobs of queue ${asked.queue}?`}
          verb="Stop all of them"
          act={() => act(asked)}
          close={() => setAsked(null)}
        >
          <p>
            This stops <Matching match={asked.match} />, those that wait and those that run; an array as a
            whole. Jobs that are submitted later are not meant.
          </p>
          <Reason value={reason} change={setReason} />
        </Dialog>
      )}
    </>
  );
}

const STEP_MS = 1000;
const WORDS = { WAITING: "will begin soon", RUNNING: "is going on", FINISHED: "is finished" };

export function StopProgressLine({ queue, id }: { queue: string; id: string }) {
  const [over, setOver] = useState("");
  const { data, error } = useRead(
    `stop ${queue} ${id}`,
    (signal) => read<StopProgress>("DescribeStop", { jobQueue: queue, stopId: id }, signal),
    over === id ? 0 : STEP_MS,
  );
  if (data?.status === "FINISHED" && over !== id) setOver(id);
  if (!data) return <Failure text={error} />;
  return (
    <p class="notice" role="status">
      The stop {WORDS[data.status]}: {count(data.matched)} stopped, {count(data.looked)} looked at.{" "}
      <a href={withQuery({ stop: null })}>hide</a>
    </p>
  );
}
