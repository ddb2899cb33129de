import { parseArgs } from 'node:util';
import { collect, sampleOf } from './lib/mutants/collect.mjs';
import { readFates, runMutants } from './lib/mutants/fates.mjs';
import { printSummary } from './lib/mutants/summary.mjs';
import { Failure, main, say } from './lib/run.mjs';
import { checkRust } from './lib/setup.mjs';

const help = `npm run mutants -- [options]

  --sample N       only so many, chosen by --seed, none that may survive
  --seed S         a number; without it one is chosen and printed
  --breakages      only the deliberate ones of tests/mutants/breakages/
  --generated      only those of cargo-mutants
  --only PATTERN   only those whose file or name fits the regular expression
  --uncaught       only those that nothing has caught so far, on whatever code it was: what survived or was never tried
  --again          also those that were tried on the present code already
  --jobs N         so many at a time (2)
  --list           name them and try none
  --summary        the figures of what was tried before`;

await main(async () => {
  const { values: given } = parseArgs({
    options: {
      sample: { type: 'string' },
      seed: { type: 'string' },
      breakages: { type: 'boolean' },
      generated: { type: 'boolean' },
      only: { type: 'string' },
      uncaught: { type: 'boolean' },
      again: { type: 'boolean' },
      jobs: { type: 'string', default: '2' },
      list: { type: 'boolean' },
      summary: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (given.help) return console.log(help);
  await checkRust();
  const both = Boolean(given.breakages) === Boolean(given.generated);
  const all = await collect({
    breakages: both || given.breakages === true,
    generated: both || given.generated === true,
  });
  const chosen = choose(all, given);
  if (given.list) {
    for (const { key } of chosen) console.log(key);
    return say(`${chosen.length} mutants`);
  }
  if (!given.summary) {
    const again = given.again || given.sample !== undefined;
    await runMutants(chosen, { jobs: whole('jobs', given.jobs), again });
  }
  if (!printSummary(chosen)) process.exitCode = 1;
});

function choose(all, { only, uncaught, sample, seed }) {
  const pattern = new RegExp(only ?? '');
  const fates = uncaught ? readFates() : {};
  const fitting = all.filter(
    ({ key, file }) =>
      (pattern.test(file) || pattern.test(key)) &&
      (!uncaught || (fates[key]?.fate ?? 'survived') === 'survived'),
  );
  if (sample === undefined) return fitting;
  const chosenBy = seed === undefined ? Math.floor(Math.random() * 2 ** 32) : whole('seed', seed);
  say(`• a sample of ${sample} of ${fitting.length}: --sample ${sample} --seed ${chosenBy}`);
  return sampleOf(
    fitting.filter(({ equivalent }) => !equivalent),
    whole('sample', sample),
    chosenBy,
  );
}

function whole(name, text) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0)
    throw new Failure(`--${name} is ${text}, expected a whole number`);
  return number;
}
