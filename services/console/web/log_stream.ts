// A part of a stream of output: its last lines first, earlier and later ones when they are wanted.

import { readOnce } from "./api";
import { LogEvent } from "./types";

export const FIRST = 1000;
const MORE = 1000;
export const KEPT_MAX = 20000; // lines; then the pages at the other end go
const KEPT_CHARACTERS = 16 * 1024 * 1024;

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
/** Lines that follow one another, with the tokens of what is before and behind them. */
interface Page {
  events: LogEvent[];
  characters: number;
  back: string;
  forward: string;
}
/** Pages that follow one another: the part begins where the first one does and ends with the last. */
export interface Part {
  pages: Page[];
  events: LogEvent[]; // of all of them
  atStart: boolean;
  cutAtEnd: boolean; // there may be later lines: they are read when wanted
}
interface Answer {
  events?: LogEvent[];
  nextForwardToken?: string;
  nextBackwardToken?: string;
}

function get(stream: Stream, more: object, signal: AbortSignal): Promise<Answer> {
  return readOnce<Answer>(
    "GetLogEvents",
    { logGroupName: stream.group, logStreamName: stream.name, ...more },
    signal,
  );
}

function pageOf(answer: Answer): Page {
  const events = answer.events ?? [];
  return {
    events,
    characters: events.reduce((sum, event) => sum + event.message.length, 0),
    back: answer.nextBackwardToken ?? "",
    forward: answer.nextForwardToken ?? "",
  };
}

function partOf(pages: Page[], atStart: boolean, cutAtEnd: boolean): Part {
  return { pages, events: pages.flatMap((page) => page.events), atStart, cutAtEnd };
}

/** The first so many pages that may be kept; one at least. */
function within(pages: Page[]): Page[] {
  let lines = 0;
  let characters = 0;
  const over = pages.findIndex((page) => {
    lines += page.events.length;
    characters += page.characters;
    return lines > KEPT_MAX || characters > KEPT_CHARACTERS;
  });
  return over < 0 ? pages : pages.slice(0, Math.max(over, 1));
}

/** With a page more at the end. What comes little by little, as one follows, gathers in one page. */
function appended(pages: Page[], page: Page): Page[] {
  const last = pages[pages.length - 1];
  if (!last || last.events.length + page.events.length > MORE) return [...pages, page];
  const both = {
    events: [...last.events, ...page.events],
    characters: last.characters + page.characters,
    back: last.back,
    forward: page.forward,
  };
  return [...pages.slice(0, -1), both];
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

/** Around the marked line; without one, or if it is behind the last one, the end. */
export async function firstPart(stream: Stream, mark: Mark, signal: AbortSignal): Promise<Part> {
  const from = { startTime: mark.at, startFromHead: true, limit: FIRST };
  const marked = mark.at ? pageOf(await get(stream, from, signal)) : undefined;
  if (marked?.events.length) {
    const found = await upTo(mark, stream, partOf([marked], false, true), signal);
    return earlier(stream, await later(stream, found, signal), signal);
  }
  const last = pageOf(await get(stream, { startFromHead: false, limit: FIRST }, signal));
  const part = partOf([last], false, false);
  return last.events.length < FIRST ? earlier(stream, part, signal) : part;
}

/** An answer may have fewer lines than were asked for, because its size is limited too: only an empty
 * one says that there are no more. */
export async function earlier(stream: Stream, part: Part, signal: AbortSignal): Promise<Part> {
  const nextToken = part.pages[0]?.back;
  const page = pageOf(await get(stream, { nextToken, limit: MORE }, signal));
  if (page.events.length === 0) return { ...part, atStart: true };
  const whole = [page, ...part.pages];
  const pages = within(whole);
  return partOf(pages, false, part.cutAtEnd || pages.length < whole.length);
}

/** The same object, if nothing has come. */
export async function later(stream: Stream, part: Part, signal: AbortSignal): Promise<Part> {
  const nextToken = part.pages[part.pages.length - 1]?.forward;
  const page = pageOf(await get(stream, { nextToken, limit: MORE, startFromHead: true }, signal));
  if (page.events.length === 0) return part.cutAtEnd ? { ...part, cutAtEnd: false } : part;
  const whole = appended(part.pages, page);
  const pages = within([...whole].reverse()).reverse();
  const atStart = part.atStart && pages.length === whole.length;
  return partOf(pages, atStart, part.cutAtEnd || page.events.length === MORE);
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
    const answer = await readOnce<{ events?: LogEvent[]; nextToken?: string }>(
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
const DOWNLOAD_CHARACTERS = 128 * 1024 * 1024;

/** The stream's text from its beginning, how many lines it has, and whether it was cut. */
export async function wholeText(stream: Stream): Promise<{ text: string; lines: number; cut: boolean }> {
  const lines: string[] = [];
  const signal = new AbortController().signal;
  let more: object = { startFromHead: true };
  let cut = true;
  let characters = 0;
  for (let token = ""; lines.length < DOWNLOAD_LINES && characters < DOWNLOAD_CHARACTERS; ) {
    const page = pageOf(await get(stream, { ...more, limit: 10000 }, signal));
    for (const event of page.events) lines.push(event.message);
    characters += page.characters;
    cut = page.events.length > 0 && page.forward !== token;
    if (!cut) break;
    token = page.forward;
    more = { nextToken: token, startFromHead: true };
  }
  return { text: lines.join("\n") + "\n", lines: lines.length, cut };
}
