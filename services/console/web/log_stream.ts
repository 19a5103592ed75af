// A part of a stream of output: its last lines first, earlier and later ones when they are wanted.

import { read } from "./api";
import { LogEvent } from "./types";

export const FIRST = 1000;
const MORE = 1000;
export const KEPT_MAX = 20000; // lines; then those at the other end go

/** A line: many can have the same time, so a short hash of its text goes with it. */
export interface Mark {
  at: number; // 0: none
  line: string; // "": any of that time
}

export function hashOf(message: string): string {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < message.length; i++)
    hash = Math.imul(hash ^ message.charCodeAt(i), 0x01000193) >>> 0;
  return hash.toString(16);
}

export function isMarked(event: LogEvent, mark: Mark): boolean {
  return event.timestamp === mark.at && (!mark.line || hashOf(event.message) === mark.line);
}

export interface Stream {
  group: string;
  name: string;
}
export interface Part {
  events: LogEvent[];
  back: string;
  forward: string;
  atStart: boolean;
  cutAtEnd: boolean; // later lines were dropped: they are read again when wanted
}
interface Answer {
  events?: LogEvent[];
  nextForwardToken?: string;
  nextBackwardToken?: string;
}

function get(stream: Stream, more: object, signal: AbortSignal): Promise<Answer> {
  return read<Answer>(
    "GetLogEvents",
    { logGroupName: stream.group, logStreamName: stream.name, ...more },
    signal,
  );
}

/** Goes on until the line is there, or the lines of its time are over. */
async function upTo(mark: Mark, stream: Stream, begun: Part, signal: AbortSignal): Promise<Part> {
  let part = begun;
  while (
    mark.line &&
    part.cutAtEnd &&
    part.events.length < KEPT_MAX &&
    part.events[part.events.length - 1]?.timestamp === mark.at &&
    !part.events.some((event) => isMarked(event, mark))
  )
    part = await later(stream, part, signal);
  return part;
}

/** Around the marked line; without one the end. */
export async function firstPart(stream: Stream, mark: Mark, signal: AbortSignal): Promise<Part> {
  const { at } = mark;
  const from = at ? { startTime: at, startFromHead: true } : { startFromHead: false };
  const answer = await get(stream, { ...from, limit: FIRST }, signal);
  const events = answer.events ?? [];
  const part = {
    events,
    back: answer.nextBackwardToken ?? "",
    forward: answer.nextForwardToken ?? "",
    atStart: !at && events.length < FIRST,
    cutAtEnd: at > 0 && events.length === FIRST,
  };
  return at ? earlier(stream, await upTo(mark, stream, part, signal), signal) : part;
}

export async function earlier(stream: Stream, part: Part, signal: AbortSignal): Promise<Part> {
  const answer = await get(stream, { nextToken: part.back, limit: MORE }, signal);
  const more = answer.events ?? [];
  const whole = [...more, ...part.events];
  return {
    ...part,
    events: whole.slice(0, KEPT_MAX),
    back: answer.nextBackwardToken ?? part.back,
    atStart: more.length === 0,
    cutAtEnd: part.cutAtEnd || whole.length > KEPT_MAX,
  };
}

/** The same object, if nothing has come. */
export async function later(stream: Stream, part: Part, signal: AbortSignal): Promise<Part> {
  const answer = await get(stream, { nextToken: part.forward, limit: MORE, startFromHead: true }, signal);
  const more = answer.events ?? [];
  if (more.length === 0) return part.cutAtEnd ? { ...part, cutAtEnd: false } : part;
  const whole = [...part.events, ...more];
  return {
    ...part,
    events: whole.slice(-KEPT_MAX),
    forward: answer.nextForwardToken ?? part.forward,
    atStart: part.atStart && whole.length <= KEPT_MAX,
    cutAtEnd: more.length === MORE,
  };
}

export interface Found {
  events: LogEvent[];
  next: string;
}

/** Lines with this text, searched for by the api. A page of the api may be empty although more
 * follows. */
export async function search(
  stream: Stream,
  text: string,
  next: string,
  signal: AbortSignal,
): Promise<Found> {
  const found: LogEvent[] = [];
  let token = next;
  for (let call = 0; call < 20 && found.length < 100; call++) {
    const answer = await read<{ events?: LogEvent[]; nextToken?: string }>(
      "FilterLogEvents",
      {
        logGroupName: stream.group,
        logStreamNames: [stream.name],
        filterPattern: `"${text.replace(/["\\]/g, "\\$&")}"`,
        limit: 100,
        ...(token ? { nextToken: token } : {}),
      },
      signal,
    );
    found.push(...(answer.events ?? []));
    token = answer.nextToken ?? "";
    if (!token) break;
  }
  return { events: found, next: token };
}

const DOWNLOAD_LINES = 200000;

/** The stream's text from its beginning, and whether it was cut. */
export async function wholeText(stream: Stream): Promise<{ text: string; cut: boolean }> {
  const lines: string[] = [];
  const signal = new AbortController().signal;
  let more: object = { startFromHead: true };
  for (let token = ""; lines.length < DOWNLOAD_LINES; ) {
    const answer = await get(stream, { ...more, limit: 10000 }, signal);
    lines.push(...(answer.events ?? []).map((e) => e.message));
    const next = answer.nextForwardToken ?? "";
    if (!answer.events?.length || next === token) return { text: lines.join("\n") + "\n", cut: false };
    token = next;
    more = { nextToken: next, startFromHead: true };
  }
  return { text: lines.join("\n") + "\n", cut: true };
}
