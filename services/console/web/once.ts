// An id for all tries of one submission: a second click, or a try after a lost answer, makes no second
// job. Another request gets another id.

import { useRef } from "preact/hooks";

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

export function useOnce(): (request: object) => string {
  const last = useRef({ text: "", id: "" });
  return (request) => {
    const text = JSON.stringify(request);
    if (last.current.text !== text) last.current = { text, id: newId() };
    return last.current.id;
  };
}
