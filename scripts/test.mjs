import { build } from './lib/build.mjs';
import { Failure, main } from './lib/run.mjs';
import { runStages } from './lib/run-stages.mjs';
import { stages } from './lib/stages.mjs';

// `npm test` runs everything; `npm test -- core unit` only the stages that are named.
await main(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !(name in stages));
  if (unknown !== undefined) {
    throw new Failure(`there is no stage '${unknown}'; there are ${Object.keys(stages).join(', ')}`);
  }
  const names = wanted.length > 0 ? wanted : Object.keys(stages);
  await build();
  const { summary, broken } = await runStages(Object.fromEntries(names.map((name) => [name, stages[name]])));
  console.log(`\n${summary}`);
  if (broken.length > 0) process.exitCode = 1;
});
