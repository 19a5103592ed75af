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

export function Nothing({ loading, text }: { loading: boolean; text: string }) {
  return <p class="notice">{loading ? "Loading …" : text}</p>;
}
