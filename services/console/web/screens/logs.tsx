// The output of an attempt: the last lines first, followed while they come, searched on the server.

import { useEffect, useRef, useState } from "preact/hooks";
import { command } from "../cli";
import { count, timeWithMs } from "../format";
import { earlier, firstPart, hashOf, later, Mark, Part, search, Stream, wholeText } from "../log_stream";
import { Copy } from "../parts/copy";
import { Field } from "../parts/field";
import { Lines } from "../parts/lines";
import { Failure, Nothing } from "../parts/notice";
import { Rows } from "../parts/rows";
import { cut } from "../plain";
import { useRead } from "../read";
import { go, jobHref, usePlace, withQuery } from "../router";
import { LogEvent } from "../types";

const FOLLOW_MS = 1000;
const END: Mark = { at: 0, line: "" };

interface Log {
  part: Part | null;
  error: string;
  older: () => void;
  newer: () => void;
  latest: () => void; // the end, wherever the part ends
}

/** What of the stream is in the page; one request at a time. */
function useLog(stream: Stream, mark: Mark): Log {
  const [part, setPart] = useState<Part | null>(null);
  const [error, setError] = useState("");
  const latest = useRef<Part | null>(null);
  const busy = useRef(false);
  const gone = useRef(new AbortController());

  const run = async (step: (signal: AbortSignal) => Promise<Part>) => {
    const { signal } = gone.current;
    if (busy.current) return;
    busy.current = true;
    try {
      const next = await step(signal);
      if (signal.aborted) return;
      latest.current = next;
      setPart(next);
      setError("");
    } catch (failure) {
      if (!signal.aborted) setError((failure as Error).message);
    } finally {
      if (!signal.aborted) busy.current = false;
    }
  };
  useEffect(() => {
    gone.current = new AbortController();
    busy.current = false;
    latest.current = null;
    setPart(null);
    void run((signal) => firstPart(stream, mark, signal));
    return () => gone.current.abort();
  }, [stream.group, stream.name, mark.at, mark.line]);

  return {
    part,
    error,
    older: () => {
      const before = latest.current;
      if (before && !before.atStart) void run((signal) => earlier(stream, before, signal));
    },
    newer: () => {
      const before = latest.current;
      void run((signal) => (before ? later(stream, before, signal) : firstPart(stream, mark, signal)));
    },
    latest: () => {
      const before = latest.current;
      void run((signal) =>
        before && !before.cutAtEnd ? later(stream, before, signal) : firstPart(stream, END, signal),
      );
    },
  };
}

function markHref(event: LogEvent): string {
  return withQuery({ at: String(event.timestamp), line: hashOf(event.message), search: null });
}

/** A hundred lines or so; then the next ones, when they are wanted. */
function Found({ stream, text }: { stream: Stream; text: string }) {
  const [from, setFrom] = useState("");
  const key = `search ${stream.group} ${stream.name} ${text} ${from}`;
  const { data, error, loading, now } = useRead(key, (signal) => search(stream, text, from, signal), 0);
  const goOn = () => (data?.next ? setFrom(data.next) : now());
  return (
    <section aria-label="Lines found">
      <Failure text={error} />
      {data?.events.length ? (
        <Rows
          main
          label="Lines found"
          rows={data.events.map((event, i) => ({ ...event, i }))}
          id={(e) => String(e.i)}
          href={markHref}
          columns={[
            {
              title: "Time",
              narrow: true,
              cell: (e) => <a href={markHref(e)}>{timeWithMs(e.timestamp)}</a>,
            },
            { title: "Line", cell: (e) => <code>{cut(e.message, 500)}</code> },
          ]}
        />
      ) : (
        <Nothing loading={loading} text={data?.next ? "None so far." : from ? "There are no more." : "No line has this text."} failed={error} />
      )}
      {(data?.next || error) && (
        <button type="button" onClick={goOn}>
          {error ? "Try again" : "Search on"}
        </button>
      )}
    </section>
  );
}

async function download(stream: Stream): Promise<string> {
  const { text, lines, cut: isCut } = await wholeText(stream);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = `${stream.name.replace(/[^A-Za-z0-9._-]/g, "_")}.log`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  return isCut ? `The file has the first ${count(lines)} lines; the AWS CLI reads all of them.` : "";
}

export function Logs() {
  const { query } = usePlace();
  const stream = { group: query.get("group") ?? "", name: query.get("stream") ?? "" };
  const at = Number(query.get("at")) || 0;
  const mark = { at, line: query.get("line") ?? "" };
  const text = query.get("search") ?? "";
  const [follow, setFollow] = useState(at === 0);
  const [times, setTimes] = useState(true);
  const [wrap, setWrap] = useState(false);
  const [said, setSaid] = useState("");
  const log = useLog(stream, mark);
  const { part } = log;
  const latest = useRef(log.latest);
  latest.current = log.latest;

  useEffect(() => setFollow(at === 0), [at]);
  useEffect(() => {
    if (!follow) return;
    const timer = setInterval(() => document.hidden || latest.current(), FOLLOW_MS);
    return () => clearInterval(timer);
  }, [follow, stream.group, stream.name]);

  const job = query.get("job");
  return (
    <div class="log-screen">
      <h1>Output</h1>
      <p class="links">
        <code>{cut(stream.name, 200)}</code>
        {job && <a href={jobHref(job)}>the job</a>}
        <Copy
          label="copy as aws cli"
          text={command("logs", "get-log-events", {
            "log-group-name": stream.group,
            "log-stream-name": stream.name,
          })}
        />
        <button type="button" class="quiet" onClick={() => void download(stream).then(setSaid, (f: Error) => setSaid(f.message))}>
          download
        </button>
      </p>
      <form class="filters" role="search" onSubmit={(e) => e.preventDefault()}>
        <Field
          label="Search"
          search
          value={text}
          commit={(value) => go(withQuery({ search: value || null }))}
        />
        <Field
          label="Go to"
          type="datetime-local"
          value=""
          commit={(value) => go(withQuery({ at: String(Date.parse(value) || 0), line: null }))}
        />
        <label class="check">
          <input type="checkbox" checked={follow} onChange={() => setFollow(!follow)} /> follow
        </label>
        <label class="check">
          <input type="checkbox" checked={times} onChange={() => setTimes(!times)} /> times
        </label>
        <label class="check">
          <input type="checkbox" checked={wrap} onChange={() => setWrap(!wrap)} /> wrap the marked line
        </label>
      </form>
      <Failure text={log.error || said} />
      {text ? (
        <Found key={`${stream.group} ${stream.name} ${text}`} stream={stream} text={text} />
      ) : (
        <>
          <p class="faint">
            {part?.atStart
              ? "From the first line on."
              : part
                ? "There are earlier lines: scroll up."
                : "Loading …"}
            {part?.cutAtEnd && (
              <button type="button" class="quiet" onClick={log.newer}>
                later lines
              </button>
            )}
            {at > 0 && <a href={withQuery({ at: null, line: null })}>to the end</a>}
          </p>
          {part && (
            <div class={wrap ? "wrap-marked" : ""}>
              <Lines
                events={part.events}
                follow={follow}
                times={times}
                mark={mark}
                href={markHref}
                onTop={log.older}
                onAway={() => setFollow(false)}
              />
            </div>
          )}
          {part && part.events.length === 0 && <Nothing loading={false} text="There is no output yet." />}
        </>
      )}
    </div>
  );
}
