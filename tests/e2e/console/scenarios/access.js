// Every page, in light at twice the size and in dark: no breach of WCAG 2 A and AA, and nothing wider
// than the window.
const LOOKS = [
  { colorScheme: "light", width: 640 }, // 1280 pixels at 200 %
  { colorScheme: "dark", width: 1280 },
];

module.exports = async (page, args, { assert, breaches, signIn, until }) => {
  const found = [];
  const look = async (place) => {
    for (const { colorScheme, width } of LOOKS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      for (const breach of await breaches(page)) found.push(`${colorScheme} ${width} ${place}: ${breach}`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) found.push(`${width} ${place} is ${over} pixels too wide`);
      if (args.pictures)
        await page.screenshot({ path: `${args.pictures}/${colorScheme}${place.replace(/\W/g, "_").slice(0, 60)}.png` });
    }
  };
  await page.goto(args.url + "/");
  await page.getByLabel("Access key id").waitFor();
  await look("sign in");
  await signIn(page, args);
  for (const place of args.places) {
    await page.goto(args.url + place);
    await page.locator("h1").waitFor();
    await until("the data", async () => !(await page.getByText("Loading …").count()));
    await look(place);
  }
  assert.deepEqual(found, []);
};
