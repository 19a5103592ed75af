// A link of `openbatch console` signs in once.
module.exports = async (page, args, { assert, may }) => {
  may("403");
  await page.goto(args.link);
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  assert.ok(!page.url().includes("link="), "the link does not stay in the address");
  const other = await page.context().browser().newContext({ ignoreHTTPSErrors: true });
  const again = await other.newPage();
  await again.goto(args.link);
  await again.getByText("this link has been used already").waitFor();
  assert.equal((await other.cookies()).length, 0);
};
