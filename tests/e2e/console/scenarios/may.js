// The keys, their policies, and whether one may do something: the question is in the address.
module.exports = async (page, args, { assert, may, signIn, until }) => {
  await signIn(page, args, "/access");
  const keys = page.getByRole("region", { name: "Access keys" }).last();
  await keys.getByRole("link", { name: args.id }).click();
  await page.getByText("<b>not bold</b>").waitFor(); // the policy is text
  assert.equal(await page.locator("main b").count(), 0);
  await page.getByRole("combobox", { name: /^Key/ }).selectOption(args.id);
  await page.getByRole("combobox", { name: /^Operation/ }).selectOption("batch:SubmitJob");
  await page.getByRole("textbox", { name: "jobDefinition" }).fill("any");
  await page.keyboard.press("Enter");
  const queue = page.getByRole("textbox", { name: "jobQueue" });
  await queue.fill(args.queue);
  await page.keyboard.press("Enter");
  const answer = page.getByRole("status");
  await answer.getByText("Yes").waitFor();
  await queue.fill(args.other);
  await page.keyboard.press("Enter");
  await answer.getByText(/No$/).waitFor();
  await answer.getByText(`is not authorized to perform: batch:SubmitJob on resource: ${args.arn}`).waitFor();
  await page.reload();
  await answer.getByText(/No$/).waitFor();

  // The session of a page makes no keys, whatever its key may.
  await page.goto(`${args.url}/access?operation=openbatch%3ACreateKey`);
  await answer.getByText("explicit deny in a session policy").waitFor();

  // A key without rights to all this is told so.
  may("403");
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, { ...args, key: args.narrow }, "/access");
  await page.getByText("This key may not list keys").waitFor();
  await until("its own id", async () => (await page.getByText(args.id).count()) > 0);
};
