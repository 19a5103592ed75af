// Numbers of jobs by state; those of arrays' children beside them.

import { count } from "../format";
import { Counted, State } from "../types";

/** "12", "3 and 10,000 children"; of several states their sum. */
export function Counts({ of, states }: { of: Counted | undefined; states: readonly State[] }) {
  if (!of) return null;
  const sum = (numbers: Counted["jobs"]) => states.reduce((n, s) => n + (numbers[s] ?? 0), 0);
  const jobs = sum(of.jobs);
  const children = sum(of.children);
  return (
    <>
      {count(jobs)}
      {children > 0 && ` and ${count(children)} ${children === 1 ? "child" : "children"}`}
    </>
  );
}
