// A question before something is changed.

import { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "./notice";

interface Props {
  title: string;
  verb: string;
  children: ComponentChildren;
  act: () => Promise<void>;
  close: () => void;
}

export function Dialog({ title, verb, children, act, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  // What was begun says how it ended: until then Escape does not close.
  const closed = () => (busy ? dialog.current?.showModal() : close());

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      await act();
      close();
    } catch (failure) {
      setError((failure as Error).message);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onCancel={(e) => busy && e.preventDefault()} onClose={closed} aria-label={title}>
      <form onSubmit={submit}>
        <h2>{title}</h2>
        {children}
        <Failure text={error} />
        <p class="buttons">
          <button type="submit" disabled={busy}>
            {verb}
          </button>
          <button type="button" class="quiet" disabled={busy} onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </dialog>
  );
}
