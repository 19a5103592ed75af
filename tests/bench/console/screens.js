// How soon screens are shown: each in a context of its own, as the first one; then all of them in one
// page, one after the other. Also what a first visit loads, and how long a picture takes to draw.
// args: jobs (see places.js), rounds, redraws.

const inPage = require("./page");
const { screens } = require("./places");

/** A page in a context of its own, with the session of another one. */
async function fresh(browser, storageState, tools, wrong) {
  const context = await browser.newContext({ storageState });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  wrong.push(tools.watch(page));
  await page.addInitScript(inPage);
  return page;
}

/** Bytes of what is loaded before any data, as they come over the wire. */
function weigh(page) {
  const sizes = [];
  page.on("response", (answer) => {
    const isData = /^\/(api|live|session|health)/.test(new URL(answer.url()).pathname);
    if (!isData) sizes.push(answer.request().sizes());
  });
  return async () => (await Promise.all(sizes)).reduce((sum, s) => sum + s.responseBodySize, 0);
}

async function redraws(page, times) {
  const entry = page.locator(".legend button").first();
  await page.evaluate(() => (window.bench.drawings.length = 0));
  for (let n = 1; n <= times; n++) {
    await entry.click();
    await page.waitForFunction((least) => window.bench.drawings.length >= least, n);
  }
  return page.evaluate(() => window.bench.drawings);
}

module.exports = async (page, args, tools) => {
  await tools.signIn(page, args);
  const browser = page.context().browser();
  const state = await page.context().storageState();
  await page.close();
  const wrong = [];
  const found = { first: {}, next: {}, rows: 0, drawings: [] };
  const note = (kind, name, ms) => (found[kind][name] ??= []).push(ms);

  for (let round = 0; round < args.rounds; round++) {
    for (const { name, path, shown } of screens(args.jobs)) {
      const one = await fresh(browser, state, tools, wrong);
      const weight = round === 0 && !found.bytes && weigh(one);
      await one.addInitScript((screen) => (window.shownAt = window.bench.shown(screen)), shown);
      await one.goto(args.url + path);
      note("first", name, await one.evaluate(() => window.shownAt));
      if (weight) found.bytes = await weight();
      await one.context().close();
    }
  }

  const one = await fresh(browser, state, tools, wrong);
  await one.goto(args.url + "/access");
  for (let round = 0; round < args.rounds; round++) {
    for (const { name, path, shown } of screens(args.jobs)) {
      const ms = await one.evaluate(([to, screen]) => window.bench.follow(to, screen), [path, shown]);
      note("next", name, ms);
      found.rows = Math.max(found.rows, await one.evaluate(() => window.bench.rows()));
    }
  }
  await one.goto(`${args.url}/job/${args.jobs.array}`);
  await one.locator("canvas.picture").waitFor();
  found.drawings = await redraws(one, args.redraws);
  await one.context().close();
  return { ...found, wrong: wrong.flat() };
};
