// Use over time of a queue or an environment, as the scheduler and the scaler wrote it: a point holds
// until the next one. A gap of more than ten minutes means that nobody wrote.

import { readIfAllowed } from "../api";
import { Chart, Line } from "../parts/chart";
import { Failure } from "../parts/notice";
import { RangeLinks, useRange } from "../parts/range";
import { CALM_MS, useRead } from "../read";
import { Usage, UsagePoint } from "../types";

const SILENCE_MS = 11 * 60000; // a point comes every ten minutes in any case
const POINTS_MAX = 500;

interface Series {
  name: string;
  colour: string;
  dash?: number[];
  of: (point: UsagePoint) => number | undefined;
}

const QUEUE_VCPUS: Series[] = [
  { name: "vCPUs in use", colour: "--running", of: (p) => p.maxUsedvCpus },
];
const QUEUE_JOBS: Series[] = [
  { name: "jobs placed", colour: "--running", of: (p) => p.placed },
  { name: "jobs RUNNABLE", colour: "--runnable", dash: [6, 3], of: (p) => p.maxRunnable },
];
const QUEUE_ENDS: Series[] = [
  { name: "succeeded in the step", colour: "--succeeded", of: (p) => p.succeeded },
  { name: "failed in the step", colour: "--failed", dash: [2, 2], of: (p) => p.failed },
];
const ENVIRONMENT_VCPUS: Series[] = [
  { name: "vCPUs used", colour: "--running", of: (p) => p.maxUsedvCpus },
  { name: "provisioned", colour: "--succeeded", dash: [6, 3], of: (p) => p.provisionedvCpus },
  { name: "desired", colour: "--runnable", dash: [2, 2], of: (p) => p.desiredvCpus },
  { name: "at most", colour: "--faint", dash: [10, 4], of: (p) => p.maxvCpus },
];

interface Times {
  seconds: number[];
  points: (UsagePoint | null)[];
}

/** Each point twice, at its time and just before the next one, so that lines are steps. */
function stepsOf(usage: Usage): Times {
  const seconds: number[] = [];
  const points: (UsagePoint | null)[] = [];
  const add = (ms: number, point: UsagePoint | null) => {
    const last = seconds[seconds.length - 1];
    const second = ms / 1000;
    if (last !== undefined && second <= last) return;
    seconds.push(second);
    points.push(point);
  };
  usage.points.forEach((point, i) => {
    const from = Math.max(point.at, usage.startTime);
    const next = usage.points[i + 1]?.at ?? usage.endTime;
    const until = Math.min(next, point.at + SILENCE_MS + usage.step);
    add(from, point);
    add(until - 1, point);
    if (until < next) add(until, null);
  });
  return { seconds, points };
}

/** What is counted belongs to a step of time and does not go on. */
function countsOf(usage: Usage): Times {
  const inside = usage.points.filter((p) => p.at >= usage.startTime);
  return { seconds: inside.map((p) => p.at / 1000), points: inside };
}

function linesOf(series: Series[], points: (UsagePoint | null)[]): Line[] {
  return series.map((one) => ({
    name: one.name,
    colour: one.colour,
    ...(one.dash ? { dash: one.dash } : {}),
    values: points.map((p) => (p ? (one.of(p) ?? null) : null)),
  }));
}

interface Props {
  title: string;
  heading: "h2" | "h3";
  operation: "GetJobQueueUsage" | "GetComputeEnvironmentUsage";
  resource: object;
}

function useUsage({ operation, resource }: Props) {
  const range = useRange();
  return useRead(
    `${operation} ${JSON.stringify(resource)} ${range}`,
    (signal) => {
      // Whole minutes: what is asked twice within one is answered from what the page has.
      const endTime = Math.ceil(Date.now() / CALM_MS) * CALM_MS;
      const members = { ...resource, endTime, startTime: endTime - range * 1000, maxPoints: POINTS_MAX };
      return readIfAllowed<Usage>(operation, members, signal);
    },
    CALM_MS,
  );
}

function Use({ props, charts }: { props: Props; charts: { series: Series[]; times: (u: Usage) => Times }[] }) {
  const { data, error } = useUsage(props);
  const Heading = props.heading;
  if (!data) return <Failure text={error} />;
  return (
    <section aria-label={props.title}>
      <Heading>{props.title}</Heading>
      <RangeLinks />
      <Failure text={error} />
      {data.points.length === 0 ? (
        <p class="notice">Nothing was written in this time.</p>
      ) : (
        <div class="beside">
          {charts.map(({ series, times }) => {
            const { seconds, points } = times(data);
            const names = series.map((s) => s.name).join(", ");
            return <Chart label={`Over time: ${names}`} seconds={seconds} lines={linesOf(series, points)} />;
          })}
        </div>
      )}
    </section>
  );
}

export function QueueUse({ name }: { name: string }) {
  return (
    <Use
      props={{
        title: "Use over time",
        heading: "h2",
        operation: "GetJobQueueUsage",
        resource: { jobQueue: name },
      }}
      charts={[
        { series: QUEUE_VCPUS, times: stepsOf },
        { series: QUEUE_JOBS, times: stepsOf },
        { series: QUEUE_ENDS, times: countsOf },
      ]}
    />
  );
}

export function EnvironmentUse({ name }: { name: string }) {
  return (
    <Use
      props={{
        title: "Capacity over time",
        heading: "h3",
        operation: "GetComputeEnvironmentUsage",
        resource: { computeEnvironment: name },
      }}
      charts={[{ series: ENVIRONMENT_VCPUS, times: stepsOf }]}
    />
  );
}
