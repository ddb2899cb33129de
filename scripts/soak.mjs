import { build } from './lib/build.mjs';
import { Failure, main, run } from './lib/run.mjs';

// `npm run soak -- --tasks 10000 --at-once 200 --seed 1`; `-- --help` says what else there is.
await main(async () => {
  await build();
  try {
    await run('node', ['--expose-gc', 'tests/soak/run.mjs', ...process.argv.slice(2)]);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // what is wrong has been printed
    process.exitCode = 1;
  }
});
