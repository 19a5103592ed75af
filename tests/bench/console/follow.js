// Tabs that follow what happens, each in a context of its own: a browser opens few connections to one
// host for all tabs of a context. Prints READY when all of them hear changes, and then lets them be
// for args.seconds. args: jobs (see places.js), tabs (their number). Returns for each tab what it
// heard and used, and the errors of all.

const inPage = require("./page");
const places = require("./places");

const SAMPLE_MS = 5000;
const sleep = (ms) => new Promise((go) => setTimeout(go, ms));

async function open(browser, url, storageState, tools) {
  const context = await browser.newContext({ storageState });
  const page = await context.newPage();
  page.setDefaultTimeout(120000);
  const wrong = tools.watch(page);
  await page.addInitScript(inPage);
  await page.goto(url);
  await page.waitForFunction(() => window.bench.heard.live);
  return { page, wrong, debug: await context.newCDPSession(page), peak: 0, rows: 0 };
}

async function sample(tab) {
  const { usedSize } = await tab.debug.send("Runtime.getHeapUsage");
  tab.peak = Math.max(tab.peak, usedSize);
  tab.rows = Math.max(tab.rows, await tab.page.evaluate(() => window.bench.rows()));
}

function begin() {
  const { heard } = window.bench;
  Object.assign(heard, { messages: 0, busiest: 0, changes: 0, missed: 0, begun: performance.now() });
}

async function end(tab, path) {
  const heard = await tab.page.evaluate(() => {
    const { heard } = window.bench;
    return { ...heard, seconds: (performance.now() - heard.begun) / 1000 };
  });
  await tab.debug.send("HeapProfiler.collectGarbage");
  const { usedSize } = await tab.debug.send("Runtime.getHeapUsage");
  return { path, ...heard, heap: usedSize, peak: tab.peak, rows: tab.rows };
}

module.exports = async (page, args, tools) => {
  await tools.signIn(page, args);
  const browser = page.context().browser();
  const state = await page.context().storageState();
  await page.close();
  const tabs = [];
  const paths = places.tabs(args.jobs, args.tabs);
  for (const path of paths) tabs.push(await open(browser, args.url + path, state, tools));
  await Promise.all(tabs.map(({ page: one }) => one.evaluate(begin)));
  console.log("READY");
  const until = Date.now() + args.seconds * 1000;
  while (Date.now() < until) {
    await sleep(Math.min(SAMPLE_MS, until - Date.now()));
    for (const tab of tabs) await sample(tab);
  }
  const found = [];
  for (const [i, tab] of tabs.entries()) found.push(await end(tab, paths[i]));
  return { tabs: found, wrong: tabs.flatMap((tab) => tab.wrong) };
};
