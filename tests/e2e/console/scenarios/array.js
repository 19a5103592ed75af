// An array as a picture: its cells, its legend, the keyboard; the children that failed, which run again
// with the indexes that they had; and what waits for the array.
module.exports = async (page, args, { assert, signIn, until }) => {
  await signIn(page, args, `/job/${args.job}`);
  const picture = page.getByRole("img", { name: "The children" });
  await picture.waitFor();
  assert.match(await picture.getAttribute("aria-label"), /30 SUCCEEDED, 10 FAILED/);
  const inked = () =>
    picture.evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let sum = 0;
      for (let i = 3; i < data.length; i += 4) sum += data[i];
      return sum;
    });
  const all = await inked();
  assert.ok(all > 0, "cells are drawn");
  const failed = page.getByRole("button", { name: "FAILED: 10" });
  await failed.click();
  assert.equal(await failed.getAttribute("aria-pressed"), "false");
  await until("dimmed cells", async () => (await inked()) < all);

  await picture.focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowRight");
  await page.getByText("Child 3: FAILED").waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("Essential container in task exited").first().waitFor();
  assert.equal(decodeURIComponent(new URL(page.url()).pathname), `/job/${args.job}:3`);
  await page.getByRole("link", { name: "the array" }).click();
  await page.getByLabel("Go to index").fill("39");
  await page.keyboard.press("Enter");
  await until("child 39", async () => decodeURIComponent(page.url()).endsWith(":39"));
  await page.goBack();

  // Those that failed are listed without being asked for.
  const rows = page.getByRole("region", { name: "Children FAILED" }).locator("tbody tr");
  await until("the failed ones", async () => (await rows.count()) === 10);
  assert.ok((await rows.first().innerText()).includes("7"), "with their exit codes");
  await page.getByRole("link", { name: "hide" }).click();
  await until("no list", async () => (await rows.count()) === 0);
  await page.getByRole("img", { name: "Run times: shortest" }).waitFor();

  await page.getByRole("button", { name: "Run failed children again" }).click();
  await page.getByText("one new array of 10 children").waitFor();
  await page.getByText("3,7,11-18/40").first().waitFor();
  await page.getByRole("button", { name: "Submit" }).click();
  await until("the new array", async () => !page.url().includes(args.job));
  const made = new URL(page.url()).pathname.split("/")[2];
  await page.getByRole("heading", { name: "10 children" }).waitFor();

  await page.goto(`${args.url}/job/${args.after}`);
  await page.getByRole("region", { name: "Dependencies" }).first().getByText("picture").waitFor();
  await page.getByText("Dependent Job failed").first().waitFor();
  return { made };
};
