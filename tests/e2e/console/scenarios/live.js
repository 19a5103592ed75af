// What happens is seen without a reload; a hidden tab has no stream.
module.exports = async (page, args, { assert, signIn, until }) => {
  const streams = [];
  const polls = [];
  page.on("request", (r) => {
    if (r.url().includes("/live?")) streams.push(r);
    if (r.url().includes("/api/")) polls.push(r);
  });
  await page.addInitScript(() => {
    const Real = window.EventSource;
    window.told = [];
    window.EventSource = class extends Real {
      constructor(url) {
        super(url);
        window.source = this;
        this.addEventListener("message", (e) => window.told.push([Date.now(), e.data]));
      }
    };
    window.hide = (hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    };
  });
  await signIn(page, args, `/jobs?queue=${args.queue}&state=SUCCEEDED`);
  await until("the stream", async () => page.evaluate(() => window.told.some(([, d]) => d.includes('"live":true'))));
  console.log("READY"); // the test submits jobs now
  await until("the new jobs", async () => (await page.locator("tbody tr").count()) >= args.count, 60000);
  const told = await page.evaluate(() => window.told);
  const seconds = new Map();
  for (const [at] of told) seconds.set(Math.floor(at / 1000), (seconds.get(Math.floor(at / 1000)) ?? 0) + 1);
  assert.ok(Math.max(...seconds.values()) <= 5, "at most four messages a second"); // a second's edges
  assert.ok(told.some(([, data]) => data.includes('"SUCCEEDED":')));

  await page.evaluate(() => window.hide(true));
  assert.equal(await page.evaluate(() => window.source.readyState), 2);
  const before = polls.length;
  await new Promise((go) => setTimeout(go, 12000));
  assert.equal(polls.length, before, "a hidden tab asks for nothing");
  await page.evaluate(() => window.hide(false));
  await until("another stream", async () => streams.length > 1);
  return { streams: streams.length, messages: told.length };
};
