import { parseArgs } from 'node:util';
import { Failure, main, run } from './lib/run.mjs';
import { checkRust } from './lib/setup.mjs';

const help = `npm run simulate -- [options]

  --seeds N        so many fresh seeds after the fixed ones (2,500)
  --hours H        fresh seeds for so long
  --from N         where the fresh seeds begin; without it the clock says
  --seed N         one seed, told as a conversation
  --without LIST   that seed without these acts and kinds of faults, as its failure printed them`;

const variables = {
  seeds: 'SIM_SEEDS',
  hours: 'SIM_HOURS',
  from: 'SIM_FROM',
  seed: 'SIM_SEED',
  without: 'SIM_WITHOUT',
};

await main(async () => {
  const names = Object.keys(variables);
  const { values } = parseArgs({
    options: {
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return console.log(help);
  const env = {};
  for (const name of names.filter((name) => values[name] !== undefined)) {
    if (name !== 'without' && !(Number(values[name]) >= 0))
      throw new Failure(`--${name} takes a number, not '${values[name]}'.`);
    env[variables[name]] = values[name];
  }
  await checkRust();
  const test = ['test', '--locked', '--profile', 'simulation', '--test', 'simulation', 'whatever'];
  await run('cargo', [...test, '--', '--nocapture'], { env });
});
