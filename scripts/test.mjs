import { build } from './lib/build.mjs';
import { Failure, main, say, seconds } from './lib/run.mjs';
import { onlyByName, stages } from './lib/stages.mjs';

// `npm test` runs everything but what is run by name only; `npm test -- core unit` only the stages that are named. One that fails keeps none of the
// others from running.
await main(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !(name in stages));
  if (unknown !== undefined) {
    throw new Failure(`there is no stage '${unknown}'; there are ${Object.keys(stages).join(', ')}`);
  }
  const all = Object.keys(stages).filter((name) => !onlyByName.includes(name));
  const names = wanted.length > 0 ? wanted : all;
  const began = Date.now();
  await build();

  const lines = [];
  const broken = [];
  const total = { passed: 0, failed: 0 };
  for (const [index, name] of names.entries()) {
    say(`\n── ${index + 1}/${names.length} ${name}`);
    const stageBegan = Date.now();
    let failure;
    let counts;
    try {
      counts = await stages[name]();
    } catch (error) {
      failure = error;
      // A stage that fails without a failed test (a lint, a compile error) still is a failure to count.
      counts = { passed: error.counts?.passed ?? 0, failed: Math.max(1, error.counts?.failed ?? 0) };
    }
    total.passed += counts?.passed ?? 0;
    total.failed += counts?.failed ?? 0;
    const counted = counts ? `${counts.passed} passed, ${counts.failed} failed` : '';
    lines.push(`${failure ? '✗' : '✓'} ${name.padEnd(12)} ${seconds(stageBegan).padStart(8)}  ${counted}`);
    if (failure) {
      say(`\nerror in ${name}: ${failure instanceof Failure ? failure.message : failure.stack}`);
      broken.push(name);
    }
  }

  console.log(`\n${lines.join('\n')}\nin ${seconds(began)}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  if (broken.length > 0) {
    console.log(`failed: ${broken.join(', ')}; again with: npm test -- ${broken.join(' ')}`);
    process.exitCode = 1;
  }
});
