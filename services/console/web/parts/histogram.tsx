// How many children ran how long, as bars: succeeded ones below, failed ones on top of them.

import { count, fineDuration } from "../format";
import { ArrayTimes } from "../types";

export function Histogram({ times }: { times: ArrayTimes }) {
  const bars = times.bars;
  const first = bars[0];
  const last = bars[bars.length - 1];
  if (!first || !last) return null;
  const width = first.to - first.from;
  const most = Math.max(...bars.map((b) => b.succeeded + b.failed));
  const places = Math.round((last.to - first.from) / width);
  const byPlace = new Map(bars.map((b) => [Math.round((b.from - first.from) / width), b]));
  const facts =
    `shortest ${fineDuration(times.least ?? 0)}, median ${fineDuration(times.median ?? 0)}, ` +
    `longest ${fineDuration(times.most ?? 0)}`;
  const share = (n: number) => `${(100 * n) / most}%`;
  return (
    <figure>
      <div class="bars" role="img" aria-label={`Run times: ${facts}`}>
        {Array.from({ length: places }, (_, i) => {
          const bar = byPlace.get(i);
          if (!bar) return <span />;
          const { from, to, succeeded, failed } = bar;
          const said = `${fineDuration(from)} to ${fineDuration(to)}: ${count(succeeded)} succeeded, ${count(failed)} failed`;
          return (
            <span title={said}>
              <i class="bar-failed" style={{ height: share(failed) }} />
              <i class="bar-succeeded" style={{ height: share(succeeded) }} />
            </span>
          );
        })}
      </div>
      <figcaption>
        {facts}; at most {count(most)} in a bar of {fineDuration(width)}.{" "}
        <span class="state-succeeded">■ succeeded</span> <span class="state-failed">☒ failed</span>
      </figcaption>
    </figure>
  );
}
