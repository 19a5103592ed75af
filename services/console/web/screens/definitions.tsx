// Definitions: the newest revisions first; the revisions of one, what differs between two, and a
// form that submits a job of it.

import { useState } from "preact/hooks";
import { change, read } from "../api";
import { command } from "../cli";
import { differences } from "../differences";
import { podRequirements } from "../eks";
import { nameOf, need } from "../format";
import { allQueues } from "../lists";
import { useOnce } from "../once";
import { Copy } from "../parts/copy";
import { Dialog } from "../parts/dialog";
import { Field } from "../parts/field";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { cut, plain } from "../plain";
import { CALM_MS, useRead } from "../read";
import { go, href, jobHref, usePlace, withQuery } from "../router";
import { Definition } from "../types";

interface Page {
  jobDefinitions?: Definition[];
  nextToken?: string;
}

function readPage(name: string, token: string, signal: AbortSignal): Promise<Page> {
  const request = {
    status: "ACTIVE",
    maxResults: 100,
    ...(name ? { jobDefinitionName: name } : {}),
    ...(token ? { nextToken: token } : {}),
  };
  return read<Page>("DescribeJobDefinitions", request, signal);
}

/** A revision by its number, whatever its status and its page. */
function useRevision(name: string, revision: string | null) {
  const wanted = name && revision ? `${name}:${revision}` : "";
  const reading = useRead(
    `definition ${wanted}`,
    async (signal) => {
      if (!wanted) return undefined;
      const request = { jobDefinitions: [wanted] };
      const found = (await read<Page>("DescribeJobDefinitions", request, signal)).jobDefinitions?.[0];
      if (!found) throw new Error(`There is no definition ${wanted}, or this key may not see it.`);
      return found;
    },
    wanted ? CALM_MS : 0,
  );
  return { ...reading, wanted };
}

/** Of the definition that is shown a revision; another definition from its first page on. */
function hrefOf(d: Definition, shown: string): string {
  const revision = String(d.revision);
  return d.jobDefinitionName === shown
    ? withQuery({ revision, with: null })
    : href("/definitions", { name: d.jobDefinitionName, revision });
}

/** Names of the parameters that the definition refers to, with their defaults. */
function parametersOf(d: Definition): [string, string][] {
  const names = new Map(Object.entries(d.parameters ?? {}));
  const text = JSON.stringify(d.containerProperties ?? d.eksProperties ?? {});
  for (const match of text.matchAll(/Ref::([A-Za-z0-9_-]+)/g))
    if (!names.has(match[1] ?? "")) names.set(match[1] ?? "", "");
  return [...names];
}

function Submit({ definition, close }: { definition: Definition; close: () => void }) {
  const parameters = parametersOf(definition);
  const { data: queues } = useRead("queues", allQueues, 0);
  const once = useOnce();
  const act = async () => {
    const form = document.querySelector<HTMLFormElement>("dialog form");
    const values = new FormData(form ?? undefined);
    const given = parameters
      .map(([name]) => [name, String(values.get(`parameter ${name}`) ?? "")])
      .filter(([, value]) => value);
    const request = {
      jobName: String(values.get("name")),
      jobQueue: String(values.get("queue")),
      jobDefinition: definition.jobDefinitionArn,
      ...(given.length ? { parameters: Object.fromEntries(given) } : {}),
      ...(values.get("share") ? { shareIdentifier: String(values.get("share")) } : {}),
    };
    const made = await change<{ jobId: string }>("SubmitJob", request, once(request));
    go(jobHref(made.jobId));
  };
  return (
    <Dialog
      title={`Submit ${definition.jobDefinitionName}:${definition.revision}`}
      verb="Submit"
      act={act}
      close={close}
    >
      <label>
        Name
        <input name="name" required defaultValue={definition.jobDefinitionName} maxLength={128} />
      </label>
      <label>
        Queue
        <select name="queue" required>
          {(queues ?? []).map((q) => (
            <option>{q.jobQueueName}</option>
          ))}
        </select>
      </label>
      <label>
        Share, for queues with a policy
        <input name="share" />
      </label>
      {parameters.map(([name, value]) => (
        <label>
          {plain(name)}
          <input name={`parameter ${name}`} placeholder={plain(value)} />
        </label>
      ))}
    </Dialog>
  );
}

