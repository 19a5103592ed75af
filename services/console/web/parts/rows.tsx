// A table whose rows the keyboard walks through: j and k or the arrows, Enter opens the row's link.
// Only what is given is in the page: lists come in pages from the server.

import { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useKeys } from "../keys";
import { go } from "../router";

export interface Column<T> {
  title: string;
  narrow?: boolean;
  cell: (row: T) => ComponentChildren;
}

interface Props<T> {
  label: string;
  rows: T[];
  columns: Column<T>[];
  id: (row: T) => string;
  href: (row: T) => string;
  /** Walked through by the keyboard; one table of a screen. */
  main?: boolean;
}

const ROWS_MAX = 200;
const MOVES: Record<string, number> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

export function Rows<T>({ label, rows, columns, id, href, main }: Props<T>) {
  const [chosen, setChosen] = useState("");
  const body = useRef<HTMLTableSectionElement>(null);
  const shown = rows.slice(0, ROWS_MAX);
  const at = shown.findIndex((row) => id(row) === chosen);

  useEffect(() => {
    body.current?.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  useKeys((event) => {
    if (!main || shown.length === 0) return false;
    const move = MOVES[event.key];
    if (move) {
      const next = at < 0 ? (move > 0 ? 0 : shown.length - 1) : at + move;
      const row = shown[Math.min(Math.max(next, 0), shown.length - 1)];
      if (row !== undefined) setChosen(id(row));
      return true;
    }
    const row = shown[at];
    const elsewhere = document.activeElement?.closest("a, button");
    if (event.key !== "Enter" || row === undefined || elsewhere) return false;
    go(href(row));
    return true;
  });

  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((c) => (
              <th scope="col" class={c.narrow ? "narrow" : ""}>
                {c.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {shown.map((row) => (
            <tr key={id(row)} class={id(row) === chosen ? "chosen" : ""}>
              {columns.map((c) => (
                <td class={c.narrow ? "narrow" : ""}>{c.cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
