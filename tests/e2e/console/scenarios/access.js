// Every page, in light and dark, and at twice the size: no breach of WCAG 2 A and AA, and nothing
// wider than the window.
module.exports = async (page, args, { assert, breaches, signIn, until }) => {
  await page.goto(args.url + "/");
  await page.getByLabel("Access key id").waitFor();
  const found = (await breaches(page)).map((b) => `sign in: ${b}`);
  await signIn(page, args);
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 640]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 900 });
      for (const place of args.places) {
        await page.goto(args.url + place);
        await page.locator("h1").waitFor();
        await until("the data", async () => !(await page.getByText("Loading …").count()));
        for (const breach of await breaches(page)) found.push(`${scheme} ${width} ${place}: ${breach}`);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (over > 0) found.push(`${width} ${place} is ${over} pixels too wide`);
        if (args.pictures)
          await page.screenshot({ path: `${args.pictures}/${scheme}-${width}${place.replace(/\W/g, "_").slice(0, 60)}.png` });
      }
    }
  }
  assert.deepEqual(found, []);
};