function Differences({ one, other }: { one: Definition; other: Definition }) {
  const found = differences(other, one);
  return (
    <section aria-label="Differences">
      <h2>
        From revision {other.revision} to {one.revision}
      </h2>
      <Rows
        label="Differences"
        rows={found}
        id={(d) => d.path}
        href={() => withQuery({})}
        columns={[
          { title: "Member", narrow: true, cell: (d) => <code>{cut(d.path, 200)}</code> },
          { title: `In ${other.revision}`, cell: (d) => <code>{cut(d.before, 500)}</code> },
          { title: `In ${one.revision}`, cell: (d) => <code>{cut(d.after, 500)}</code> },
        ]}
      />
    </section>
  );
}

function One({ definition: d }: { definition: Definition }) {
  const [asks, setAsks] = useState(false);
  return (
    <section aria-label="Definition">
      <h2>
        Revision {d.revision} {d.status}
      </h2>
      <p class="links">
        {d.type === "container" && d.status === "ACTIVE" && (
          <button type="button" onClick={() => setAsks(true)}>
            Submit a job …
          </button>
        )}
        <Copy
          label="copy as aws cli"
          text={command("batch", "describe-job-definitions", {
            "job-definitions": [`${d.jobDefinitionName}:${d.revision}`],
          })}
        />
      </p>
      {asks && <Submit definition={d} close={() => setAsks(false)} />}
      <pre tabIndex={0}>{JSON.stringify(d, null, 2).split("\n").map(plain).join("\n")}</pre>
    </section>
  );
}

export function Definitions() {
  const { query } = usePlace();
  const name = query.get("name") ?? "";
  const token = query.get("page") ?? "";
  const { data, error, loading } = useRead(
    `definitions ${name} ${token}`,
    (signal) => readPage(name, token, signal),
    CALM_MS,
  );
  const rows = data?.jobDefinitions ?? [];
  const chosen = useRevision(name, query.get("revision"));
  const compared = useRevision(name, query.get("with"));
  const one = chosen.wanted ? chosen.data : name ? rows[0] : undefined;
  const other = compared.data;
  return (
    <>
      <h1>{name ? `Definition ${cut(name, 130)}` : "Definitions"}</h1>
      <form class="filters" onSubmit={(e) => e.preventDefault()} role="search">
        <Field
          label="Name"
          search
          value={name}
          commit={(value) => go(href("/definitions", { name: value }))}
        />
      </form>
      <Failure text={error || chosen.error || compared.error} />
      {rows.length ? (
        <Rows
          main
          label="Definitions"
          rows={rows}
          id={(d) => d.jobDefinitionArn}
          href={(d) => hrefOf(d, name)}
          columns={[
            {
              title: "Definition",
              cell: (d) => (
                <a href={hrefOf(d, name)}>{nameOf(d.jobDefinitionArn)}</a>
              ),
            },
            { title: "Type", narrow: true, cell: (d) => d.type },
            {
              title: "Needs",
              narrow: true,
              cell: (d) =>
                need(
                  d.containerProperties?.resourceRequirements ??
                    podRequirements(d.eksProperties?.podProperties),
                ),
            },
            {
              title: "Image",
              cell: (d) =>
                cut(
                  d.containerProperties?.image ??
                    d.eksProperties?.podProperties?.containers?.[0]?.image,
                  100,
                ),
            },
            {
              title: "",
              narrow: true,
              cell: (d) =>
                one && d.jobDefinitionArn !== one.jobDefinitionArn ? (
                  <a href={withQuery({ with: String(d.revision), revision: String(one.revision) })}>
                    compare with {one.revision}
                  </a>
                ) : (
                  ""
                ),
            },
          ]}
        />
      ) : (
        <Nothing loading={loading} text="There is no active definition that this key may see." failed={error} />
      )}
      {data?.nextToken && (
        <p class="links">
          <a href={withQuery({ page: data.nextToken })}>Next page</a>
        </p>
      )}
      {one && other && <Differences one={one} other={other} />}
      {one && <One key={one.jobDefinitionArn} definition={one} />}
    </>
  );
}
