// The keyboard: / goes to the search, j and k move through rows, Enter opens, g with a letter goes
// to a screen, ? lists them.

import { useEffect, useRef } from "preact/hooks";
import { go } from "./router";

type Handler = (event: KeyboardEvent) => boolean;
const handlers: Handler[] = [];

export const SCREENS: [string, string, string][] = [
  ["o", "/", "Overview"],
  ["j", "/jobs", "Jobs"],
  ["q", "/queues", "Queues"],
  ["e", "/environments", "Environments"],
  ["d", "/definitions", "Definitions"],
  ["v", "/events", "Events"],
  ["a", "/access", "Access"],
  ["s", "/system", "System"],
];

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable]");
}

let leader = 0; // when g was pressed

function ours(event: KeyboardEvent): boolean {
  if (event.key === "/") {
    const search = document.querySelector<HTMLElement>("[data-search]");
    search?.focus();
    return search !== null;
  }
  if (Date.now() - leader < 1000) {
    leader = 0;
    const screen = SCREENS.find(([key]) => key === event.key);
    if (screen) go(screen[1]);
    return screen !== undefined;
  }
  if (event.key === "g") leader = Date.now();
  return event.key === "g";
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") (event.target as HTMLElement).blur();
    return;
  }
  if (ours(event)) return event.preventDefault();
  for (const handler of [...handlers].reverse())
    if (handler(event)) return event.preventDefault();
});

/** Keys of a part of the page; the handler returns whether it took the key. */
export function useKeys(handler: Handler): void {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
    const mine: Handler = (event) => latest.current(event);
    handlers.push(mine);
    return () => void handlers.splice(handlers.indexOf(mine), 1);
  }, []);
}
