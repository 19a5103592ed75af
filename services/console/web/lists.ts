// Lists that several screens show.

import { read, readIfAllowed } from "./api";
import { Counted, Environment, Job, Policy, Queue, Snapshot } from "./types";

const PAGES_MAX = 10;

/** All pages of a describing operation, at most ten. */
async function all<T>(
  operation: string,
  member: string,
  request: object,
  signal: AbortSignal,
): Promise<T[]> {
  const found: T[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await read<Record<string, unknown>>(
      operation,
      nextToken ? { ...request, nextToken } : request,
      signal,
    );
    found.push(...((answer[member] as T[] | undefined) ?? []));
    nextToken = answer.nextToken as string | undefined;
    if (!nextToken) break;
  }
  return found;
}

const AT_ONCE = 4; // a page leaves turns at the api to its key's programs

/** Work on all items, few at a time. */
export async function forEach<T, R>(items: T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}

export function allQueues(signal: AbortSignal): Promise<Queue[]> {
  return all<Queue>("DescribeJobQueues", "jobQueues", {}, signal).then((queues) =>
    queues.sort((a, b) => b.priority - a.priority || a.jobQueueName.localeCompare(b.jobQueueName)),
  );
}

export function allEnvironments(signal: AbortSignal): Promise<Environment[]> {
  return all<Environment>("DescribeComputeEnvironments", "computeEnvironments", {}, signal);
}

export function oneEnvironment(name: string, signal: AbortSignal): Promise<Environment[]> {
  const request = { computeEnvironments: [name] };
  return all<Environment>("DescribeComputeEnvironments", "computeEnvironments", request, signal);
}

export async function oneQueue(name: string, signal: AbortSignal): Promise<Queue | undefined> {
  const found = await all<Queue>("DescribeJobQueues", "jobQueues", { jobQueues: [name] }, signal);
  return found[0];
}

/** undefined: the key may not see it. */
export function snapshotOf(jobQueue: string, signal: AbortSignal): Promise<Snapshot | undefined> {
  return readIfAllowed<Snapshot>("GetJobQueueSnapshot", { jobQueue }, signal);
}

/** By the queue's ARN; without those of which the key may not know. At most a hundred queues. */
export async function countsOf(
  jobQueues: string[],
  signal: AbortSignal,
): Promise<Map<string, Counted>> {
  if (jobQueues.length === 0) return new Map();
  const answer = await readIfAllowed<{ jobQueues: Counted[] }>("CountJobs", { jobQueues }, signal);
  return new Map((answer?.jobQueues ?? []).map((one) => [one.jobQueueArn, one]));
}

export async function policyOf(arn: string, signal: AbortSignal): Promise<Policy | undefined> {
  const answer = await readIfAllowed<{ schedulingPolicies?: Policy[] }>(
    "DescribeSchedulingPolicies",
    { arns: [arn] },
    signal,
  );
  return answer?.schedulingPolicies?.[0];
}

/** Jobs by their ids, in any number; those that are gone are left out. */
export async function jobsOf(ids: string[], signal: AbortSignal): Promise<Map<string, Job>> {
  const found = new Map<string, Job>();
  for (let at = 0; at < ids.length; at += 100) {
    const jobs = ids.slice(at, at + 100);
    const answer = await read<{ jobs?: Job[] }>("DescribeJobs", { jobs }, signal);
    for (const job of answer.jobs ?? []) found.set(job.jobId, job);
  }
  return found;
}
