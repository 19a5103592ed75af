// The instances of an environment, and what runs on one of them.

import { read, readIfAllowed } from "../api";
import { nameOf } from "../format";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { StateMark } from "../parts/state";
import { Ago, At } from "../parts/time";
import { cut, plain } from "../plain";
import { SLOW_MS, useNow, useRead } from "../read";
import { environmentHref, instanceHref, jobHref, queueHref, usePlace } from "../router";
import { Instance, InstancePage, InstanceRuns, Run } from "../types";

const PAGE = 100;

function InstanceMark({ of: i }: { of: Instance }) {
  const good = i.status === "ACTIVE" || i.status === "LAUNCHING";
  return (
    <span class={good ? "state state-succeeded" : "state state-failed"}>
      <span aria-hidden="true" class="shape">
        {i.status === "ACTIVE" ? "✓" : i.status === "LAUNCHING" ? "◔" : "!"}
      </span>
      {i.status}
    </span>
  );
}

function Use({ of: i }: { of: Instance }) {
  return (
    <>
      <meter min={0} max={i.capacity.vcpus} value={i.used.vcpus} aria-label="vCPUs in use" />{" "}
      {i.used.vcpus} of {i.capacity.vcpus}
    </>
  );
}

function why(i: Instance): string {
  return cut(i.statusReason ?? (i.mayFail ? "the provider may have none of its type" : ""), 200);
}

/** Nothing, if the key may not see instances. */
export function Instances({ environment }: { environment: string }) {
  const now = useNow();
  const { data, error } = useRead(
    `instances ${environment}`,
    (signal) =>
      readIfAllowed<InstancePage>(
        "ListInstances",
        { computeEnvironment: environment, maxResults: PAGE },
        signal,
      ),
    SLOW_MS,
  );
  if (!data) return <Failure text={error} />;
  return (
    <>
      <Failure text={error} />
      {data.shortages.length > 0 && (
        <ul class="notice">
          {data.shortages.map((reason) => (
            <li>{plain(reason)}</li>
          ))}
        </ul>
      )}
      {data.instances.length > 0 ? (
        <Rows
          label={`Instances of ${environment}`}
          rows={data.instances}
          id={(i) => i.instanceId}
          href={(i) => instanceHref(environment, i.instanceId)}
          columns={[
            {
              title: "Instance",
              narrow: true,
              cell: (i) => <a href={instanceHref(environment, i.instanceId)}>{i.instanceId}</a>,
            },
            { title: "Type", narrow: true, cell: (i) => (i.spot ? `${i.instanceType}, Spot` : i.instanceType) },
            { title: "Status", narrow: true, cell: (i) => <InstanceMark of={i} /> },
            { title: "vCPUs in use", narrow: true, cell: (i) => <Use of={i} /> },
            { title: "Jobs", narrow: true, cell: (i) => i.used.runs },
            { title: "Since", narrow: true, cell: (i) => <Ago at={i.activeAt ?? i.launchedAt} now={now} /> },
            { title: "Reason", cell: why },
          ]}
        />
      ) : (
        <p class="notice">It has no instance now.</p>
      )}
      {data.nextToken && <p class="notice">The first {PAGE} in the order of their ids.</p>}
    </>
  );
}

function RunTable({ runs }: { runs: Run[] }) {
  return (
    <Rows
      main
      label="Jobs on the instance"
      rows={runs.map((run, i) => ({ ...run, place: i }))}
      id={(r) => r.jobId ?? String(r.place)}
      href={(r) => (r.jobId ? jobHref(r.jobId) : "/jobs")}
      columns={[
        {
          title: "Job",
          cell: (r) =>
            r.jobId ? <a href={jobHref(r.jobId)}>{cut(r.jobName, 60)}</a> : "a job that this key may not see",
        },
        {
          title: "State",
          narrow: true,
          cell: (r) => (r.status ? <><StateMark state={r.status} />{r.stopping && " stopping"}</> : ""),
        },
        {
          title: "Queue",
          narrow: true,
          cell: (r) => r.jobQueue && <a href={queueHref(nameOf(r.jobQueue))}>{nameOf(r.jobQueue)}</a>,
        },
        { title: "vCPUs", narrow: true, cell: (r) => r.vcpus },
        { title: "MiB", narrow: true, cell: (r) => r.memory ?? "" },
        { title: "Attempt", narrow: true, cell: (r) => r.attempt ?? "" },
        { title: "Started", narrow: true, cell: (r) => <At at={r.startedAt} /> },
      ]}
    />
  );
}

export function InstanceScreen() {
  const { query } = usePlace();
  const environment = query.get("environment") ?? "";
  const instanceId = query.get("id") ?? "";
  const { data, error, loading } = useRead(
    `instance ${environment} ${instanceId}`,
    (signal) =>
      read<InstanceRuns>(
        "DescribeInstance",
        { computeEnvironment: environment, instanceId, maxResults: PAGE },
        signal,
      ),
    SLOW_MS / 2,
  );
  return (
    <>
      <h1>
        Instance {cut(instanceId, 60)} {data && <InstanceMark of={data} />}
      </h1>
      <Failure text={error} />
      {!data && !error && <Nothing loading={loading} text="" />}
      {data && (
        <>
          <p>
            {data.spot ? `${data.instanceType}, Spot` : data.instanceType}, in{" "}
            <a href={environmentHref(environment)}>{environment}</a>; <Use of={data} /> vCPUs, {data.used.memory} of{" "}
            {data.capacity.memory} MiB{data.capacity.gpus ? `, ${data.used.gpus} of ${data.capacity.gpus} GPUs` : ""}.
          </p>
          {data.drainUntil && (
            <p class="notice">
              What still runs is stopped at <At at={data.drainUntil} />.
            </p>
          )}
          {why(data) && <p class="notice">{why(data)}</p>}
          <h2>What runs on it</h2>
          {data.runs.length ? <RunTable runs={data.runs} /> : <Nothing loading={false} text="Nothing now." />}
          {data.nextToken && <p class="notice">The first {PAGE}.</p>}
        </>
      )}
    </>
  );
}
