// The attempts of a job: what each used, how it ended, and its phases as a bar: how long it waited,
// got its image and container, and ran. DescribeJobs has no members for some of it; without the
// right to DescribeAttempts that is missing.

import { useEffect } from "preact/hooks";
import { readIfAllowed } from "../api";
import { attemptsOf, containerOf } from "../eks";
import { bytes, duration, fineDuration, nameOf } from "../format";
import { Failure } from "../parts/notice";
import { Rows } from "../parts/rows";
import { At } from "../parts/time";
import { cut } from "../plain";
import { CALM_MS, SLOW_MS, useRead } from "../read";
import { href, jobHref } from "../router";
import { Attempt, AttemptPhases, Job } from "../types";

interface Phase {
  letter: string;
  name: string;
  colour: string;
  from: number;
  to: number;
  open: boolean; // it goes on
}

/** The moments of an attempt in their order, and the phase that ends at each. */
const MOMENTS = [
  { at: "placedAt", letter: "W", name: "waiting for its place", colour: "--runnable" },
  { at: "pulledAt", letter: "I", name: "getting its image", colour: "--pending" },
  { at: "createdAt", letter: "C", name: "making its container", colour: "--starting" },
  { at: "startedAt", letter: "S", name: "starting", colour: "--starting" },
  { at: "stoppedAt", letter: "R", name: "running", colour: "--running" },
] as const;
type Moment = typeof MOMENTS[number];
const STARTING = MOMENTS[3];

/** What goes on now, if nothing is known to have ended it. */
function presentMoment(a: AttemptPhases): Moment | undefined {
  if (a.stoppedAt !== undefined) return undefined;
  if (a.startedAt !== undefined) return MOMENTS[4];
  return a.placedAt !== undefined ? STARTING : MOMENTS[0];
}

/** Clocks of hosts differ: a phase has at least no length. */
export function phasesOf(a: AttemptPhases, now: number): Phase[] {
  const phases: Phase[] = [];
  let from = a.runnableAt ?? a.placedAt ?? a.startedAt;
  if (from === undefined) return [];
  for (const moment of MOMENTS) {
    const at = a[moment.at];
    if (at === undefined) continue;
    const is = moment.at === "stoppedAt" && a.startedAt === undefined ? STARTING : moment;
    const to = Math.max(from, at);
    if (to > from || is.letter === "R") phases.push({ ...is, from, to, open: false });
    from = to;
  }
  const present = presentMoment(a);
  if (present) phases.push({ ...present, from, to: Math.max(from, now), open: true });
  return phases;
}

function Bar({ phases }: { phases: Phase[] }) {
  return (
    <div class="phases" aria-hidden="true">
      {phases.map((p) => (
        <span
          style={{ flexGrow: String(Math.max(1, p.to - p.from)), background: `var(${p.colour})` }}
          title={`${p.name}: ${fineDuration(p.to - p.from)}`}
        >
          {p.letter}
        </span>
      ))}
    </div>
  );
}

function Phases({ attempt, now }: { attempt: AttemptPhases; now: number }) {
  const phases = phasesOf(attempt, now);
  if (phases.length === 0) return null;
  return (
    <li>
      <b>Attempt {attempt.attempt}</b>
      <Bar phases={phases} />
      <ol class="timeline">
        {phases.map((p) => (
          <li>
            <span aria-hidden="true" class="phase" style={{ color: `var(${p.colour})` }}>
              {p.letter}
            </span>{" "}
            {p.name} {p.open && "for "}{fineDuration(p.to - p.from)}
          </li>
        ))}
      </ol>
    </li>
  );
}

const PHASES_MAX = 10; // AWS: a job has at most ten attempts

type Row = Attempt & { number: number; runs: boolean; more?: AttemptPhases };

