// Requests to the console, which passes them on to the api with this page's session.

import { ended, pass } from "./session";

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

interface Kept {
  tag: string;
  data: unknown;
}
const KEPT_MAX = 60;
const kept = new Map<string, Kept>();

function keep(url: string, one: Kept): void {
  kept.delete(url);
  kept.set(url, one);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX) break;
    kept.delete(oldest);
  }
}

const REFUSED_MS = 300000;
const refused = new Map<string, number>(); // until when it is not asked again

function urlOf(operation: string, members: object): string {
  return `/api/${operation}?${encodeURIComponent(JSON.stringify(members))}`;
}

export function forgetAnswers(): void {
  kept.clear();
  refused.clear();
}

async function failure(answer: Response): Promise<ApiError> {
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) ended();
  return new ApiError(answer.status, said.message ?? `The console answers ${answer.status}.`);
}

/** Browsers keep connections in stock, and may use one at the moment when the console closes it. */
function fetchRead(url: string, request: RequestInit): Promise<Response> {
  return fetch(url, request).catch((error: Error) => {
    if (request.signal?.aborted) throw error;
    return fetch(url, request);
  });
}

/** A read. What has not changed since the last time comes back as the same object. */
export async function read<T>(operation: string, members: object, signal?: AbortSignal): Promise<T> {
  const url = urlOf(operation, members);
  const before = kept.get(url);
  const headers: Record<string, string> = { "X-Console-Pass": pass() };
  if (before) headers["If-None-Match"] = before.tag;
  const answer = await fetchRead(url, { headers, signal: signal ?? null });
  if (answer.status === 304 && before) {
    keep(url, before);
    return before.data as T;
  }
  if (!answer.ok) throw await failure(answer);
  const data = await answer.json();
  const tag = answer.headers.get("ETag");
  if (tag) keep(url, { tag, data });
  return data as T;
}

/** A read that a screen can do without: undefined when the key may not do it, or the api cannot.
 * It is then left alone for some minutes, because the api logs each refusal. */
export async function readIfAllowed<T>(
  operation: string,
  members: object,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const url = urlOf(operation, members);
  if ((refused.get(url) ?? 0) > Date.now()) return undefined;
  try {
    return await read<T>(operation, members, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 403 && error.status !== 404)) throw error;
    refused.set(url, Date.now() + REFUSED_MS);
    return undefined;
  }
}

/** A change. once: an id for all tries of the same one. */
export async function change<T>(operation: string, members: object, once?: string): Promise<T> {
  const headers: Record<string, string> = {
    "X-Console-Pass": pass(),
    "Content-Type": "application/json",
  };
  if (once) headers["X-Console-Once"] = once;
  const body = JSON.stringify(members);
  const answer = await fetch(`/api/${operation}`, { method: "POST", headers, body });
  if (!answer.ok) throw await failure(answer);
  return (await answer.json()) as T;
}

export async function health<T>(signal?: AbortSignal): Promise<T> {
  const answer = await fetch("/health", {
    headers: { "X-Console-Pass": pass() },
    signal: signal ?? null,
  });
  if (!answer.ok) throw await failure(answer);
  return (await answer.json()) as T;
}
