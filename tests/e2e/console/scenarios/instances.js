// From an environment to an instance to the job that runs on it.
module.exports = async (page, args, { signIn }) => {
  await signIn(page, args, `/environments?name=${args.environment}`);
  const environment = page.getByRole("region", { name: args.environment, exact: true });
  await environment.getByRole("link", { name: /^i-/ }).first().click();
  await page.getByRole("heading", { name: "Instance i-" }).waitFor();
  await page.getByText("ACTIVE").waitFor();
  await page.reload();
  await page.getByRole("region", { name: "Jobs on the instance" }).getByRole("link", { name: args.name }).click();
  await page.getByRole("heading", { name: args.name }).waitFor();
};
