// The address says all that a screen shows: its path, and its filters in the query. Going back
// brings back what was there.

import { useEffect, useState } from "preact/hooks";

const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

addEventListener("popstate", tell);

export function go(href: string, replace = false): void {
  if (href === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  if (!replace) scrollTo(0, 0);
  tell();
}

/** Links within the console do not load the page again. */
addEventListener("click", (event) => {
  const link = (event.target as Element | null)?.closest?.("a");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hash || link.hasAttribute("download")) return;
  if (link.origin !== location.origin) return;
  event.preventDefault();
  go(link.pathname + link.search);
});

export interface Place {
  path: string;
  query: URLSearchParams;
}

export function usePlace(): Place {
  const [, redraw] = useState({});
  useEffect(() => {
    const listener = () => redraw({});
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

/** This place with other parameters; null or "" takes one away. */
export function withQuery(changes: Record<string, string | null>): string {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  return location.pathname + (text ? `?${text}` : "");
}

export function href(path: string, query: Record<string, string | undefined> = {}): string {
  const filled = Object.entries(query).filter(([, value]) => value) as [string, string][];
  const text = new URLSearchParams(filled).toString();
  return path + (text ? `?${text}` : "");
}

export function jobHref(id: string): string {
  return `/job/${encodeURIComponent(id)}`;
}

export function environmentHref(name: string): string {
  return href("/environments", { name });
}

export function instanceHref(environment: string, id: string): string {
  return href("/instance", { environment, id });
}

export function queueHref(name: string): string {
  return `/queue/${encodeURIComponent(name)}`;
}
