// Drives one product: `node main.mjs PRODUCT fill|work backlog|recurring COUNT`.
//
// `fill` adds COUNT jobs and ends. `work` runs a worker until it is killed. Job number 7 calls /e/7 of the target; a
// recurring job does so every second. `node main.mjs PRODUCT settings` prints how the product is set.

const [product, role, workload, count] = process.argv.slice(2);
const driver = await import(`./${product}.mjs`);

if (role === 'work') {
  await driver.work(workload);
} else {
  if (role === 'fill') {
    await driver.fill(workload, Number(count));
  } else {
    console.log(driver.settings);
  }
  // Connections that are still open would keep the process alive.
  process.exit(0);
}
