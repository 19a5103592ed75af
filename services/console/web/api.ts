// Requests to the console, which passes them on to the api with this page's session.

import { answered } from "./once";
import { ended, pass, untilItsEnd } from "./session";

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
const REFUSED_MAX = 500;
/** What is not asked again until then, because the api logs each refusal. */
const refused = new Map<string, { until: number; error: ApiError }>();

function refusalOf(url: string): ApiError | undefined {
  const before = refused.get(url);
  return before && before.until > Date.now() ? before.error : undefined;
}

function refuse(url: string, error: ApiError): void {
  if (refusalOf(url)) return;
  for (const oldest of refused.keys()) {
    if (refused.size < REFUSED_MAX) break;
    refused.delete(oldest);
  }
  refused.delete(url);
  refused.set(url, { until: Date.now() + REFUSED_MS, error });
}

function urlOf(operation: string, members: object): string {
  return `/api/${operation}?${encodeURIComponent(JSON.stringify(members))}`;
}

export function forgetAnswers(): void {
  kept.clear();
  keptCharacters = 0;
  refused.clear();
}

async function failure(answer: Response, usedPass: string): Promise<ApiError> {
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) ended(usedPass);
  return new ApiError(answer.status, said.message ?? `The console answers ${answer.status}.`);
}

const ANSWER_MS = 40000; // the console gives up before

/** Ends with any of 'ends', and in time: after a sleep of the computer a request may hang for ever. */
async function inTime<T>(
  ends: (AbortSignal | undefined)[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const inner = new AbortController();
  const stop = () => inner.abort();
  let late = false;
  const timer = setTimeout(() => ((late = true), stop()), ANSWER_MS);
  for (const end of ends) end?.addEventListener("abort", stop);
  if (ends.some((end) => end?.aborted)) stop();
  try {
    return await work(inner.signal);
  } catch (error) {
    throw late ? new ApiError(0, `No answer came within ${ANSWER_MS / 1000} s.`) : error;
  } finally {
    clearTimeout(timer);
    for (const end of ends) end?.removeEventListener("abort", stop);
  }
}

/** A read for this session: it ends with the session, and then never answers. */
function reading<T>(
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = untilItsEnd();
  return inTime([outer, end], work).catch((error: Error) => {
    if (end.aborted) return new Promise<T>(() => undefined);
    throw error;
  });
}

/** A browser opens six connections to a server. One is the stream's, and one is left for the question
 * how the api is: it must not wait behind reads that an api which hangs does not answer. */
const READS_AT_ONCE = 4;
let underWay = 0;
const waiting: (() => void)[] = [];

/** Until a read before has ended; rejects when nobody wants the answer any more. */
function turn(signal: AbortSignal): Promise<void> {
  return new Promise((go, leave) => {
    const left = () => {
      waiting.splice(waiting.indexOf(begin), 1);
      leave(signal.reason as Error);
    };
    const begin = () => {
      signal.removeEventListener("abort", left);
      go();
    };
    waiting.push(begin);
    signal.addEventListener("abort", left);
    if (signal.aborted) left();
  });
}

async function inTurn<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (underWay < READS_AT_ONCE) underWay++;
  else await turn(signal); // whose place it takes
  try {
    return await work(signal);
  } finally {
    const next = waiting.shift();
    if (next) next();
    else underWay--;
  }
}

function readingInTurn<T>(
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return reading(outer, (signal) => inTurn(signal, work));
}

/** Browsers keep connections in stock, and may use one at the moment when the console closes it. */
function fetchRead(url: string, request: RequestInit): Promise<Response> {
  return fetch(url, request).catch((error: Error) => {
    if (request.signal?.aborted) throw error;
    return fetch(url, request);
  });
}

async function ask(url: string, signal: AbortSignal, tag?: string): Promise<Response> {
  const refusal = refusalOf(url);
  if (refusal) throw refusal;
  const usedPass = pass();
  const headers: Record<string, string> = { "X-Console-Pass": usedPass };
  if (tag) headers["If-None-Match"] = tag;
  const answer = await fetchRead(url, { headers, signal });
  if (answer.ok || (tag && answer.status === 304)) return answer;
  const error = await failure(answer, usedPass);
  if (error.status === 403) refuse(url, error);
  throw error;
}

/** A read. What has not changed since the last time comes back as the same object. */
export function read<T>(operation: string, members: object, signal?: AbortSignal): Promise<T> {
  const url = urlOf(operation, members);
  const before = kept.get(url);
  return readingInTurn(signal, async (limit) => {
    const answer = await ask(url, limit, before?.tag);
    if (answer.status === 304 && before) {
      keep(url, before);
      return before.data as T;
    }
    const text = await answer.text();
    const data: unknown = JSON.parse(text);
    const tag = answer.headers.get("ETag");
    if (tag) keep(url, { tag, data, characters: text.length });
    return data as T;
  });
}

/** A read of what is hardly asked for again, such as output: the answer is not kept. */
export function readOnce<T>(operation: string, members: object, signal?: AbortSignal): Promise<T> {
  return readingInTurn(signal, async (limit) => {
    const answer = await ask(urlOf(operation, members), limit);
    return (await answer.json()) as T;
  });
}

export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}

/** A read that a screen can do without: undefined when the key may not do it, or the api cannot. */
export async function readIfAllowed<T>(
  operation: string,
  members: object,
  signal?: AbortSignal,
): Promise<T | undefined> {
  try {
    return await read<T>(operation, members, signal);
  } catch (error) {
    if (isRefusal(error)) return undefined;
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    refuse(urlOf(operation, members), error);
    return undefined;
  }
}

/** A change. once: an id for all tries of the same one. */
export function change<T>(operation: string, members: object, once?: string): Promise<T> {
  const usedPass = pass();
  const headers: Record<string, string> = {
    "X-Console-Pass": usedPass,
    "Content-Type": "application/json",
  };
  if (once) headers["X-Console-Once"] = once;
  const body = JSON.stringify(members);
  return inTime([], async (signal) => {
    const answer = await fetch(`/api/${operation}`, { method: "POST", headers, body, signal });
    if (!answer.ok) throw await failure(answer, usedPass);
    const made = (await answer.json()) as T;
    if (once) answered(once);
    return made;
  });
}

export function health<T>(signal?: AbortSignal): Promise<T> {
  const usedPass = pass();
  return reading(signal, async (limit) => {
    const answer = await fetch("/health", { headers: { "X-Console-Pass": usedPass }, signal: limit });
    if (!answer.ok) throw await failure(answer, usedPass);
    return (await answer.json()) as T;
  });
}
