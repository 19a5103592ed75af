// Who is signed in. The session itself is in a cookie that no script can read; the pass, which the
// console wants with each request, stays with this origin.
//
// All tabs of this origin have the same cookie. Each tab uses only the pass of the session that it
// shows, which the console compares with the cookie: a tab does nothing as somebody else. When
// another tab signs in or out, this one does too.

const PASS = "openbatch-pass";

export interface Session {
  accessKeyId: string;
  region: string;
  expiresAt: number;
  now: number;
}

export class SignInFailed extends Error {}

let current: Session | null = null;
let mine = ""; // the pass of 'current'
let standing = new AbortController();
const listeners = new Set<() => void>();

export function session(): Session | null {
  return current;
}

export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function become(next: Session | null, withPass: string): void {
  if (withPass !== mine) {
    standing.abort();
    standing = new AbortController();
  }
  current = next;
  mine = withPass;
  for (const listener of listeners) listener();
}

export function pass(): string {
  return mine;
}

/** Aborted when this session ends: nobody waits for answers to it any more. */
export function untilItsEnd(): AbortSignal {
  return standing.signal;
}

async function sign(path: string, body: unknown): Promise<void> {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new SignInFailed(said.message ?? `The console answers ${answer.status}.`);
  localStorage.setItem(PASS, said.pass);
  become(said, said.pass);
}

export function signIn(accessKeyId: string, secretAccessKey: string, region: string): Promise<void> {
  return sign("/session", { accessKeyId, secretAccessKey, region: region || undefined });
}

export function signInWithLink(link: string): Promise<void> {
  return sign("/session/link", { link });
}

/** The session of this origin, if it still stands: of before a reload, or of another tab. */
export async function recall(): Promise<void> {
  const stored = localStorage.getItem(PASS) ?? "";
  if (stored === mine && current) return;
  const answer = stored && (await fetch("/session", { headers: { "X-Console-Pass": stored } }));
  if ((localStorage.getItem(PASS) ?? "") !== stored) return; // it has changed meanwhile, and is told
  if (answer && answer.ok) become(await answer.json(), stored);
  else if (!answer || answer.status === 401) become(null, "");
  else throw new SignInFailed(`The console answers ${answer.status}.`);
}

function recallOrEnd(): void {
  recall().catch(() => become(null, ""));
}

/** The console says that there is no session for this pass. The stored one stays: it may be that of
 * another tab, which has just signed in. */
export function ended(usedPass: string): void {
  if (usedPass !== mine) return;
  if ((localStorage.getItem(PASS) ?? "") === mine) become(null, "");
  else recallOrEnd();
}

/** In all tabs: they have one cookie. Nothing is read any more while the session goes. */
export async function signOut(): Promise<void> {
  standing.abort();
  await fetch("/session", { method: "DELETE" }).catch(() => undefined);
  localStorage.removeItem(PASS);
  become(null, "");
}

addEventListener("storage", (event) => {
  if (event.key === PASS || event.key === null) recallOrEnd();
});
