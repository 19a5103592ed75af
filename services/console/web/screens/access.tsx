// Who may do what: the session of this page, the access keys and their policies, and a question that
// the api answers by the check that each request passes.

import { useState } from "preact/hooks";
import { read, readIfAllowed } from "../api";
import { time } from "../format";
import { asShown, Choice } from "../parts/choice";
import { Field } from "../parts/field";
import { Failure } from "../parts/notice";
import { Rows } from "../parts/rows";
import { At } from "../parts/time";
import { cut, plain } from "../plain";
import { CALM_MS, useRead } from "../read";
import { go, href, usePlace, withQuery } from "../router";
import { session } from "../session";
import { AccessAnswer, AccessKey } from "../types";

/** Operations that people ask about, and the members of their requests that name what they touch. */
const QUESTIONS: Record<string, string[]> = {
  "batch:SubmitJob": ["jobQueue", "jobDefinition", "shareIdentifier"],
  "batch:CancelJob": ["jobId"],
  "batch:TerminateJob": ["jobId"],
  "batch:ListJobs": ["jobQueue", "arrayJobId"],
  "batch:DescribeJobs": [],
  "batch:CreateJobQueue": ["jobQueueName"],
  "batch:UpdateJobQueue": ["jobQueue"],
  "batch:DeleteJobQueue": ["jobQueue"],
  "batch:DescribeJobQueues": [],
  "batch:GetJobQueueSnapshot": ["jobQueue"],
  "batch:CreateComputeEnvironment": ["computeEnvironmentName"],
  "batch:UpdateComputeEnvironment": ["computeEnvironment"],
  "batch:DeleteComputeEnvironment": ["computeEnvironment"],
  "batch:DescribeComputeEnvironments": [],
  "batch:RegisterJobDefinition": ["jobDefinitionName"],
  "batch:DeregisterJobDefinition": ["jobDefinition"],
  "batch:DescribeJobDefinitions": [],
  "batch:TagResource": ["resourceArn"],
  "logs:GetLogEvents": ["logGroupName", "logStreamName"],
  "logs:FilterLogEvents": ["logGroupName"],
  "openbatch:StopJobs": ["jobQueue"],
  "openbatch:CountJobs": [],
  "openbatch:ListInstances": ["computeEnvironment"],
  "openbatch:InterruptInstance": ["instanceId"],
  "openbatch:CreateJoinToken": ["computeEnvironment"],
  "openbatch:CreateSession": [],
  "openbatch:CreateKey": [],
  "openbatch:PutKeyPolicy": ["accessKeyId"],
  "openbatch:DescribeSystem": [],
};

function Mine() {
  const who = session();
  if (!who) return null;
  return (
    <section aria-label="This session">
      <h2>This session</h2>
      <p>
        A session of the key <code>{who.accessKeyId}</code> in region {who.region}; it ends at{" "}
        <At at={who.expiresAt} />. It may do what its key may do, except make, change and revoke keys.
      </p>
      <p>
        The api stores no sessions, so there is no list of them. A session ends by itself; to end all
        of a key sooner, revoke the key.
      </p>
    </section>
  );
}

function pretty(policy: string | undefined): string {
  if (!policy) return "";
  try {
    return JSON.stringify(JSON.parse(policy), null, 2);
  } catch {
    return policy;
  }
}

function Policy({ of: key }: { of: AccessKey }) {
  return (
    <section aria-label="Policy">
      <h3>
        Policy of {plain(key.name || key.accessKeyId)}{" "}
        <a href={withQuery({ key: null })}>hide</a>
      </h3>
      {key.root ? (
        <p>It is the root key: it may do everything.</p>
      ) : key.policy ? (
        <pre tabIndex={0}>{pretty(key.policy).split("\n").map(plain).join("\n")}</pre>
      ) : (
        <p>It has no policy: it may do nothing.</p>
      )}
    </section>
  );
}

