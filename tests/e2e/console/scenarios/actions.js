// A job that runs, and who waits for it; stop it, and run it again with another command.
module.exports = async (page, args, { assert, signIn }) => {
  await signIn(page, args, `/job/${args.job}`);
  const phases = page.getByRole("list", { name: "Phases of each attempt" });
  await phases.getByText(/running for \d/).waitFor();
  await page.getByRole("region", { name: "Dependents" }).first().getByText("after-it").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByLabel("Reason").fill("stopped by a test");
  await page.getByRole("button", { name: "Stop it" }).click();
  await page.getByText("FAILED").first().waitFor();
  await page.getByText("stopped by a test").first().waitFor();

  await page.getByRole("button", { name: "Run again" }).click();
  const request = JSON.parse(await page.getByLabel("Request").inputValue());
  request.jobName = "again";
  request.containerOverrides.command = ["echo", "second try"];
  await page.getByLabel("Request").fill(JSON.stringify(request));
  await page.getByRole("button", { name: "Submit" }).click();
  await page.getByRole("heading", { name: "again" }).waitFor();
  await page.getByText("SUCCEEDED").first().waitFor({ timeout: 60000 });
  const made = new URL(page.url()).pathname.split("/")[2];
  assert.notEqual(made, args.job);
  return { made };
};
