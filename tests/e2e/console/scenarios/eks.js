// A job of a Kubernetes cluster: what it runs, how an attempt ended and where; run it again.
module.exports = async (page, args, { assert, signIn }) => {
  await signIn(page, args, `/job/${args.job}`);
  await page.getByText("1 vCPU").first().waitFor();
  await page.getByText("busybox").first().waitFor();
  await page.getByText("hello").first().waitFor();
  await page.getByText("aws-batch.1").first().waitFor();
  const row = page.locator("tbody tr", { hasText: "node-7" });
  await row.getByText("Error; why").waitFor();
  await row.getByText("output").waitFor();

  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("button", { name: "Stop it" }).click();
  await page.getByText("FAILED").first().waitFor();
  await page.getByRole("button", { name: "Run again" }).click();
  const request = JSON.parse(await page.getByLabel("Request").inputValue());
  assert.equal(request.containerOverrides, undefined);
  request.eksPropertiesOverride.podProperties.containers[0].env = [{ name: "MORE", value: "1" }];
  await page.getByLabel("Request").fill(JSON.stringify(request));
  await page.getByRole("button", { name: "Submit" }).click();
  await page.waitForURL((url) => url.pathname.startsWith("/job/") && !url.pathname.includes(args.job));
  return { made: new URL(page.url()).pathname.split("/")[2] };
};
