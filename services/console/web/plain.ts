// Text that comes from jobs, images or people: shown as text only, with what would move the cursor,
// hide characters or turn the direction of writing made visible.

// Controls, ends of lines and paragraphs, and all that Unicode lets a program draw as nothing: marks of
// direction, fillers, tags. The two that only choose between forms of a sign before them may stay.
const HIDDEN =
  /(?![\t\n\ufe0e\ufe0f])[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

function visible(character: string): string {
  const code = character.codePointAt(0)?.toString(16) ?? "";
  return code.length > 4 ? `\\u{${code}}` : "\\u" + code.padStart(4, "0");
}

export function plain(text: unknown): string {
  return String(text ?? "").replace(HIDDEN, visible);
}

/** At most so many characters of it. */
export function cut(text: unknown, max: number): string {
  const whole = plain(text);
  return whole.length > max ? whole.slice(0, max - 1) + "…" : whole;
}

export interface Piece {
  text: string;
  style: string;
}

const SGR = /\u001b\[([0-9;]{0,32})m/g;
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

function styled(codes: string, before: string): string {
  let colour = before.split(" ").find((c) => c.startsWith("ansi-") && c !== "ansi-bold") ?? "";
  let bold = before.includes("ansi-bold");
  const numbers = codes.split(";").map(Number);
  for (let i = 0; i < numbers.length; i++) {
    const n = numbers[i] ?? 0;
    if (n === 0) [colour, bold] = ["", false];
    else if (n === 1) bold = true;
    else if (n === 22) bold = false;
    else if (n === 39) colour = "";
    else if (n >= 30 && n <= 37) colour = "ansi-" + COLOURS[n - 30];
    else if (n >= 90 && n <= 97) colour = "ansi-" + COLOURS[n - 90];
    else if (n === 38 || n === 48) i += numbers[i + 1] === 5 ? 2 : 4; // palettes: not shown
  }
  return [colour, bold ? "ansi-bold" : ""].filter(Boolean).join(" ");
}

/** A line of output in pieces of one colour each; other sequences become visible text. */
export function pieces(line: string, max = 4000): Piece[] {
  const text = line.length > max ? line.slice(0, max) + "…" : line;
  const found: Piece[] = [];
  let style = "";
  let at = 0;
  for (const match of text.matchAll(SGR)) {
    const before = text.slice(at, match.index);
    if (before) found.push({ text: plain(before), style });
    style = styled(match[1] ?? "", style);
    at = (match.index ?? 0) + match[0].length;
    if (found.length > 200) break;
  }
  if (at < text.length) found.push({ text: plain(text.slice(at)), style });
  return found;
}
