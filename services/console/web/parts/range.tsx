// How far back a chart goes; the choice is in the address.

import { usePlace, withQuery } from "../router";

const RANGES: [string, string, number][] = [
  ["1h", "an hour", 3600],
  ["6h", "6 hours", 6 * 3600],
  ["1d", "a day", 86400],
  ["7d", "7 days", 7 * 86400],
];

/** In seconds. */
export function useRange(): number {
  const chosen = usePlace().query.get("range");
  return (RANGES.find(([name]) => name === chosen) ?? RANGES[0])?.[2] ?? 3600;
}

export function RangeLinks() {
  const chosen = usePlace().query.get("range") ?? "1h";
  return (
    <p class="links">
      {RANGES.map(([name, title]) => (
        <a href={withQuery({ range: name })} aria-current={name === chosen ? "true" : undefined}>
          {title}
        </a>
      ))}
    </p>
  );
}
