// From the overview to a job and its output; what hostile jobs write stays text.
module.exports = async (page, args, { assert, signIn, until }) => {
  await signIn(page, args);
  await page.getByText("The api is well").waitFor();
  await page.getByRole("region", { name: "Queues" }).getByRole("link", { name: args.queue, exact: true }).waitFor();
  await page.getByRole("navigation").getByRole("link", { name: "Jobs" }).click();
  await page.getByLabel("Queue").selectOption(args.queue);
  await page.getByRole("link", { name: args.name }).click();
  await page.getByRole("heading", { name: args.name }).waitFor();
  assert.equal(new URL(page.url()).pathname, `/job/${args.job}`);
  await page.getByText("SUCCEEDED").first().waitFor();
  await page.getByText("HOSTILE=<img src=x onerror=alert(1)>").waitFor();
  await page.getByText("JSON", { exact: true }).click();
  await page.getByText('"jobName"').waitFor();

  // What its attempt did and used.
  const phases = page.getByRole("list", { name: "Phases of each attempt" });
  for (const phase of ["waiting for its place", "running"]) await phases.getByText(phase).waitFor();
  const attempt = page.getByRole("region", { name: "Attempts" }).locator("tbody tr").first();
  assert.match(await attempt.innerText(), /\d m?s\t[\d.]+ [KM]iB\t0\t/, "processor time, memory, exit code");

  await page.getByRole("link", { name: "output" }).click();
  const log = page.getByRole("log");
  await log.getByText("<script>alert(1)</script>").waitFor();
  const text = await log.innerText();
  assert.ok(text.includes("\\u202e"), "marks of direction are shown");
  assert.ok(text.includes("red words") && !text.includes("[31m"));
  assert.equal(await log.locator(".ansi-red").first().innerText(), "red words");
  assert.equal(await page.locator("img, script:not([src])").count(), 0);

  // The server searches.
  await page.getByLabel("Search").fill("line 1500");
  await page.keyboard.press("Enter");
  const found = page.getByRole("region", { name: "Lines found" }).first();
  await found.getByText("line 1500").waitFor();
  await found.getByRole("link").first().click();
  await log.getByText("line 1500", { exact: true }).waitFor();
  await page.goBack();
  assert.ok(page.url().includes("search=line"));
  await page.goBack();
  await until("the end", async () => (await log.innerText()).includes("line 3000"));
  assert.ok((await page.locator(".line").count()) <= 200);
};
