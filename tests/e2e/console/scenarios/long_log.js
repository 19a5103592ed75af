// More lines than a page keeps: whichever are shown, none between them is missing.
const HEIGHT = 20;

/** Looks at every five hundredth place: a line's number says which one stands there. From a place on:
 * at the very top earlier lines would come in. */
const walk = async (box, [start, HEIGHT]) => {
  const AROUND = 20;
  const part = box.firstElementChild.firstElementChild;
  const wrong = [];
  let first = 0; // of all that are kept
  let last = 0;
  for (let top = start * HEIGHT; ; top += 500 * HEIGHT) {
    box.scrollTop = top;
    const from = Math.max(0, Math.floor(box.scrollTop / HEIGHT) - AROUND);
    while (part.style.top !== `${from * HEIGHT}px`) await new Promise((go) => requestAnimationFrame(go));
    const shown = [...box.querySelectorAll(".line")].map((line) => Number(/line (\d+)$/.exec(line.textContent)[1]));
    first ||= shown[0] - from;
    shown.forEach((n, i) => n === first + from + i || wrong.push(`${n} at ${from + i}`));
    last = shown[shown.length - 1];
    if (top >= box.scrollHeight) return { first, last, wrong };
  }
};

module.exports = async (page, args, { assert, signIn, until }) => {
  await signIn(page, args, `/log?group=/aws/batch/job&stream=${encodeURIComponent(args.stream)}`);
  const log = page.getByRole("log");
  await log.getByText(`line ${args.lines}`, { exact: true }).waitFor();
  await page.getByLabel("follow").uncheck();
  await until("the first line", async () => {
    await log.evaluate((box) => void (box.scrollTop = box.scrollTop === 0 ? 1 : 0));
    return page.getByText("From the first line on.").count();
  });
  const begin = await log.evaluate(walk, [0, HEIGHT]);
  assert.deepEqual(begin.wrong, []);
  assert.equal(begin.first, 1);
  assert.ok(begin.last >= 18000 && begin.last <= 20000, `up to ${begin.last}`);

  const later = page.getByRole("button", { name: "later lines" });
  await until("the last line", async () => {
    await later.click({ timeout: 1000 }).catch(() => undefined);
    return !(await later.count());
  });
  const end = await log.evaluate(walk, [2, HEIGHT]);
  assert.deepEqual(end.wrong, []);
  assert.equal(end.last, args.lines);
  assert.ok(end.first > 1 && end.last - end.first < 20000);
  await page.getByText("There are earlier lines").waitFor();
};
