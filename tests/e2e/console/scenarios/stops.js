// One request stops all that match; how far it is stands in the page and in its address.
module.exports = async (page, args, { assert, signIn, until }) => {
  await signIn(page, args, `/jobs?queue=${args.queue}&name=${encodeURIComponent("many-1*")}`);
  const rows = page.locator("tbody tr");
  await until("the rows", async () => (await rows.count()) === 100);
  await page.getByRole("button", { name: "Stop all that match" }).click();
  await page.getByText('whose name begins with "many-1"').waitFor();
  await page.getByLabel("Reason").fill("all of them");
  await page.getByRole("button", { name: "Stop all of them" }).click();
  await page.getByText(`The stop is finished: ${args.matching} stopped`).waitFor();
  const place = page.url();
  assert.match(place, /stop=\d+/);
  await page.reload();
  await page.getByText(`The stop is finished: ${args.matching} stopped`).waitFor();
  await until("the reason", async () => (await page.getByText("all of them").count()) >= 100);

  // What the request cannot say offers no stop.
  await page.goto(`${args.url}/jobs?queue=${args.queue}&state=FAILED`);
  await until("the stopped ones", async () => (await rows.count()) === 100);
  assert.equal(await page.getByRole("button", { name: "Stop all that match" }).count(), 0);

  // The counts follow.
  await page.goto(`${args.url}/queue/${args.queue}`);
  await page.getByRole("link", { name: `FAILED ${args.matching}` }).waitFor();
  await page.getByRole("link", { name: `RUNNABLE ${args.others}` }).waitFor();
  await page.getByRole("link", { name: "Overview" }).click();
  const row = page.getByRole("region", { name: "Queues" }).getByRole("row", { name: args.queue });
  await row.getByRole("link", { name: String(args.matching), exact: true }).waitFor();
  assert.ok((await row.innerText()).includes(String(args.others)));
};
