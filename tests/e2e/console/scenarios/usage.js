// Use over time of a queue and of an environment; how far back is in the address.
module.exports = async (page, args, { assert, signIn, until }) => {
  await signIn(page, args, `/queue/${args.queue}`);
  for (const what of ["vCPUs in use", "jobs placed", "succeeded in the step"])
    await page.getByRole("img", { name: `Over time: ${what}` }).waitFor();
  const legend = page.getByRole("button", { name: /^jobs RUNNABLE/ });
  await legend.click();
  assert.equal(await legend.getAttribute("aria-pressed"), "false");
  await page.getByRole("link", { name: "6 hours" }).click();
  await until("the range", async () => page.url().includes("range=6h"));
  await page.reload();
  await page.locator('a[aria-current="true"]', { hasText: "6 hours" }).waitFor();
  await page.goto(`${args.url}/environments?name=${args.environment}`);
  await page.getByRole("img", { name: "Over time: vCPUs used" }).waitFor();
  await page.getByRole("button", { name: /^provisioned: / }).waitFor();
};
