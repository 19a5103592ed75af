// An input that is read when it is left or Enter is pressed; until then what is typed is its own,
// however often the screen is drawn.

import { useEffect, useState } from "preact/hooks";

interface Props {
  label: string;
  value: string;
  commit: (value: string) => void;
  type?: string;
  /** The key / leads here. */
  search?: boolean;
}

export function Field({ label, value, commit, type = "text", search }: Props) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <label>
      {label}
      <input
        type={type}
        value={text}
        step={type === "datetime-local" ? 1 : undefined}
        spellcheck={false}
        data-search={search ? "" : undefined}
        onInput={(e) => setText(e.currentTarget.value)}
        onChange={(e) => commit(e.currentTarget.value.trim())}
      />
    </label>
  );
}
