// Data for a screen: read once, read again when something has changed, and from time to time.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Reading<T> {
  data: T | undefined;
  error: string;
  loading: boolean;
  again: () => void; // something has changed
  now: () => void; // something was done here: without the rest
}

export const SLOW_MS = 10000; // without the stream
export const CALM_MS = 60000; // with it
const REST_MS = 1000;
const REST_MAX_MS = 30000;

/** key: what is read; another one begins anew. every: how often, in ms; 0: only when asked to. rest:
 * at least so long from the end of a read to the next one, however often something changes; one that
 * takes long rests for twice its time. */
export function useRead<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  every: number,
  rest = REST_MS,
): Reading<T> {
  const [state, setState] = useState<{ key: string; data?: T; error: string; loading: boolean }>({
    key,
    error: "",
    loading: true,
  });
  const loader = useRef(load);
  loader.current = load;
  const running = useRef<AbortController | null>(null);
  const rests = useRef({ ms: rest, until: 0 });
  rests.current.ms = rest;
  const owed = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const missed = useRef(false); // something has changed since the read began,
  const urgent = useRef(false); // by what was done here

  const run = useCallback(async () => {
    if (running.current || document.hidden) return;
    const controller = new AbortController();
    const begun = Date.now();
    running.current = controller;
    missed.current = urgent.current = false;
    try {
      const data = (await loader.current(controller.signal)) as T;
      if (!controller.signal.aborted) setState({ key, data, error: "", loading: false });
    } catch (error) {
      if (!controller.signal.aborted)
        setState((s) => ({ ...s, error: (error as Error).message, loading: false }));
    }
    if (running.current !== controller) return;
    running.current = null;
    const took = Date.now() - begun;
    const { ms } = rests.current;
    const wait = urgent.current ? 0 : Math.max(ms, Math.min(2 * took, REST_MAX_MS));
    rests.current.until = Date.now() + wait;
    if (missed.current) latest.current();
  }, [key]);

  const again = useCallback(() => {
    missed.current = running.current !== null;
    if (missed.current || owed.current !== undefined || document.hidden) return;
    owed.current = setTimeout(
      () => {
        owed.current = undefined;
        void run();
      },
      Math.max(0, rests.current.until - Date.now()),
    );
  }, [run]);
  const latest = useRef(again);
  latest.current = again;

  const now = useCallback(() => {
    urgent.current = true;
    rests.current.until = 0;
    clearTimeout(owed.current);
    owed.current = undefined;
    again();
  }, [again]);

  useEffect(() => {
    setState((s) => (s.key === key ? s : { key, error: "", loading: true }));
    rests.current.until = 0;
    void run();
    const shown = () => document.hidden || again();
    document.addEventListener("visibilitychange", shown);
    return () => {
      document.removeEventListener("visibilitychange", shown);
      running.current?.abort();
      running.current = null;
      clearTimeout(owed.current);
      owed.current = undefined;
    };
  }, [key]);

  useEffect(() => {
    if (!every) return;
    const timer = setInterval(again, every);
    return () => clearInterval(timer);
  }, [key, every]);

  const fresh = state.key === key;
  return {
    data: fresh ? state.data : undefined,
    error: fresh ? state.error : "",
    loading: !fresh || state.loading,
    again,
    now,
  };
}

/** The time of now, that moves while the tab is seen. */
export function useNow(every = 1000): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
