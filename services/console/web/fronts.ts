// The front of each queue in the overview, asked for when it may have changed and somebody waits there.

import { nameOf } from "./format";
import { allQueues, countsOf, forEach, jobsOf, snapshotOf } from "./lists";
import { Counted, Job, Queue, State } from "./types";

export const WAITING: State[] = ["SUBMITTED", "PENDING", "RUNNABLE"];
export const QUEUES_MAX = 20; // that are looked into; the others are on the screen of queues
const QUEUES_MS = 10000; // the list of queues changes rarely
const FRONT_MS = 60000; // without a word of the stream

export interface Front {
  queue: Queue;
  waiting: number; // of the snapshot's front, which ends at a hundred
  counted?: Counted;
  job?: Job;
  since?: number;
}
type Head = Omit<Front, "queue" | "counted"> & { id?: string; at: number };

export interface Fronts {
  queues: Queue[];
  fronts: Front[];
}

function isEmpty(counted: Counted | undefined): boolean {
  if (!counted) return false;
  return WAITING.every((state) => !counted.jobs[state] && !counted.children[state]);
}

async function headOf(queue: Queue, signal: AbortSignal): Promise<Head> {
  const at = Date.now();
  const snapshot = await snapshotOf(queue.jobQueueArn, signal);
  const jobs = snapshot?.frontOfQueue?.jobs ?? [];
  const first = jobs[0];
  if (!first) return { waiting: 0, at };
  return { waiting: jobs.length, since: first.earliestTimeAtPosition, id: nameOf(first.jobArn), at };
}

/** What was read before stays while nothing says that it has changed. */
export class FrontReader {
  private queues: Queue[] = [];
  private queuesAt = 0;
  private heads = new Map<string, Head>();
  private changed = new Set<string>();

  /** Something has happened in this queue (ARN); without one: anything may have. */
  change(queue?: string): void {
    if (queue) this.changed.add(queue);
    else for (const arn of this.heads.keys()) this.changed.add(arn);
  }

  private isOld(arn: string): boolean {
    const head = this.heads.get(arn);
    return !head || this.changed.has(arn) || Date.now() - head.at >= FRONT_MS;
  }

  private async readHeads(queues: Queue[], signal: AbortSignal): Promise<void> {
    const arns = queues.map((q) => q.jobQueueArn);
    arns.forEach((arn) => this.changed.delete(arn));
    try {
      const heads = await forEach(queues, (queue) => headOf(queue, signal));
      const jobs = await jobsOf(heads.flatMap((head) => head.id ?? []), signal);
      heads.forEach((head, i) => {
        const job = jobs.get(head.id ?? "");
        this.heads.set(arns[i] ?? "", job ? { ...head, job } : head);
      });
    } catch (error) {
      arns.forEach((arn) => this.changed.add(arn));
      throw error;
    }
  }

  async read(signal: AbortSignal): Promise<Fronts> {
    if (Date.now() - this.queuesAt >= QUEUES_MS) {
      this.queues = await allQueues(signal);
      this.queuesAt = Date.now();
    }
    const looked = this.queues.slice(0, QUEUES_MAX);
    const counts = await countsOf(
      looked.map((q) => q.jobQueueArn),
      signal,
    );
    const waits = looked.filter((q) => !isEmpty(counts.get(q.jobQueueArn)));
    await this.readHeads(
      waits.filter((q) => this.isOld(q.jobQueueArn)),
      signal,
    );
    const fronts = looked.map((queue) => {
      const counted = counts.get(queue.jobQueueArn);
      const head = waits.includes(queue) ? this.heads.get(queue.jobQueueArn) : undefined;
      return { waiting: 0, ...head, queue, ...(counted ? { counted } : {}) };
    });
    return { queues: this.queues, fronts };
  }
}
