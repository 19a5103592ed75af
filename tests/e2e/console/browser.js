// Debian's chromium for all scenarios of a run, because a browser takes seconds to start. The first
// line of standard output is the address at which run.js finds it; it ends with standard input.

const { chromium } = require("playwright-core");

async function main() {
  const server = await chromium.launchServer({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  console.log(server.wsEndpoint());
  process.stdin.resume();
  process.stdin.on("end", () => void server.close());
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
