// The screens that are measured. jobs: {queue, environment, ended, waiting, array (ids), name (of one
// job), page (how many rows the first page of a list has)}. shown: see page.js.

exports.screens = ({ queue, environment, ended, waiting, array, name: one, page }) =>
  [
    ["overview", "/", "Overview", '[aria-label="Last failures"] tbody tr', 1],
    ["jobs by state", `/jobs?queue=${queue}&state=RUNNABLE`, "Jobs", '[aria-label="Jobs"] tbody tr', page],
    ["queue", `/queue/${queue}`, "Queue", '[aria-label^="Front"] tbody tr', page],
    ["jobs by name", `/jobs?queue=${queue}&name=${one}`, "Jobs", '[aria-label="Jobs"] tbody tr', 1],
    ["ended job", `/job/${ended}`, "SUCCEEDED", '[aria-label="Attempts"] tbody tr', 1],
    ["all jobs", "/jobs", "Jobs", '[aria-label="Jobs"] tbody tr', page],
    ["waiting job", `/job/${waiting}`, "RUNNABLE", '[aria-label="Why it waits"] p', 1],
    ["array", `/job/${array}`, "", "canvas.picture", 1],
    ["environment", `/environments?name=${environment}`, "Environment", '[aria-label^="Instances of"] tbody tr', 1],
    ["events", `/events?queue=${queue}`, "Events", '[aria-label="Events"] tbody tr', 1],
    ["definitions", "/definitions", "Definitions", '[aria-label="Definitions"] tbody tr', 1],
    ["system", "/system", "System", '[aria-label="Services"] tbody tr', 1],
  ].map(([name, path, heading, selector, least]) => ({ name, path, shown: [heading, selector, least] }));

/** Paths of so many tabs that follow: of each screen as many. */
exports.tabs = ({ queue, array }, count) => {
  const places = ["/", `/queue/${queue}`, `/jobs?queue=${queue}&state=RUNNING`, `/job/${array}`];
  places.push(`/events?queue=${queue}`);
  return Array.from({ length: count }, (_, n) => places[n % places.length]);
};
