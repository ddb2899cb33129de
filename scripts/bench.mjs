import { build } from './lib/build.mjs';
import { main } from './lib/run.mjs';

// `npm run bench -- --json`; `-- --help` says what else there is.
await main(async () => {
  await build();
  await import('../benches/run.mjs');
});
