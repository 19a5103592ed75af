// An id for all tries of one submission: a second click, or a try after a lost answer, makes no second
// job, even if the dialog was closed between them. Another request gets another id; so does the same
// one when it has been answered.

const unanswered = new Map<string, string>(); // by the request's text

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

function idOf(request: object): string {
  const text = JSON.stringify(request);
  const id = unanswered.get(text) ?? newId();
  unanswered.set(text, id);
  return id;
}

/** The answer has come: what is sent from now on is another submission. */
export function answered(id: string): void {
  for (const [text, one] of unanswered) if (one === id) unanswered.delete(text);
}

export function useOnce(): (request: object) => string {
  return idOf;
}
