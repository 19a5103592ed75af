// What scenarios share.

const assert = require("assert/strict");
const fs = require("fs");

// A connection that the console closed as the browser took it; the page asks again.
const allowed = ["ERR_SOCKET_NOT_CONNECTED"];

/** From now on errors with this text are expected. */
exports.may = (text) => allowed.push(text);

exports.watch = (page) => {
  const wrong = [];
  const note = (text) => allowed.some((one) => text.includes(one)) || wrong.push(text);
  page.on("console", (m) => m.type() === "error" && note(`${m.text()} ${m.location().url}`));
  page.on("pageerror", (error) => note(String(error)));
  page.on("dialog", (dialog) => {
    note(`a dialog of the browser: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return wrong;
};

/** With an access key, in the form. */
exports.signIn = async (page, args, at = "/") => {
  await page.goto(args.url + at);
  await page.getByLabel("Access key id").fill(args.key.id);
  await page.getByLabel("Secret access key").fill(args.key.secret);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
};

/** Waits until a condition holds; says what it waited for. */
exports.until = async (what, condition, ms = 60000) => {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `not within ${ms} ms: ${what}`);
    await new Promise((go) => setTimeout(go, 100));
  }
};

// Rows and lines after the first dozen are as those before; axe takes long over hundreds of them.
const REPEATED = [["tbody tr:nth-child(n+13)"], [".line:nth-child(n+13)"]];

/** Breaches of WCAG 2 A and AA, in words. The script is axe's; the page's own policy would refuse
 * it as an element, so the debugger evaluates it. */
exports.breaches = async (page) => {
  await page.evaluate(fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  const found = await page.evaluate(
    (exclude) =>
      axe.run(
        { include: [document], exclude },
        { resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] },
      ),
    REPEATED,
  );
  return found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).slice(0, 3).join(" ")}`);
};

exports.assert = assert;
