// The copy itself: its services, who leads, how long rounds take, what they depend on, versions. All of
// it is one answer of the api: rows of PostgreSQL, and what the services say of themselves.

import { useRef } from "preact/hooks";
import { health, read } from "../api";
import { bytes, count, duration } from "../format";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { Ago } from "../parts/time";
import { cut, plain } from "../plain";
import { SLOW_MS, useNow, useRead } from "../read";
import { Health, Sample, SystemAnswer } from "../types";

function valueOf(samples: Sample[], name: string, labels: Record<string, string> = {}): number | undefined {
  return samples.find(
    (s) => s.name === `openbatch_${name}` && Object.entries(labels).every(([k, v]) => s.labels[k] === v),
  )?.value;
}

function namesOf(samples: Sample[], name: string, label: string): string[] {
  const found = samples.filter((s) => s.name === `openbatch_${name}`).map((s) => s.labels[label] ?? "");
  return [...new Set(found)].sort();
}

function Mark({ good, text }: { good: boolean | undefined; text: string }) {
  if (good === undefined) return <>{text}</>;
  return (
    <span class={good ? "state state-succeeded" : "state state-failed"}>
      <span aria-hidden="true" class="shape">
        {good ? "✓" : "!"}
      </span>
      {text}
    </span>
  );
}

function Services({ data }: { data: SystemAnswer }) {
  const now = useNow(SLOW_MS);
  const m = data.metrics;
  const silent = m.filter((s) => s.name === "openbatch_service_up" && s.value === 0).map((s) => s.labels.service ?? "");
  const services = [...new Set([...namesOf(m, "build_info", "service"), ...silent])];
  const well = (service: string) => {
    if (silent.includes(service)) return <Mark good={false} text="does not answer" />;
    const healthy = valueOf(m, "healthy", { service });
    return healthy === undefined ? "" : <Mark good={healthy === 1} text={healthy === 1 ? "healthy" : "not healthy"} />;
  };
  return (
    <>
      <h2>Services</h2>
      <Rows
        main
        label="Services"
        rows={services}
        id={(service) => service}
        href={() => "/system"}
        columns={[
          { title: "Service", cell: (service) => plain(service) },
          { title: "State", narrow: true, cell: well },
          {
            title: "Version",
            narrow: true,
            cell: (service) =>
              plain(m.find((s) => s.name === "openbatch_build_info" && s.labels.service === service)?.labels.version),
          },
          {
            title: "Started",
            narrow: true,
            cell: (service) => {
              const at = valueOf(m, "process_start_time_seconds", { service });
              return at ? <Ago at={at * 1000} now={now} /> : "";
            },
          },
          {
            title: "Processor time",
            narrow: true,
            cell: (service) => {
              const s = valueOf(m, "process_cpu_seconds_total", { service });
              return s === undefined ? "" : duration(s * 1000);
            },
          },
          {
            title: "Memory",
            narrow: true,
            cell: (service) => bytes(valueOf(m, "process_resident_memory_bytes", { service })),
          },
          {
            title: "Open files",
            narrow: true,
            cell: (service) => valueOf(m, "process_open_fds", { service }) ?? "",
          },
        ]}
      />
      <p class="notice">
        Services of the api's host with metrics. The console and executors are not among them; hosts
        are on the screen of their environment.
      </p>
    </>
  );
}

function Leaders({ data }: { data: SystemAnswer }) {
  return (
    <>
      <h2>Leaders</h2>
      <Rows
        label="Leaders"
        rows={data.leaders}
        id={(l) => l.role}
        href={() => "/system"}
        columns={[
          { title: "Role", cell: (l) => plain(l.role) },
          { title: "Held by", cell: (l) => (l.holder ? cut(l.holder, 100) : "nobody yet") },
          {
            title: "Leads now",
            narrow: true,
            cell: (l) => {
              const leads = valueOf(data.metrics, "leader", { role: l.role });
              if (leads === undefined) return "not on the api's host";
              return <Mark good={leads === 1} text={leads === 1 ? "yes" : "no"} />;
            },
          },
          { title: "Epoch", narrow: true, cell: (l) => count(l.epoch) },
          { title: "Rounds of all epochs", narrow: true, cell: (l) => count(l.round) },
        ]}
      />
    </>
  );
}

/** The bar of a histogram below which a share of its values is. */
function quantile(samples: Sample[], share: number): string {
  const bars = samples
    .filter((s) => s.name === "openbatch_scheduler_round_seconds_bucket")
    .map((s) => ({ le: s.labels.le === "+Inf" ? Infinity : Number(s.labels.le), n: s.value }))
    .sort((a, b) => a.le - b.le);
  const all = bars[bars.length - 1]?.n ?? 0;
  const bar = bars.find((b) => b.n >= all * share);
  if (!all || !bar) return "";
  if (bar.le === Infinity) return `over ${milliseconds(bars[bars.length - 2]?.le ?? 0)}`;
  return `at most ${milliseconds(bar.le)}`;
}

