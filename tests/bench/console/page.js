// What a benchmark puts into the page before the page's own script, to measure from inside: what the
// driver of the browser costs is not in the figures. A screen is [heading, selector, least]: it is
// shown when its heading is there, at least so many elements match, and nothing is being loaded.

module.exports = () => {
  const isShown = ([heading, selector, least]) =>
    (document.querySelector("h1")?.textContent ?? "").includes(heading) &&
    ![...document.querySelectorAll(".notice")].some((e) => e.textContent === "Loading …") &&
    document.querySelectorAll(selector).length >= least;

  const LONGEST_MS = 60000;

  /** The time at which the frame after that was drawn, in ms since the navigation. */
  const shown = (screen) =>
    new Promise((tell, fail) => {
      setTimeout(() => fail(new Error(`not shown: ${screen} at ${location.href}`)), LONGEST_MS);
      const observer = new MutationObserver(() => {
        if (!isShown(screen)) return;
        observer.disconnect();
        requestAnimationFrame(() => tell(performance.now()));
      });
      observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    });

  /** Follows a link of the console to a path. */
  const follow = async (path, screen) => {
    const link = document.body.appendChild(document.createElement("a"));
    link.href = path;
    const begin = performance.now();
    const done = shown(screen);
    link.click();
    link.remove();
    return (await done) - begin;
  };

  /** How long scripts draw on canvases, in ms: from the first touch of one until the task is over. */
  const drawings = [];
  let began = 0;
  const touch = () => {
    if (began) return;
    began = performance.now();
    queueMicrotask(() => {
      drawings.push(performance.now() - began);
      began = 0;
    });
  };
  const canvas = HTMLCanvasElement.prototype;
  const { getContext } = canvas;
  canvas.getContext = function (...words) {
    touch();
    return getContext.apply(this, words);
  };
  const width = Object.getOwnPropertyDescriptor(canvas, "width");
  Object.defineProperty(canvas, "width", {
    ...width,
    set(value) {
      touch();
      width.set.call(this, value);
    },
  });

  /** What the stream tells: numbers only, because what is kept would be in the page's memory. */
  const heard = { live: false, messages: 0, busiest: 0, changes: 0, missed: 0, streams: 0 };
  let second = 0;
  let inSecond = 0;
  const hear = ({ data }) => {
    const told = JSON.parse(data);
    const now = Math.floor(Date.now() / 1000);
    inSecond = now === second ? inSecond + 1 : 1;
    second = now;
    heard.messages++;
    heard.busiest = Math.max(heard.busiest, inSecond);
    heard.live = told.live ?? heard.live;
    heard.missed += told.missed ? 1 : 0;
    for (const states of Object.values(told.queues ?? {}))
      for (const n of Object.values(states)) heard.changes += n;
  };
  const Real = window.EventSource;
  window.EventSource = class extends Real {
    constructor(url) {
      super(url);
      heard.streams++;
      this.addEventListener("message", hear);
    }
  };

  const rows = () => document.querySelectorAll("tbody tr, .line").length;
  window.bench = { shown, follow, drawings, heard, rows };
};