function Keys({ keys, chosen }: { keys: AccessKey[] | undefined; chosen: string }) {
  const key = keys?.find((k) => k.accessKeyId === chosen);
  return (
    <section aria-label="Access keys">
      <h2>Access keys</h2>
      {!keys ? (
        <p class="notice">This key may not list keys (openbatch:ListKeys).</p>
      ) : (
        <>
          <p>
            <code>./openbatch key</code> makes and revokes keys, and sets their policies.
          </p>
          <Rows
            main
            label="Access keys"
            rows={keys}
            id={(k) => k.accessKeyId}
            href={(k) => withQuery({ key: k.accessKeyId })}
            columns={[
              {
                title: "Key",
                narrow: true,
                cell: (k) => <a href={withQuery({ key: k.accessKeyId })}>{k.accessKeyId}</a>,
              },
              { title: "Name", cell: (k) => cut(k.name, 64) },
              { title: "Made", narrow: true, cell: (k) => time(k.createdAt) },
              {
                title: "May",
                narrow: true,
                cell: (k) => (k.root ? "do everything" : k.policy ? "what its policy says" : "do nothing"),
              },
            ]}
          />
          {keys.length > 200 && <p class="notice">The first 200 of {keys.length}.</p>}
        </>
      )}
      {key && <Policy of={key} />}
    </section>
  );
}

function Answer({ answer }: { answer: AccessAnswer }) {
  return (
    <div role="status">
      <p class={answer.allowed ? "state state-succeeded" : "state state-failed"}>
        <span aria-hidden="true" class="shape">
          {answer.allowed ? "✓" : "✗"}
        </span>
        {answer.allowed ? "Yes" : "No"}
      </p>
      {answer.reason && <p>{plain(answer.reason)}</p>}
      {answer.allowed && answer.byEntry && (
        <p>It decides for each entry of its list, and leaves out what the key may not see or touch.</p>
      )}
    </div>
  );
}

interface Question {
  accessKeyId: string;
  operation: string;
  members: Record<string, string>;
}

function questionOf(query: URLSearchParams): Question {
  const operation = query.get("operation") ?? "";
  const names = QUESTIONS[operation] ?? [];
  const members = names.flatMap((name) => {
    const value = query.get(`m.${name}`);
    return value ? [[name, value]] : [];
  });
  return {
    accessKeyId: query.get("who") ?? "",
    operation,
    members: Object.fromEntries(members),
  };
}

/** Asked whenever the form, which is in the address, is complete. */
function useAnswer(q: Question) {
  const request = {
    ...(q.accessKeyId ? { accessKeyId: q.accessKeyId } : {}),
    operation: q.operation,
    request: JSON.stringify(q.members),
  };
  return useRead(
    `access ${JSON.stringify(request)}`,
    async (signal) =>
      q.operation ? read<AccessAnswer>("CheckAccess", request, signal) : undefined,
    0,
  );
}

function May({ keys }: { keys: AccessKey[] | undefined }) {
  const { query } = usePlace();
  const q = questionOf(query);
  const { data, error } = useAnswer(q);
  const [id] = useState(() => "access-question");
  const names = QUESTIONS[q.operation] ?? [];
  const choose = (operation: string) =>
    go(href("/access", { key: query.get("key") ?? "", who: q.accessKeyId, operation }));
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>May this key do it?</h2>
      <form class="filters" onSubmit={(e) => e.preventDefault()}>
        <Choice
          label="Key"
          value={q.accessKeyId}
          none="this session"
          values={(keys ?? []).slice(0, 200).map((k) => ({
            value: k.accessKeyId,
            text: cut(k.name ? `${k.name} (${k.accessKeyId})` : k.accessKeyId, 90),
          }))}
          choose={(who) => go(withQuery({ who }))}
        />
        <Choice
          label="Operation"
          value={q.operation}
          none="choose one"
          values={asShown(Object.keys(QUESTIONS))}
          choose={choose}
        />
        {names.map((name) => (
          <Field
            key={`${q.operation} ${name}`}
            label={name}
            value={q.members[name] ?? ""}
            commit={(value) => go(withQuery({ [`m.${name}`]: value }))}
          />
        ))}
      </form>
      <p class="faint">
        The api answers by the check that each request passes, and does nothing else. Rights that a
        container needs on its host are checked later, with the rest of a request.
      </p>
      <Failure text={error} />
      {data && <Answer answer={data} />}
    </section>
  );
}

export function Access() {
  const { query } = usePlace();
  const { data, error } = useRead(
    "keys",
    (signal) => readIfAllowed<{ keys: AccessKey[] }>("ListKeys", {}, signal),
    CALM_MS,
  );
  return (
    <>
      <h1>Access</h1>
      <Failure text={error} />
      <May keys={data?.keys} />
      <Keys keys={data?.keys} chosen={query.get("key") ?? ""} />
      <Mine />
    </>
  );
}
