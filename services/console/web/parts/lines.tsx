// Lines of output at a fixed height, of which only those in sight are in the page.

import { useEffect, useRef, useState } from "preact/hooks";
import { timeWithMs } from "../format";
import { isMarked, Mark } from "../log_stream";
import { pieces } from "../plain";
import { LogEvent } from "../types";

const HEIGHT = 20; // pixels; .line of the style sheet has the same
const AROUND = 20; // lines above and below what is seen
const SEEN_MAX = 150;

interface Props {
  events: LogEvent[];
  follow: boolean;
  times: boolean;
  mark: Mark;
  href: (event: LogEvent) => string;
  onTop: () => void;
  onAway: () => void; // somebody scrolls up
}

export function Lines({ events, follow, times, mark, href, onTop, onAway }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const last = useRef<LogEvent[]>([]); // what was shown before
  const pinned = useRef(0); // where we have scrolled to ourselves

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // Earlier lines come in above, or go: what is seen stays where it is.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const [was, is] = [last.current[0], events[0]];
    const more = was ? events.indexOf(was) : 0;
    const moved = more >= 0 || !is ? more : -Math.max(0, last.current.indexOf(is));
    if (moved !== 0) element.scrollTop += moved * HEIGHT;
    last.current = events;
    if (!follow) return;
    element.scrollTop = element.scrollHeight;
    pinned.current = element.scrollTop;
  }, [events, follow]);

  useEffect(() => {
    const exact = mark.at ? events.findIndex((e) => isMarked(e, mark)) : -1;
    const at = exact < 0 && mark.at ? events.findIndex((e) => e.timestamp >= mark.at) : exact;
    if (at >= 0 && box.current) box.current.scrollTop = Math.max(0, (at - 5) * HEIGHT);
  }, [mark.at, mark.line, events.length > 0]);

  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    setTop(element.scrollTop);
    if (element.scrollTop < HEIGHT && events.length > 0) onTop();
    if (follow && element.scrollTop < pinned.current - HEIGHT) onAway();
  };
  const from = Math.max(0, Math.floor(top / HEIGHT) - AROUND);
  const to = Math.min(events.length, from + Math.min(SEEN_MAX, Math.ceil(height / HEIGHT) + 2 * AROUND));
  return (
    <div ref={box} class="lines" onScroll={onScroll} tabIndex={0} role="log" aria-label="Output">
      <div style={{ height: `${events.length * HEIGHT}px`, position: "relative" }}>
        <div style={{ position: "absolute", top: `${from * HEIGHT}px`, left: "0", minWidth: "100%" }}>
          {events.slice(from, to).map((event, i) => (
            <div
              key={from + i}
              class={mark.at && isMarked(event, mark) ? "line marked" : "line"}
            >
              {times && (
                <a class="when" href={href(event)}>
                  {timeWithMs(event.timestamp)}
                </a>
              )}
              {pieces(event.message).map((piece) => (
                <span class={piece.style}>{piece.text}</span>
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
