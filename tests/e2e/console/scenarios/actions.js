// Stop a job, and run it again with another command.
module.exports = async (page, args, { assert, signIn }) => {
  await signIn(page, args, `/job/${args.job}`);
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
