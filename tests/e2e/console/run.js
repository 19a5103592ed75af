// Runs one scenario in the browser at args.browser (browser.js): `node run.js NAME`, or its path, with
// its arguments as JSON on standard input. The last line of standard output is what the scenario
// returns, as JSON.
//
// A page fails the scenario when it logs an error, breaks its security policy, throws, or opens a
// dialog of the browser, unless the scenario says that it may (tools.may).

const { chromium } = require("playwright-core");
const path = require("path");
const tools = require("./tools");

async function main() {
  const args = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const scenario = require(path.resolve(__dirname, "scenarios", process.argv[2]));
  const browser = await chromium.connect(args.browser);
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...args.context });
  const page = await context.newPage();
  const wrong = tools.watch(page);
  page.setDefaultTimeout(60000);
  let result;
  try {
    result = await scenario(page, args, tools);
  } catch (error) {
    if (args.picture) await page.screenshot({ path: args.picture }).catch(() => undefined);
    console.error(`at ${page.url()}:\n${await page.innerText("body").catch(() => "")}`);
    throw error;
  } finally {
    await browser.close();
  }
  if (wrong.length) throw new Error(`the page is not well: ${wrong.join("\n")}`);
  console.log(JSON.stringify(result ?? null));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
