// One event stream for the tab: what changes in the queues that its screens show. While the tab is
// hidden there is none; without the stream screens ask by themselves, slowly.

import { useEffect, useRef, useState } from "preact/hooks";
import { onSession, pass, session } from "./session";

/** [number, time, queue (ARN), job, state or BLOCKED, reason] */
export type ToldEvent = [number, number, string, string, string, string];

export interface Told {
  queues?: Record<string, Record<string, number | boolean>>;
  jobs?: [string, string][];
  more?: boolean;
  missed?: boolean;
  live?: boolean;
  /** Only when somebody asked for events; those that did not fit are counted. */
  events?: ToldEvent[];
  cut?: number;
}
type Listener = (told: Told) => void;

interface Watch {
  queues: string[];
  events: string; // the kind that is wanted whole, or ALL; "": none
  listener: Listener;
}
const watches = new Set<Watch>();
const RETRY_MS = 10000;
const QUEUES_MAX = 32;
const SILENCE_MS = 60000; // the console gives a sign of life four times as often

let stream: EventSource | null = null;
let stands = false; // changes are heard of
let heard = 0; // when something came last
let followed = "";
let retry: ReturnType<typeof setTimeout> | undefined;
let settle: ReturnType<typeof setTimeout> | undefined;

function wanted(): string[] {
  const all = new Set<string>();
  if (document.hidden || !session()) return [];
  for (const watch of watches) for (const queue of watch.queues) all.add(queue);
  return [...all].sort().slice(0, QUEUES_MAX);
}

function wantedEvents(): string[] {
  const kinds = new Set([...watches].map((watch) => watch.events));
  kinds.delete("");
  return [...kinds].sort();
}

function tell(told: Told): void {
  stands = told.live ?? stands;
  for (const watch of watches) watch.listener(told);
}

function close(): void {
  stream?.close();
  if (stream) tell({ live: false });
  stream = null;
  followed = "";
  clearTimeout(retry);
}

function open(queues: string[], events: string[]): void {
  const query = new URLSearchParams([
    ["pass", pass()],
    ...queues.map((q) => ["queue", q]),
    ...events.map((e) => ["event", e]),
  ]);
  const mine = new EventSource(`/live?${query}`);
  stream = mine;
  heard = Date.now();
  mine.onmessage = (event) => {
    heard = Date.now();
    tell(JSON.parse(event.data) as Told);
  };
  mine.onerror = () => {
    tell({ live: false });
    if (mine.readyState === EventSource.CLOSED) {
      close();
      retry = setTimeout(arrange, RETRY_MS);
    }
  };
}

function arrange(): void {
  const queues = wanted();
  const events = wantedEvents();
  const key = [...queues, ...events].join(" ");
  if (key === followed) return;
  close();
  if (queues.length === 0) return;
  followed = key;
  open(queues, events);
}

/** Screens come and go together: one stream for the next ones. */
function arrangeSoon(): void {
  clearTimeout(settle);
  settle = setTimeout(arrange, 50);
}

/** After a sleep of the computer a connection can look as if it stood. */
setInterval(() => {
  if (!stream || Date.now() - heard < SILENCE_MS) return;
  close();
  arrange();
}, SILENCE_MS / 4);

document.addEventListener("visibilitychange", arrange);
onSession(() => {
  close();
  arrangeSoon();
});
addEventListener("pagehide", close);

/** Calls 'listener' with what happens in these queues (ARNs). events: a state or BLOCKED, of which it
 * hears whole events; ALL: of all. Returns whether the stream stands. */
export function useLive(queues: string[], listener: Listener, events = ""): boolean {
  const [live, setLive] = useState(stands);
  const latest = useRef(listener);
  latest.current = listener;
  const key = [...queues, events].join(" ");
  useEffect(() => {
    const watch = {
      queues,
      events,
      listener: (told: Told) => {
        if (told.live !== undefined) setLive(told.live);
        latest.current(told);
      },
    };
    watches.add(watch);
    setLive(stands); // this may be the stream of the screen before
    arrangeSoon();
    return () => {
      watches.delete(watch);
      arrangeSoon();
    };
  }, [key]);
  return live;
}

/** The number of changes told for a queue, by state. */
export function changesOf(told: Told, queue: string): number {
  let sum = 0;
  for (const n of Object.values(told.queues?.[queue] ?? {})) sum += typeof n === "number" ? n : 1;
  return sum;
}
