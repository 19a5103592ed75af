// Numbers, times and names for people.

export function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

export function jobIdOf(arn: string): string {
  return nameOf(arn);
}

/** "12.3 s", "4 min 5 s", "2 h 3 min", "5 d 1 h" */
export function duration(ms: number): string {
  if (!(ms >= 0)) return "";
  const s = ms / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min ${Math.floor(s % 60)} s`;
  const h = Math.floor(m / 60);
  if (h < 48) return `${h} h ${m % 60} min`;
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** As duration, with milliseconds below a second. */
export function fineDuration(ms: number): string {
  return ms >= 0 && ms < 1000 ? `${Math.round(ms)} ms` : duration(ms);
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/** In the browser's time zone: "2026-01-31 12:00:00". */
export function time(ms: number | undefined): string {
  if (!ms) return "";
  const d = new Date(ms);
  return (
    `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ` +
    `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
  );
}

export function timeWithMs(ms: number): string {
  return `${time(ms)}.${String(ms % 1000).padStart(3, "0")}`;
}

export function ago(ms: number, now: number): string {
  return ms ? `${duration(Math.max(0, now - ms))} ago` : "";
}

export function count(n: number): string {
  return n.toLocaleString("en-US");
}

export function need(requirements: { type: string; value: string }[] | undefined): string {
  const of = (type: string) => requirements?.find((r) => r.type === type)?.value;
  const parts = [
    of("VCPU") && `${of("VCPU")} vCPU`,
    of("MEMORY") && `${of("MEMORY")} MiB`,
    of("GPU") && `${of("GPU")} GPU`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** "512 KiB", "12.3 MiB" */
export function bytes(n: number | undefined): string {
  if (n === undefined) return "";
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}
