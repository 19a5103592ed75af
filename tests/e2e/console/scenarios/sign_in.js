// The form, a wrong secret, a reload, signing out; what the browser keeps.
module.exports = async (page, args, { assert, may, signIn }) => {
  may("403");
  await page.goto(args.url + "/jobs?state=FAILED");
  await page.getByLabel("Access key id").fill(args.key.id);
  await page.getByLabel("Secret access key").fill("wrong" + args.key.secret);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal((await page.context().cookies()).length, 0);

  await signIn(page, args, "/jobs?state=FAILED");
  await page.getByRole("heading", { name: "Jobs" }).waitFor();
  const [cookie, ...others] = await page.context().cookies();
  assert.equal(others.length, 0);
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, "Strict");
  assert.equal(await page.evaluate(() => document.cookie), "");
  const stored = await page.evaluate(() => JSON.stringify(localStorage));
  const sealed = Buffer.from(cookie.value, "base64url");
  assert.ok(sealed.length > 100, "the cookie is base64url");
  for (const text of [stored, cookie.value, sealed.toString("latin1")])
    for (const part of [args.key.id, args.key.secret]) assert.ok(!text.includes(part));

  await page.reload();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  assert.equal(new URL(page.url()).search, "?state=FAILED");
  const pass = await page.evaluate(() => localStorage.getItem("openbatch-pass"));

  // What is on its way ends before the session does: an answer would be 401. Reads give up later.
  const asked = page.waitForRequest("**/api/**");
  await page.route("**/api/**", () => undefined); // no answer comes
  await page.reload();
  await asked;
  const isRead = (request) => request.url().includes("/api/");
  const dropped = page.waitForEvent("requestfailed", { predicate: isRead, timeout: 30000 });
  await page.route("**/session", async (route) => {
    if (route.request().method() === "DELETE") await dropped;
    await route.continue();
  });
  await page.getByRole("button", { name: "Sign out" }).click();
  await dropped;
  await page.getByLabel("Access key id").waitFor();
  assert.equal((await page.context().cookies()).length, 0);
  return { cookie: `${cookie.name}=${cookie.value}`, pass, secure: cookie.secure };
};
