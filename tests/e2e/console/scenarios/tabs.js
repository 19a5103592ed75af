// Two tabs have one cookie: each shows whose session it uses, and does nothing as somebody else.
module.exports = async (page, args, { assert, may, signIn, watch }) => {
  may("401");
  may("403");
  const id = (tab, key) => tab.locator(".who").getByText(key.id).waitFor();
  await signIn(page, args, `/jobs?queue=${args.queue}`);
  await id(page, args.key);
  const other = await page.context().newPage();
  const wrong = watch(other);
  await other.goto(args.url);
  await id(other, args.key);

  // The moment between the other tab's cookie and its pass, with a question open here.
  await page.getByRole("button", { name: "Stop all that match" }).click();
  const pass = await other.evaluate(async ({ id: accessKeyId, secret: secretAccessKey }) => {
    const answer = await fetch("/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ accessKeyId, secretAccessKey }),
    });
    return (await answer.json()).pass;
  }, args.other);
  await page.bringToFront();
  const stop = page.getByRole("button", { name: "Stop all of them" });
  await stop.click({ timeout: 10000 }).catch(() => undefined); // it may have gone by itself
  await page.getByLabel("Access key id").waitFor();

  await other.evaluate((value) => localStorage.setItem("openbatch-pass", value), pass);
  await id(page, args.other);
  assert.equal(await page.getByRole("dialog").count(), 0);
  await other.reload();
  await id(other, args.other);

  await other.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Access key id").waitFor();
  assert.deepEqual(wrong, []);
};
