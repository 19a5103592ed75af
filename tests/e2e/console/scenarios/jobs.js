// Many jobs: pages by key, filters in the address, few rows in the page.
module.exports = async (page, args, { assert, signIn, until }) => {
  await signIn(page, args, `/jobs?queue=${args.queue}`);
  const rows = page.locator("tbody tr");
  await until("a hundred rows", async () => (await rows.count()) === 100);
  const first = await rows.first().innerText();
  const seen = new Set();
  const note = async () => {
    for (const name of await page.locator("tbody a[href^='/job/']").allInnerTexts()) seen.add(name);
  };
  await note();
  for (let pages = 1; await page.getByRole("link", { name: "Next page" }).count(); pages++) {
    const before = await rows.first().innerText();
    await page.getByRole("link", { name: "Next page" }).click();
    await until("another page", async () => (await rows.count()) > 0 && (await rows.first().innerText()) !== before);
    await note();
    assert.ok((await page.locator("tbody tr").count()) <= 200 && pages < 10);
  }
  assert.equal(seen.size, args.count);
  const last = page.url();
  await page.reload();
  await until("rows again", async () => (await rows.count()) > 0);
  assert.equal(page.url(), last);
  await page.getByRole("link", { name: "First page" }).click();
  await until("the first page", async () => (await rows.first().innerText()).split("\t")[1] === first.split("\t")[1]);

  await page.getByLabel("Name, or").fill("many-7*");
  await page.keyboard.press("Enter");
  await until("the filter", async () => page.url().includes("name=many-7"));
  await until("the rows", async () => (await rows.count()) === args.sevens);
  await page.goBack();
  await until("all again", async () => (await rows.count()) === 100);

  // All queues together.
  await page.goto(args.url + "/jobs");
  await until("rows of all queues", async () => (await rows.count()) === 100);
};
