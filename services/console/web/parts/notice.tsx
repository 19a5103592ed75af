// What is wrong, or what there is not; read aloud when it appears.

import { plain } from "../plain";

export function Failure({ text }: { text: string }) {
  if (!text) return null;
  return (
    <p class="notice failure" role="alert">
      {plain(text)}
    </p>
  );
}

/** failed: what went wrong; then nobody knows whether there is nothing. */
export function Nothing({ loading, text, failed }: { loading: boolean; text: string; failed?: string }) {
  if (failed) return null;
  return <p class="notice">{loading ? "Loading …" : text}</p>;
}
