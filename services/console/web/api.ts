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
  characters: number; // of its text
}
const KEPT_MAX = 60;
const KEPT_CHARACTERS = 8 * 1024 * 1024; // of all
const kept = new Map<string, Kept>();
let keptCharacters = 0;

function drop(url: string): void {
  keptCharacters -= kept.get(url)?.characters ?? 0;
  kept.delete(url);
}

/** The latest answers. */
function keep(url: string, one: Kept): void {
  drop(url);
  kept.set(url, one);
  keptCharacters += one.characters;
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX && keptCharacters <= KEPT_CHARACTERS) break;
    drop(oldest);
  }
}

const REFUSED_MS = 300000;
const refused = new Map<string, number>(); // until when it is not asked again

function urlOf(operation: string, members: object): string {
  return `/api/${operation}?${encodeURIComponent(JSON.stringify(members))}`;
}

export function forgetAnswers(): void {
  kept.clear();
  keptCharacters = 0;
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

async function ask(url: string, signal?: AbortSignal, tag?: string): Promise<Response> {
  const headers: Record<string, string> = { "X-Console-Pass": pass() };
  if (tag) headers["If-None-Match"] = tag;
  const answer = await fetchRead(url, { headers, signal: signal ?? null });
  if (!answer.ok && !(tag && answer.status === 304)) throw await failure(answer);
  return answer;
}

/** A read. What has not changed since the last time comes back as the same object. */
export async function read<T>(operation: string, members: object, signal?: AbortSignal): Promise<T> {
  const url = urlOf(operation, members);
  const before = kept.get(url);
  const answer = await ask(url, signal, before?.tag);
  if (answer.status === 304 && before) {
    keep(url, before);
    return before.data as T;
  }
  const text = await answer.text();
  const data: unknown = JSON.parse(text);
  const tag = answer.headers.get("ETag");
  if (tag) keep(url, { tag, data, characters: text.length });
  return data as T;
}

/** A read of what is hardly asked for again, such as output: the answer is not kept. */
export async function readOnce<T>(operation: string, members: object, signal?: AbortSignal): Promise<T> {
  const answer = await ask(urlOf(operation, members), signal);
  return (await answer.json()) as T;
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
