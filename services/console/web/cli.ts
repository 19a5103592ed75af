// The same as a command of the AWS CLI, for `eval "$(./openbatch env)"`.

function word(text: string): string {
  return /^[A-Za-z0-9_./:@=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

export function command(service: string, verb: string, options: Record<string, unknown>): string {
  const parts = ["aws", service, verb];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || value === "") continue;
    const texts = Array.isArray(value) ? value : [value];
    parts.push(`--${name}`);
    for (const one of texts) parts.push(word(typeof one === "string" ? one : JSON.stringify(one)));
  }
  return parts.join(" ");
}
