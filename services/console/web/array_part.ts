// An array that is a part of another one: OPENBATCH_ARRAY_PART=3,7,11-18/40 gives its children these
// indexes of an array of 40 (docs/aws-batch.md).

export const ARRAY_PART = "OPENBATCH_ARRAY_PART";

/** "3,7,11-18" of rising numbers. */
export function ranges(indexes: number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < indexes.length; ) {
    const from = indexes[i] ?? 0;
    let n = 1;
    while (indexes[i + n] === from + n) n++;
    parts.push(n === 1 ? String(from) : `${from}-${from + n - 1}`);
    i += n;
  }
  return parts.join(",");
}

/** The indexes that a part names, and the size of the whole array. */
function readPart(text: string): { indexes: number[]; size: number } {
  const [list = "", size = "0"] = text.split("/");
  const indexes = list.split(",").flatMap((piece) => {
    const [from = NaN, to = from] = piece.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  return { indexes, size: Number(size) };
}

/** The part with these children of an array, which may itself be one. */
export function partOf(children: number[], size: number, own: string | undefined): string {
  if (!own) return `${ranges(children)}/${size}`;
  const whole = readPart(own);
  return `${ranges(children.map((i) => whole.indexes[i] ?? i))}/${whole.size}`;
}
