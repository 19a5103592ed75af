// Who is signed in. The session itself is in a cookie that no script can read; the pass, which the
// console wants with each request, stays with this origin.

const PASS = "openbatch-pass";

export interface Session {
  accessKeyId: string;
  region: string;
  expiresAt: number;
  now: number;
}

export class SignInFailed extends Error {}

let current: Session | null = null;
const listeners = new Set<() => void>();

export function session(): Session | null {
  return current;
}

export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function become(next: Session | null): void {
  current = next;
  for (const listener of listeners) listener();
}

export function pass(): string {
  return localStorage.getItem(PASS) ?? "";
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
  become(said);
}

export function signIn(accessKeyId: string, secretAccessKey: string, region: string): Promise<void> {
  return sign("/session", { accessKeyId, secretAccessKey, region: region || undefined });
}

export function signInWithLink(link: string): Promise<void> {
  return sign("/session/link", { link });
}

/** The session of before a reload, if it still stands. */
export async function recall(): Promise<void> {
  if (!pass()) return;
  const answer = await fetch("/session", { headers: { "X-Console-Pass": pass() } });
  if (answer.ok) become(await answer.json());
  else if (answer.status === 401) ended();
}

/** The console says that there is no session any more. */
export function ended(): void {
  localStorage.removeItem(PASS);
  become(null);
}

export async function signOut(): Promise<void> {
  await fetch("/session", { method: "DELETE" }).catch(() => undefined);
  ended();
}