function milliseconds(s: number): string {
  return s < 1 ? `${Number((s * 1000).toPrecision(3))} ms` : `${Number(s.toPrecision(3))} s`;
}

function Facts({ rows }: { rows: [string, preact.ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows
        .filter(([, value]) => value !== undefined && value !== "")
        .map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
    </dl>
  );
}

/** Since the answer before this one. */
function Rounds({ data }: { data: SystemAnswer }) {
  const last = useRef<{ now: number; rounds: number; seconds: number; shown: string }>();
  const rounds = valueOf(data.metrics, "scheduler_round_seconds_count");
  const seconds = valueOf(data.metrics, "scheduler_round_seconds_sum");
  const engine = valueOf(data.metrics, "scheduler_engine_seconds_sum");
  if (rounds === undefined || seconds === undefined) return null;
  const before = last.current;
  if (!before || before.now !== data.now) {
    const more = before ? rounds - before.rounds : 0;
    const shown =
      before && more > 0
        ? `${count(more)} in ${duration(data.now - before.now)}, ${milliseconds((seconds - before.seconds) / more)} in the mean`
        : before
          ? `none in ${duration(data.now - before.now)}`
          : "";
    last.current = { now: data.now, rounds, seconds, shown };
  }
  return (
    <>
      <h2>Rounds of the scheduler</h2>
      <Facts
        rows={[
          ["Since its start", `${count(rounds)} that changed something`],
          ["Lately", last.current?.shown ?? ""],
          ["Mean", rounds ? milliseconds(seconds / rounds) : ""],
          ["Of it deciding", rounds && engine !== undefined ? milliseconds(engine / rounds) : ""],
          ["Half of them", quantile(data.metrics, 0.5)],
          ["99 of 100", quantile(data.metrics, 0.99)],
          ["Events not yet published", count(valueOf(data.metrics, "scheduler_publisher_lag_events") ?? 0)],
        ]}
      />
    </>
  );
}

function Depends({ data, health: api }: { data: SystemAnswer; health: Health | undefined }) {
  const samples = data.metrics.filter((s) => s.name === "openbatch_dependency_up");
  const said = api?.depends ?? {};
  return (
    <>
      <h2>What they depend on</h2>
      <Rows
        label="Dependencies"
        rows={samples}
        id={(s) => `${s.labels.service} ${s.labels.dependency}`}
        href={() => "/system"}
        columns={[
          { title: "Service", narrow: true, cell: (s) => plain(s.labels.service) },
          { title: "Depends on", narrow: true, cell: (s) => plain(s.labels.dependency) },
          { title: "State", narrow: true, cell: (s) => <Mark good={s.value === 1} text={s.value === 1 ? "answers" : "does not answer"} /> },
          {
            title: "It says",
            cell: (s) => (s.labels.service === "api" ? cut(said[s.labels.dependency ?? ""]?.text, 200) : ""),
          },
        ]}
      />
    </>
  );
}

function Database({ data }: { data: SystemAnswer }) {
  const now = useNow(SLOW_MS);
  const d = data.database;
  const days = (s: number) => (s ? duration(s * 1000) : "for ever");
  return (
    <>
      <h2>PostgreSQL and retention</h2>
      <Facts
        rows={[
          ["PostgreSQL", plain(d.version)],
          ["Schema", `version ${d.schemaVersion}`],
          ["Size", bytes(d.bytes)],
          ["Connections", d.connections],
          ["Started", <Ago at={d.startedAt} now={now} />],
          ["Ended jobs are kept", days(data.retention.jobSeconds)],
          ["Output is kept", days(data.retention.logSeconds)],
        ]}
      />
    </>
  );
}

export function System() {
  const { data, error, loading } = useRead(
    "system",
    (signal) => read<SystemAnswer>("DescribeSystem", {}, signal),
    SLOW_MS,
  );
  const api = useRead("health", (signal) => health<Health>(signal), SLOW_MS);
  return (
    <>
      <h1>System</h1>
      <Failure text={error} />
      {!data && !error && <Nothing loading={loading} text="" />}
      {data && (
        <>
          <Services data={data} />
          <Leaders data={data} />
          <Rounds data={data} />
          <Depends data={data} health={api.data} />
          <Database data={data} />
        </>
      )}
    </>
  );
}
