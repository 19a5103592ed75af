// What differs between two JSON values, member by member.

export interface Difference {
  path: string;
  before: string;
  after: string;
}

function shown(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

export function differences(before: unknown, after: unknown, path = ""): Difference[] {
  if (shown(before) === shown(after)) return [];
  if (!isMap(before) || !isMap(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ path, before: shown(before), after: shown(after) }];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) =>
    differences(before[name], after[name], path ? `${path}.${name}` : name),
  );
}
