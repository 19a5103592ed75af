// The children of an array as one canvas, however many: a cell a child. Its colour and its shape say
// how the child is; entries of the legend are buttons that dim the others. Arrows move over the
// cells, Enter or a click opens a child.

import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../format";
import { Field } from "./field";
import { useScheme } from "./scheme";

interface Kind {
  name: string;
  colour: string;
  shape: "frame" | "half" | "full" | "dot" | "cross";
}
const FAILED = { colour: "--failed", shape: "cross" } as const;

/** The letters of DescribeArray (docs/access.md). */
const KINDS: Record<string, Kind> = {
  S: { name: "SUBMITTED", colour: "--submitted", shape: "frame" },
  P: { name: "PENDING", colour: "--pending", shape: "frame" },
  W: { name: "RUNNABLE", colour: "--runnable", shape: "frame" },
  T: { name: "STARTING", colour: "--starting", shape: "half" },
  R: { name: "RUNNING", colour: "--running", shape: "full" },
  C: { name: "SUCCEEDED", colour: "--succeeded", shape: "dot" },
  F: { name: "FAILED", ...FAILED },
  K: { name: "FAILED by a signal", ...FAILED },
  O: { name: "FAILED, out of memory", ...FAILED },
  L: { name: "FAILED at its time limit", ...FAILED },
  H: { name: "FAILED, lost", ...FAILED },
  E: { name: "FAILED to start", ...FAILED },
  X: { name: "FAILED, stopped", ...FAILED },
  D: { name: "FAILED without an attempt", ...FAILED },
};
const UNKNOWN: Kind = { name: "?", colour: "--faint", shape: "frame" };
const SHAPES = { frame: "□", half: "◧", full: "■", dot: "▪", cross: "☒" };

function kindOf(letter: string | undefined): Kind {
  return KINDS[letter ?? ""] ?? UNKNOWN;
}

function cellSize(children: number): number {
  return children <= 400 ? 18 : children <= 2500 ? 12 : 8;
}

function tally(states: string): [string, number][] {
  const counts = new Map<string, number>();
  for (const letter of states) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  return Object.keys(KINDS).flatMap((l) => (counts.has(l) ? [[l, counts.get(l) ?? 0]] : []));
}

function cell(c: CanvasRenderingContext2D, shape: Kind["shape"], x: number, y: number, n: number) {
  if (shape === "frame") c.strokeRect(x + 0.5, y + 0.5, n - 1, n - 1);
  else if (shape === "half") {
    c.strokeRect(x + 0.5, y + 0.5, n - 1, n - 1);
    c.fillRect(x, y, n / 2, n);
  } else if (shape === "dot") c.fillRect(x + n / 4, y + n / 4, n / 2, n / 2);
  else c.fillRect(x, y, n, n);
}

function cross(c: CanvasRenderingContext2D, x: number, y: number, n: number) {
  c.beginPath();
  c.moveTo(x + 2, y + 2);
  c.lineTo(x + n - 2, y + n - 2);
  c.moveTo(x + n - 2, y + 2);
  c.lineTo(x + 2, y + n - 2);
  c.stroke();
}

interface Drawing {
  states: string;
  size: number;
  columns: number;
  dimmed: string;
  cursor: number;
}

function draw(canvas: HTMLCanvasElement, { states, size, columns, dimmed, cursor }: Drawing): void {
  const scale = devicePixelRatio || 1;
  const rows = Math.ceil(states.length / columns);
  canvas.width = columns * size * scale;
  canvas.height = rows * size * scale;
  canvas.style.width = `${columns * size}px`;
  canvas.style.height = `${rows * size}px`;
  const c = canvas.getContext("2d");
  if (!c) return;
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const ground = colour("--ground");
  const colours = new Map(Object.values(KINDS).map((kind) => [kind.colour, colour(kind.colour)]));
  c.scale(scale, scale);
  for (let i = 0; i < states.length; i++) {
    const letter = states[i] ?? "";
    const kind = kindOf(letter);
    const x = (i % columns) * size;
    const y = Math.floor(i / columns) * size;
    c.globalAlpha = dimmed.includes(letter) ? 0.15 : 1;
    c.fillStyle = c.strokeStyle = colours.get(kind.colour) ?? "gray";
    cell(c, kind.shape, x, y, size - 2);
    if (kind.shape === "cross") {
      c.strokeStyle = ground;
      cross(c, x, y, size - 2);
    }
  }
  c.globalAlpha = 1;
  c.strokeStyle = colour("--text");
  c.lineWidth = 2;
  if (cursor >= 0)
    c.strokeRect((cursor % columns) * size - 1, Math.floor(cursor / columns) * size - 1, size, size);
}

function moved(key: string, at: number, columns: number, last: number): number | undefined {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    Home: -Infinity,
    End: Infinity,
  };
  const step = steps[key];
  return step === undefined ? undefined : Math.min(Math.max(at < 0 ? 0 : at + step, 0), last);
}

function useWidth(): [preact.RefObject<HTMLDivElement>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}

export function Picture({ states, open }: { states: string; open: (index: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [box, width] = useWidth();
  const dark = useScheme();
  const [dimmed, setDimmed] = useState("");
  const [cursor, setCursor] = useState(-1);
  const size = cellSize(states.length);
  const columns = Math.max(1, Math.min(states.length, Math.floor(width / size)));
  const kinds = tally(states);
  useEffect(() => {
    if (canvas.current) draw(canvas.current, { states, size, columns, dimmed, cursor });
  }, [states, size, columns, dimmed, cursor, dark]);

  const indexAt = (event: MouseEvent) => {
    const index = Math.floor(event.offsetY / size) * columns + Math.floor(event.offsetX / size);
    return event.offsetX < columns * size && index < states.length ? index : -1;
  };
  const key = (event: KeyboardEvent) => {
    const next = moved(event.key, cursor, columns, states.length - 1);
    if (next === undefined && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    if (next !== undefined) setCursor(next);
    else if (cursor >= 0) open(cursor);
  };
  const said = kinds.map(([letter, n]) => `${count(n)} ${kindOf(letter).name}`).join(", ");
  return (
    <figure>
      <div ref={box}>
        <canvas
          ref={canvas}
          class="picture"
          tabIndex={0}
          role="img"
          aria-label={`The children: ${said}`}
          onKeyDown={key}
          onMouseMove={(e) => setCursor(indexAt(e))}
          onClick={(e) => indexAt(e) >= 0 && open(indexAt(e))}
        />
      </div>
      <figcaption>
        <p class="legend">
          {kinds.map(([letter, n]) => (
            <button
              type="button"
              class="quiet"
              aria-pressed={!dimmed.includes(letter)}
              onClick={() =>
                setDimmed(dimmed.includes(letter) ? dimmed.replace(letter, "") : dimmed + letter)
              }
            >
              <span aria-hidden="true" style={{ color: `var(${kindOf(letter).colour})` }}>
                {SHAPES[kindOf(letter).shape]}
              </span>{" "}
              {kindOf(letter).name}: {count(n)}
            </button>
          ))}
        </p>
        <div class="links">
          <Field
            label="Go to index"
            type="number"
            value=""
            commit={(text) => {
              const index = Number(text);
              if (text && Number.isInteger(index) && index >= 0 && index < states.length) open(index);
            }}
          />
          <span aria-live="polite">
            {cursor >= 0 && cursor < states.length
              ? `Child ${cursor}: ${kindOf(states[cursor]).name}`
              : "Arrows or the pointer choose a child, Enter or a click opens it."}
          </span>
        </div>
      </figcaption>
    </figure>
  );
}
