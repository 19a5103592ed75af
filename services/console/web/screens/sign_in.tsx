import { useState } from "preact/hooks";
import { Failure } from "../parts/notice";
import { signIn } from "../session";

export function SignIn({ said }: { said: string }) {
  const [error, setError] = useState(said);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const value = (name: string) => (form.elements.namedItem(name) as HTMLInputElement).value.trim();
    setBusy(true);
    try {
      await signIn(value("id"), value("secret"), value("region"));
    } catch (failure) {
      setError((failure as Error).message);
    }
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <h1>OpenBatch</h1>
      <p>
        <code>./openbatch console</code> prints a link that signs you in. Or use an access key; its
        secret is used once, to make a session.
      </p>
      <form onSubmit={submit}>
        <label>
          Access key id
          <input name="id" required autocomplete="username" spellcheck={false} />
        </label>
        <label>
          Secret access key
          <input name="secret" type="password" required autocomplete="current-password" />
        </label>
        <label>
          Region
          <input name="region" placeholder="us-east-1" spellcheck={false} />
        </label>
        <Failure text={error} />
        <button type="submit" disabled={busy}>
          Sign in
        </button>
      </form>
    </main>
  );
}
