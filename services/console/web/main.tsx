// The frame of all screens: who is signed in, where one can go, which screen the address names.

import { render } from "preact";
import { useEffect, useErrorBoundary, useState } from "preact/hooks";
import { forgetAnswers } from "./api";
import { SCREENS, useKeys } from "./keys";
import { Failure } from "./parts/notice";
import { usePlace } from "./router";
import { Access } from "./screens/access";
import { Definitions } from "./screens/definitions";
import { Environments } from "./screens/environments";
import { Events } from "./screens/events";
import { InstanceScreen } from "./screens/instances";
import { JobScreen } from "./screens/job";
import { Jobs } from "./screens/jobs";
import { Logs } from "./screens/logs";
import { Overview } from "./screens/overview";
import { QueueScreen, Queues } from "./screens/queue";
import { SignIn } from "./screens/sign_in";
import { System } from "./screens/system";
import { onSession, recall, session, signInWithLink, signOut } from "./session";
import "./style.css";

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function screenFor(path: string) {
  const [, first, second] = path.split("/");
  const name = decoded(second ?? "");
  if (name === undefined) return <NoPage />;
  switch (first) {
    case "":
      return <Overview />;
    case "queues":
      return <Queues />;
    case "queue":
      return <QueueScreen key={name} name={name} />;
    case "jobs":
      return <Jobs />;
    case "job":
      return <JobScreen key={name} id={name} />;
    case "log":
      return <Logs />;
    case "instance":
      return <InstanceScreen />;
    case "environments":
      return <Environments />;
    case "definitions":
      return <Definitions />;
    case "access":
      return <Access />;
    case "system":
      return <System />;
    case "events":
      return <Events />;
    default:
      return <NoPage />;
  }
}

function NoPage() {
  return (
    <>
      <h1>There is no such page</h1>
      <p>
        <a href="/">To the overview</a>
      </p>
    </>
  );
}

/** What a screen cannot show does not take the frame with it. */
function Screen({ path }: { path: string }) {
  const [failure] = useErrorBoundary((error) => console.error(error));
  if (!failure) return screenFor(path);
  return (
    <>
      <h1>This page cannot be shown</h1>
      <Failure text={String(failure)} />
    </>
  );
}

function Help({ close }: { close: () => void }) {
  return (
    <aside class="help" aria-label="Keys">
      <h2>Keys</h2>
      <dl>
        <dt>/</dt>
        <dd>search</dd>
        <dt>j k</dt>
        <dd>next and previous row</dd>
        <dt>Enter</dt>
        <dd>open the row</dd>
        {SCREENS.map(([key, , title]) => (
          <>
            <dt>g {key}</dt>
            <dd>{title}</dd>
          </>
        ))}
      </dl>
      <button type="button" onClick={close}>
        Close
      </button>
    </aside>
  );
}

function Page({ said }: { said: { text: string } }) {
  const [sessions, setSessions] = useState(0);
  const [note, setNote] = useState(said.text);
  const [help, setHelp] = useState(false);
  const { path } = usePlace();
  useEffect(() => setNote(said.text), [said]);
  useEffect(
    () =>
      onSession(() => {
        forgetAnswers();
        setNote("");
        setSessions((n) => n + 1);
      }),
    [],
  );
  useKeys((event) => {
    if (event.key === "?") setHelp(!help);
    return event.key === "?";
  });
  const who = session();
  if (!who) return <SignIn key={note} said={note} />;
  const here = (target: string) => (target === "/" ? path === "/" : path.startsWith(target.replace(/s$/, "")));
  return (
    <>
      <a class="skip" href="#content">
        To the content
      </a>
      <header>
        <nav aria-label="Screens">
          <a href="/" class="brand">
            OpenBatch
          </a>
          {SCREENS.map(([key, target, title]) => (
            <a href={target} aria-current={here(target) ? "page" : undefined} title={`g ${key}`}>
              {title}
            </a>
          ))}
        </nav>
        <span class="who">
          {who.accessKeyId} · {who.region}{" "}
          <button type="button" class="quiet" onClick={() => setHelp(!help)}>
            Keys
          </button>
          <button type="button" class="quiet" onClick={() => void signOut()}>
            Sign out
          </button>
        </span>
      </header>
      {help && <Help close={() => setHelp(false)} />}
      <main id="content" tabIndex={-1}>
        <Failure text={note} />
        {/* Of another session nothing stays, such as a dialog that waits for an answer. */}
        <Screen key={`${sessions} ${path}`} path={path} />
      </main>
    </>
  );
}

/** A link of `./openbatch console` is behind #, so that it reaches no log and no other page. Returns
 * why it does not sign in. */
async function followLink(): Promise<string> {
  const link = /^#link=(.+)$/.exec(location.hash)?.[1];
  if (!link) return "";
  history.replaceState(null, "", location.pathname + location.search);
  return signInWithLink(link).then(
    () => "",
    (failure: Error) => failure.message,
  );
}

async function begin(): Promise<string> {
  const said = await followLink();
  if (!session()) await recall();
  return said;
}

function draw(said: string): void {
  render(<Page said={{ text: said }} />, document.getElementById("page")!);
}

begin()
  .catch((failure: Error) => failure.message)
  .then(draw);
addEventListener("hashchange", () => void followLink().then((said) => said && draw(said)));
