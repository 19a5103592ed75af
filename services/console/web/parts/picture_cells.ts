// The cells of an array's picture, drawn on a canvas: their colours and shapes. Cells of one kind that
// are next to each other are one rectangle, filled with the pattern of their kind, so that drawing
// takes about as long as there are such groups, not cells.

export interface Kind {
  name: string;
  colour: string;
  shape: "frame" | "half" | "full" | "dot" | "cross";
}
const FAILED = { colour: "--failed", shape: "cross" } as const;

/** The letters of DescribeArray (docs/access.md). */
export const KINDS: Record<string, Kind> = {
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
export const SHAPES = { frame: "□", half: "◧", full: "■", dot: "▪", cross: "☒" };

export function kindOf(letter: string | undefined): Kind {
  return KINDS[letter ?? ""] ?? UNKNOWN;
}

interface Drawing {
  states: string;
  size: number; // of a cell, in px
  columns: number;
  dimmed: string; // the letters of the kinds that are dimmed
  cursor: number;
}

/** Of the style sheet, by the names of its properties. */
export type Colours = Map<string, string>;

export function coloursAt(element: Element): Colours {
  const style = getComputedStyle(element);
  const names = ["--ground", "--text", UNKNOWN.colour, ...Object.values(KINDS).map((kind) => kind.colour)];
  return new Map(names.map((name) => [name, style.getPropertyValue(name).trim() || "gray"]));
}

function shape(c: CanvasRenderingContext2D, kind: Kind, n: number, ground: string): void {
  if (kind.shape === "frame" || kind.shape === "half") c.strokeRect(0.5, 0.5, n - 1, n - 1);
  if (kind.shape === "half") c.fillRect(0, 0, n / 2, n);
  if (kind.shape === "dot") c.fillRect(n / 4, n / 4, n / 2, n / 2);
  if (kind.shape === "full" || kind.shape === "cross") c.fillRect(0, 0, n, n);
  if (kind.shape !== "cross") return;
  c.strokeStyle = ground;
  c.beginPath();
  c.moveTo(2, 2);
  c.lineTo(n - 2, n - 2);
  c.moveTo(n - 2, 2);
  c.lineTo(2, n - 2);
  c.stroke();
}

const TILES_MAX = 100;
const tiles = new Map<string, HTMLCanvasElement>();

/** A cell with the space behind it. pixels: its size on the screen. */
function tileOf(kind: Kind, size: number, pixels: number, colours: Colours): HTMLCanvasElement {
  const colour = colours.get(kind.colour) ?? "gray";
  const ground = colours.get("--ground") ?? "white";
  const key = [kind.shape, colour, ground, size, pixels].join(" ");
  const before = tiles.get(key);
  if (before) return before;
  const tile = document.createElement("canvas");
  tile.width = tile.height = pixels;
  const c = tile.getContext("2d");
  if (c) {
    c.scale(pixels / size, pixels / size);
    c.fillStyle = c.strokeStyle = colour;
    shape(c, kind, size - 2, ground);
  }
  if (tiles.size >= TILES_MAX) tiles.clear();
  tiles.set(key, tile);
  return tile;
}

/** By letter: what its cells cover. A group ends with its row. */
function areas(states: string, columns: number, pixels: number): Map<string, Path2D> {
  const found = new Map<string, Path2D>();
  for (let begin = 0, end = 0; begin < states.length; begin = end) {
    const letter = states.charAt(begin);
    const column = begin % columns;
    const last = Math.min(states.length, begin - column + columns);
    for (end = begin + 1; end < last && states.charAt(end) === letter; ) end++;
    let area = found.get(letter);
    if (!area) found.set(letter, (area = new Path2D()));
    area.rect(column * pixels, ((begin - column) / columns) * pixels, (end - begin) * pixels, pixels);
  }
  return found;
}

function resize(canvas: HTMLCanvasElement, { states, size, columns }: Drawing, pixels: number): void {
  const rows = Math.ceil(states.length / columns);
  const fits = canvas.width === columns * pixels && canvas.height === rows * pixels;
  if (!fits) {
    canvas.width = columns * pixels;
    canvas.height = rows * pixels;
  }
  canvas.style.width = `${columns * size}px`;
  canvas.style.height = `${rows * size}px`;
}

export function draw(canvas: HTMLCanvasElement, drawing: Drawing, colours: Colours): void {
  const { states, size, columns, dimmed, cursor } = drawing;
  const pixels = Math.max(1, Math.round(size * (devicePixelRatio || 1)));
  resize(canvas, drawing, pixels);
  const c = canvas.getContext("2d");
  if (!c) return;
  c.clearRect(0, 0, canvas.width, canvas.height);
  for (const [letter, area] of areas(states, columns, pixels)) {
    c.globalAlpha = dimmed.includes(letter) ? 0.15 : 1;
    c.fillStyle = c.createPattern(tileOf(kindOf(letter), size, pixels, colours), "repeat") ?? "gray";
    c.fill(area);
  }
  c.globalAlpha = 1;
  if (cursor < 0) return;
  const scale = pixels / size;
  c.strokeStyle = colours.get("--text") ?? "gray";
  c.lineWidth = 2 * scale;
  const [x, y] = [(cursor % columns) * pixels, Math.floor(cursor / columns) * pixels];
  c.strokeRect(x - scale, y - scale, pixels, pixels);
}
