// The services, who leads, how long rounds take, what PostgreSQL is.
module.exports = async (page, args, { signIn }) => {
  await signIn(page, args);
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByRole("heading", { name: "System" }).waitFor();
  const services = page.getByRole("region", { name: "Services" });
  for (const service of ["api", "scheduler", "scaler"])
    await services.getByRole("row", { name: new RegExp(`^${service} .*healthy`) }).waitFor();
  const leaders = page.getByRole("region", { name: "Leaders" });
  for (const role of ["scheduler", "scaler"])
    await leaders.getByRole("row", { name: new RegExp(`^${role} .*yes [1-9]`) }).waitFor();
  await page.getByText(/^[\d,]+ that changed something$/).waitFor();
  await page.getByText(/^at most [\d.]+ m?s$/).first().waitFor();
  await page.getByText(`version ${args.schema}`).waitFor();
};
