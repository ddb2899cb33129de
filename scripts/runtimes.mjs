import { build } from './lib/build.mjs';
import { writeMatrix } from './lib/matrix.mjs';
import { main, say } from './lib/run.mjs';
import { hosts, reportOf } from './lib/stages.mjs';

// Runs a task in every runtime, and writes into README.md where it ran.
await main(async () => {
  await build();
  await hosts();
  writeMatrix(reportOf('hosts'));
  say("README.md's table of runtimes is what has just been tested.");
});
