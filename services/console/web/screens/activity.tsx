// Changes of jobs a second, as the stream tells them: begun, ended, failed. Only what has happened
// since the page was opened; nothing is asked of the api. Seconds of which not all was heard are left
// empty.

import { useEffect, useRef, useState } from "preact/hooks";
import { Told, useLive } from "../live";
import { Chart } from "../parts/chart";

const SECONDS = 300;
const SILENT_MS = 5000; // then it is said that nothing is heard
const LINES = [
  { name: "started a second", state: "RUNNING", colour: "--running" },
  { name: "succeeded a second", state: "SUCCEEDED", colour: "--succeeded", dash: [6, 3] },
  { name: "failed a second", state: "FAILED", colour: "--failed", dash: [2, 2] },
];

type Counts = Map<number, number[]>; // by second

function add(counts: Counts, second: number, line: number, n: number): void {
  const row = counts.get(second) ?? LINES.map(() => 0);
  row[line] = (row[line] ?? 0) + n;
  counts.set(second, row);
  for (const old of counts.keys()) if (old < second - SECONDS) counts.delete(old);
}

interface Span {
  from: number;
  to: number;
}

/** The times at which all was heard. */
class Heard {
  private spans: Span[] = [];
  private told = 0;

  get goesOn(): boolean {
    return this.spans[this.spans.length - 1]?.to === Infinity;
  }

  begin(now: number): void {
    this.end(now);
    this.spans.push({ from: now, to: Infinity });
  }

  end(now: number): void {
    const last = this.spans[this.spans.length - 1];
    if (last?.to === Infinity) last.to = now;
    this.spans = this.spans.filter((span) => span.to > now - (SECONDS + 2) * 1000);
  }

  note(told: Told, now: number): void {
    if (told.missed) this.end(this.told); // since the message before
    if (told.live || told.missed) this.begin(now);
    else if (told.live === false) this.end(now);
    this.told = now;
  }

  covers(second: number): boolean {
    return this.spans.some((s) => s.from <= second * 1000 && (second + 1) * 1000 <= s.to);
  }
}

export function Activity({ queues }: { queues: string[] }) {
  const counts = useRef<Counts>(new Map());
  const [heard] = useState(() => new Heard());
  const [nowMs, setNow] = useState(Date.now());
  const lastLive = useRef(nowMs);
  const live = useLive(queues, (told) => {
    heard.note(told, Date.now());
    const second = Math.floor(Date.now() / 1000);
    for (const queue of queues) {
      LINES.forEach((line, i) => {
        const n = told.queues?.[queue]?.[line.state];
        if (typeof n === "number") add(counts.current, second, i, n);
      });
    }
  });
  useEffect(() => {
    if (live && !heard.goesOn) heard.begin(Date.now()); // it stood before this screen
  }, [live]);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  if (live) lastLive.current = nowMs;
  // The second that is not over is left out.
  const now = Math.floor(nowMs / 1000);
  const seconds = Array.from({ length: SECONDS }, (_, i) => now - SECONDS + i);
  const whole = seconds.map((second) => heard.covers(second));
  return (
    <>
      <Chart
        label="Jobs started, succeeded and failed a second, in the last five minutes"
        seconds={seconds}
        lines={LINES.map((line, i) => ({
          ...line,
          values: seconds.map((second, at) =>
            whole[at] ? (counts.current.get(second)?.[i] ?? 0) : null,
          ),
        }))}
      />
      {nowMs - lastLive.current > SILENT_MS && (
        <p class="notice">Changes are not followed now; the page asks from time to time.</p>
      )}
    </>
  );
}
