// Environments: what they are, what they want now and may have at most; of one also what it had over time.

import { command } from "../cli";
import { allEnvironments, oneEnvironment } from "../lists";
import { Copy } from "../parts/copy";
import { Failure, Nothing } from "../parts/notice";
import { StatusMark } from "../parts/state";
import { cut, plain } from "../plain";
import { SLOW_MS, useRead } from "../read";
import { environmentHref, usePlace } from "../router";
import { Environment } from "../types";
import { Instances } from "./instances";
import { EnvironmentUse } from "./usage";

interface OneProps {
  environment: Environment;
  instances: boolean;
  use: boolean;
}

function One({ environment: e, instances, use }: OneProps) {
  const r = e.computeResources;
  const facts: [string, preact.ComponentChildren][] = [
    ["Kind", [e.type, r?.type, e.containerOrchestrationType].filter(Boolean).join(", ")],
    [
      "vCPUs",
      r ? (
        <>
          <meter min={0} max={r.maxvCpus} value={r.desiredvCpus ?? 0} aria-label="vCPUs wanted" />{" "}
          {r.desiredvCpus ?? 0} wanted, at least {r.minvCpus ?? 0}, at most {r.maxvCpus}
        </>
      ) : (
        `${e.unmanagedvCpus ?? "any number"} (unmanaged)`
      ),
    ],
    ["Instance types", (r?.instanceTypes ?? []).slice(0, 40).map(plain).join(", ")],
    ["Strategy", r?.allocationStrategy ?? ""],
    ["Bid", r?.bidPercentage ? `${r.bidPercentage} % of the On-Demand price` : ""],
    ["Reason", plain(e.statusReason ?? "")],
  ];
  return (
    <section aria-label={e.computeEnvironmentName}>
      <h2>
        <a href={environmentHref(e.computeEnvironmentName)}>{e.computeEnvironmentName}</a> <StatusMark {...e} />
      </h2>
      <dl class="facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </>
          ))}
      </dl>
      {use && <EnvironmentUse name={e.computeEnvironmentName} />}
      {instances ? (
        <Instances environment={e.computeEnvironmentName} />
      ) : (
        <p>
          <a href={environmentHref(e.computeEnvironmentName)}>its instances and its use over time</a>
        </p>
      )}
      <Copy
        label="copy as aws cli"
        text={command("batch", "describe-compute-environments", {
          "compute-environments": [e.computeEnvironmentName],
        })}
      />
    </section>
  );
}

const SHOWN_MAX = 50;
const OPEN_MAX = 10; // whose instances are listed

export function Environments() {
  const name = usePlace().query.get("name");
  const { data, error, loading } = useRead(
    name ? `environment ${name}` : "environments",
    (signal) => (name ? oneEnvironment(name, signal) : allEnvironments(signal)),
    SLOW_MS,
  );
  return (
    <>
      <h1>{name ? `Environment ${cut(name, 130)}` : "Environments"}</h1>
      {name && (
        <p>
          <a href="/environments">all environments</a>
        </p>
      )}
      <Failure text={error} />
      {data && data.length > SHOWN_MAX && (
        <p class="notice">
          The first {SHOWN_MAX} of {data.length}.
        </p>
      )}
      {data?.length ? (
        data
          .slice(0, SHOWN_MAX)
          .map((e, i) => (
            <One
              key={e.computeEnvironmentArn}
              environment={e}
              instances={i < OPEN_MAX}
              use={name !== null}
            />
          ))
      ) : (
        <Nothing loading={loading} text="There is no environment that this key may see." failed={error} />
      )}
    </>
  );
}
