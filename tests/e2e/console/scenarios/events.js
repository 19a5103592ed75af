// Events as they happen, of one queue, filtered by the server; a reload shows the last ones again.
module.exports = async (page, args, { assert, signIn, until }) => {
  await signIn(page, args, `/events?queue=${args.queue}`);
  await page.getByText("Live.").waitFor();
  console.log("READY"); // the test submits jobs now, in this queue and in another
  const rows = page.getByRole("region", { name: "Events" }).locator("tbody tr");
  await until("all ends", async () => (await rows.filter({ hasText: "SUCCEEDED" }).count()) === args.count);
  await rows.filter({ hasText: "RUNNABLE" }).first().waitFor();
  await until("names", async () => (await rows.filter({ hasText: args.name }).count()) > 0);
  assert.equal(await rows.filter({ hasText: args.other }).count(), 0);

  await page.getByLabel("What").selectOption("SUCCEEDED");
  await until("the filter", async () => page.url().includes("what=SUCCEEDED"));
  await until("the last ones", async () => (await rows.count()) === args.count);
  await page.reload();
  await until("the last ones again", async () => (await rows.count()) === args.count);
  assert.equal(await rows.filter({ hasText: "RUNNING" }).count(), 0);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: args.name }).waitFor();
};
