import { bin, main, run } from './lib/run.mjs';
import { checkNode, checkRust, installPackages } from './lib/setup.mjs';

await main(async () => {
  checkNode();
  await checkRust();
  await installPackages();
  await run('cargo', ['fmt', '--all']);
  await run(bin('biome'), ['check', '--write']);
});
