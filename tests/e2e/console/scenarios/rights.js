// A key with few rights sees its queue, is told why it does not see others, and hears of no others.
module.exports = async (page, args, { assert, may, signIn }) => {
  may("403");
  await page.exposeFunction("ready", () => console.log("READY"));
  await signIn(page, args, `/jobs?queue=${args.queue}`);
  await page.getByText("is not authorized to perform").first().waitFor({ state: "hidden" });
  await page.locator("h1").waitFor();
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
};
