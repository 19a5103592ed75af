// An api that hangs is named within seconds, though the stream and all reads of the screen stand.
const SOON_MS = 25000; // 10 s from one question to the next, 5 s until it is given up

module.exports = async (page, args, { assert, may, signIn, until }) => {
  may("502");
  let streams = 0;
  page.on("response", (r) => r.url().includes("/live?") && streams++);
  await signIn(page, args, "/");
  const strip = page.getByRole("region", { name: "Health" });
  await strip.getByText("The api is well").waitFor();
  await until("the stream", () => streams > 0);

  const held = [];
  let hang;
  const hangs = new Promise((go) => (hang = go));
  await page.route(/api.(GetJobQueueSnapshot|DescribeJobs.)/, async (route) => {
    held.push(route.request().url());
    await hangs;
    await route.continue().catch(() => undefined); // the page may have given it up
  });
  console.log("READY"); // something changes in five queues,
  await until("reads", () => held.length >= 4);
  console.log("READY"); // the api hangs,
  await new Promise((go) => setTimeout(go, 3000));
  hang();
  const begun = Date.now();
  await strip.getByText("The api does not answer.").waitFor({ timeout: SOON_MS });
  const took = Date.now() - begun;
  assert.equal(await strip.getByText("The api is well").count(), 0);
  console.log("READY"); // and goes on
  await until("that it is well", () => strip.getByText("The api is well").isVisible());
  return { took };
};
