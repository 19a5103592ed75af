// Data for a screen: read once, read again when something has changed, and from time to time.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Reading<T> {
  data: T | undefined;
  error: string;
  loading: boolean;
  again: () => void;
}

export const SLOW_MS = 10000; // without the stream
export const CALM_MS = 60000; // with it
const AGAIN_MS = 1000; // however often something changes

/** key: what is read; another one begins anew. every: how often, in ms; 0: only when asked to. */
export function useRead<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  every: number,
): Reading<T> {
  const [state, setState] = useState<{ key: string; data?: T; error: string; loading: boolean }>({
    key,
    error: "",
    loading: true,
  });
  const loader = useRef(load);
  loader.current = load;
  const running = useRef<AbortController | null>(null);
  const last = useRef(0);
  const owed = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const run = useCallback(async () => {
    if (running.current) return;
    const controller = new AbortController();
    running.current = controller;
    last.current = Date.now();
    try {
      const data = (await loader.current(controller.signal)) as T;
      if (!controller.signal.aborted) setState({ key, data, error: "", loading: false });
    } catch (error) {
      if (!controller.signal.aborted)
        setState((s) => ({ ...s, error: (error as Error).message, loading: false }));
    }
    if (running.current === controller) running.current = null;
  }, [key]);

  const again = useCallback(() => {
    if (owed.current !== undefined || document.hidden) return;
    const wait = Math.max(0, last.current + AGAIN_MS - Date.now());
    owed.current = setTimeout(() => {
      owed.current = undefined;
      void run();
    }, wait);
  }, [run]);

  useEffect(() => {
    setState((s) => (s.key === key ? s : { key, error: "", loading: true }));
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
    const timer = setInterval(() => document.hidden || void run(), every);
    return () => clearInterval(timer);
  }, [key, every]);

  const fresh = state.key === key;
  return {
    data: fresh ? state.data : undefined,
    error: fresh ? state.error : "",
    loading: !fresh || state.loading,
    again,
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