/** The attempts that have ended, and the one that runs. */
function rowsOf(job: Job, more: AttemptPhases[]): Row[] {
  const container = containerOf(job);
  const ended = attemptsOf(job).map((a, i) => ({ ...a, number: i + 1, runs: false }));
  const now: Attempt = {
    ...(job.startedAt && job.status === "RUNNING" ? { startedAt: job.startedAt } : {}),
    ...(container ? { container } : {}),
  };
  const runs = job.status === "RUNNING" || job.status === "STARTING";
  const all = runs ? [...ended, { ...now, number: ended.length + 1, runs: true }] : ended;
  return all.map((row) => {
    const own = more.find((m) => m.attempt === row.number);
    return own ? { ...row, more: own } : row;
  });
}

function logHref(job: Job, stream: string | undefined): string | undefined {
  const config = job.container?.logConfiguration;
  const group = config?.options?.["awslogs-group"] ?? "/aws/batch/job";
  return stream ? href("/log", { group, stream, job: job.jobId }) : undefined;
}

/** DescribeJobs names no streams of EKS jobs. */
function streamOf(row: Row): string | undefined {
  return row.container?.logStreamName ?? row.more?.logStreamName;
}

function AttemptTable({ job, rows, now }: { job: Job; rows: Row[]; now: number }) {
  return (
    <Rows
      main
      label="Attempts"
      rows={rows}
      id={(a) => String(a.number)}
      href={(a) => logHref(job, streamOf(a)) ?? jobHref(job.jobId)}
      columns={[
        { title: "Attempt", narrow: true, cell: (a) => a.number },
        {
          title: "Output",
          narrow: true,
          cell: (a) => {
            const link = logHref(job, streamOf(a));
            return link ? <a href={link}>output</a> : "";
          },
        },
        { title: "Started", narrow: true, cell: (a) => <At at={a.startedAt} /> },
        { title: "Ended", narrow: true, cell: (a) => (a.runs ? job.status : <At at={a.stoppedAt} />) },
        {
          title: "Ran",
          narrow: true,
          cell: (a) => (a.startedAt ? duration((a.stoppedAt ?? now) - a.startedAt) : ""),
        },
        {
          title: "Processor time",
          narrow: true,
          cell: (a) => (a.more?.cpuSeconds === undefined ? "" : fineDuration(a.more.cpuSeconds * 1000)),
        },
        { title: "Peak memory", narrow: true, cell: (a) => bytes(a.more?.peakMemoryBytes) },
        { title: "Exit code", narrow: true, cell: (a) => a.container?.exitCode ?? "" },
        {
          title: "Instance",
          narrow: true,
          cell: (a) => nameOf(a.container?.containerInstanceArn ?? ""),
        },
        {
          title: "Reason",
          cell: (a) => cut([a.container?.reason, a.statusReason].filter(Boolean).join("; "), 400),
        },
      ]}
    />
  );
}

export function Attempts({ job, now }: { job: Job; now: number }) {
  const ended = job.stoppedAt !== undefined;
  const { data, error, again } = useRead(
    `attempts ${job.jobId}`,
    (signal) =>
      readIfAllowed<{ jobs: { attempts: AttemptPhases[] }[] }>(
        "DescribeAttempts",
        { jobs: [job.jobId] },
        signal,
      ),
    ended ? CALM_MS : SLOW_MS,
  );
  useEffect(again, [job.status, attemptsOf(job).length, ended]);
  const phases = data?.jobs[0]?.attempts ?? [];
  const rows = rowsOf(job, phases);
  if (rows.length === 0 && phases.length === 0) return <Failure text={error} />;
  return (
    <section aria-label="Attempts">
      <h2>Attempts</h2>
      <Failure text={error} />
      {phases.length > 0 && (
        <ol class="attempts" aria-label="Phases of each attempt">
          {phases.slice(-PHASES_MAX).map((a) => (
            <Phases attempt={a} now={now} />
          ))}
        </ol>
      )}
      {rows.length > 0 && <AttemptTable job={job} rows={rows} now={now} />}
    </section>
  );
}
