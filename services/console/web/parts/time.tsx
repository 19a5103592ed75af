import { ago, time } from "../format";

/** A time as its distance from now; the time itself when the pointer rests on it. */
export function Ago({ at, now }: { at: number | undefined; now: number }) {
  if (!at) return null;
  return (
    <time dateTime={new Date(at).toISOString()} title={time(at)}>
      {ago(at, now)}
    </time>
  );
}

export function At({ at }: { at: number | undefined }) {
  if (!at) return null;
  return <time dateTime={new Date(at).toISOString()}>{time(at)}</time>;
}
