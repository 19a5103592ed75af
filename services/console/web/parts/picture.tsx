// The children of an array as one canvas, however many: a cell a child. Its colour and its shape say
// how the child is; entries of the legend are buttons that dim the others. Arrows move over the
// cells, Enter or a click opens a child.

import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../format";
import { Field } from "./field";
import { Colours, coloursAt, draw, KINDS, kindOf, SHAPES } from "./picture_cells";
import { useScheme } from "./scheme";

function cellSize(children: number): number {
  return children <= 400 ? 18 : children <= 2500 ? 12 : 8;
}

function tally(states: string): [string, number][] {
  const counts = new Map<string, number>();
  for (const letter of states) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  return Object.keys(KINDS).flatMap((l) => (counts.has(l) ? [[l, counts.get(l) ?? 0]] : []));
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
  const colours = useRef<Colours>();
  const [dimmed, setDimmed] = useState("");
  const [cursor, setCursor] = useState(-1);
  const size = cellSize(states.length);
  const columns = Math.max(1, Math.min(states.length, Math.floor(width / size)));
  const kinds = tally(states);
  useEffect(() => {
    if (canvas.current) colours.current = coloursAt(canvas.current);
  }, [dark]);
  useEffect(() => {
    if (!canvas.current || !colours.current) return;
    draw(canvas.current, { states, size, columns, dimmed, cursor }, colours.current);
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
