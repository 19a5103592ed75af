// A job's state: a letter, a shape and a colour, and its name for whoever reads the page aloud.

import { STATES, State } from "../types";

const SHAPES: Record<State, string> = {
  SUBMITTED: "○",
  PENDING: "◔",
  RUNNABLE: "◑",
  STARTING: "◕",
  RUNNING: "▶",
  SUCCEEDED: "✓",
  FAILED: "✗",
};

export function StateMark({ state }: { state: string }) {
  const known = STATES.includes(state as State);
  return (
    <span class={`state state-${state.toLowerCase()}`}>
      <span aria-hidden="true" class="shape">
        {known ? SHAPES[state as State] : "?"}
      </span>
      {state}
    </span>
  );
}

/** Of queues and environments. */
export function StatusMark({ state, status }: { state: string; status: string }) {
  const good = state === "ENABLED" && status === "VALID";
  return (
    <span class={good ? "state state-succeeded" : "state state-failed"}>
      <span aria-hidden="true" class="shape">
        {good ? "✓" : "!"}
      </span>
      {state === "ENABLED" ? status : `${state}, ${status}`}
    </span>
  );
}
