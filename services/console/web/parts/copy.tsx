// A button that copies a text, such as the same as a command of the AWS CLI.

import { useState } from "preact/hooks";

export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text).catch(() => prompt(label, text));
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class="quiet" onClick={copy} title={text}>
      {done ? "copied" : label}
    </button>
  );
}
