// Changes of jobs a second, as the stream tells them: begun, ended, failed. Only what has happened
// since the page was opened; nothing is asked of the api.

import { useEffect, useRef, useState } from "preact/hooks";
import { useLive } from "../live";
import { Chart } from "../parts/chart";

const SECONDS = 300;
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

export function Activity({ queues }: { queues: string[] }) {
  const counts = useRef<Counts>(new Map());
  const [now, setNow] = useState(Math.floor(Date.now() / 1000));
  const live = useLive(queues, (told) => {
    const second = Math.floor(Date.now() / 1000);
    for (const queue of queues) {
      LINES.forEach((line, i) => {
        const n = told.queues?.[queue]?.[line.state];
        if (typeof n === "number") add(counts.current, second, i, n);
      });
    }
  });
  useEffect(() => {
    const timer = setInterval(
      () => document.hidden || setNow(Math.floor(Date.now() / 1000)),
      1000,
    );
    return () => clearInterval(timer);
  }, []);
  if (!live)
    return <p class="notice">Changes are not followed now; the page asks from time to time.</p>;
  // The second that is not over is left out.
  const seconds = Array.from({ length: SECONDS }, (_, i) => now - SECONDS + i);
  return (
    <Chart
      label="Jobs started, succeeded and failed a second, in the last five minutes"
      seconds={seconds}
      lines={LINES.map((line, i) => ({
        ...line,
        values: seconds.map((second) => counts.current.get(second)?.[i] ?? 0),
      }))}
    />
  );
}
