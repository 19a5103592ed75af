// A key with few rights sees its queue, is told why it does not see others, and hears of no others.
module.exports = async (page, args, { assert, may, signIn, until }) => {
  may("400");
  may("403");
  // The places show something to whoever may see it.
  const context = await page.context().browser().newContext({ ignoreHTTPSErrors: true });
  const root = await context.newPage();
  root.setDefaultTimeout(60000);
  await signIn(root, { ...args, key: args.root });
  for (const [place, text] of args.places) {
    await root.goto(args.url + place);
    await root.getByRole("main").getByText(text).first().waitFor();
  }
  await context.close();

  await page.exposeFunction("ready", () => console.log("READY"));
  await signIn(page, args, `/jobs?queue=${args.queue}`);
  await page.getByRole("link", { name: args.name }).first().waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  const stream = await page.evaluate(
    ([own, other]) =>
      new Promise((done) => {
        const pass = localStorage.getItem("openbatch-pass");
        const query = new URLSearchParams([["pass", pass], ["queue", own], ["queue", other]]);
        const source = new EventSource(`/live?${query}`);
        const heard = [];
        source.onmessage = (e) => {
          heard.push(e.data);
          if (e.data.includes('"live":true')) window.ready(); // the test submits jobs now
          if (e.data.includes(own)) setTimeout(() => done(heard.join()), 1500);
        };
      }),
    [args.own, args.other],
  );
  assert.ok(stream.includes(args.own) && !stream.includes(args.other));

  for (const [place, text] of args.places) {
    await page.goto(args.url + place);
    const main = page.getByRole("main");
    await until(`an answer at ${place}`, async () => {
      const said = await main.innerText();
      return said.includes("No job matches.") || (await main.getByRole("alert").count()) > 0;
    });
    assert.ok(!(await main.innerText()).includes(text), `${place} shows ${text}`);
  }

  // Numbers need a right that this key has not: the screens stand without them.
  await page.goto(`${args.url}/queue/${args.queue}`);
  await page.getByRole("heading", { name: `Queue ${args.queue}` }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  await page.goto(args.url + "/");
  const rows = page.getByRole("region", { name: "Queues" }).locator("tbody tr");
  await rows.first().waitFor();
  assert.equal(await rows.count(), 1);
  assert.ok((await rows.first().innerText()).includes(args.queue));
};
