/**
 * `node --expose-gc tests/soak/run.mjs`: runs tasks in one process and fails where anything grows, ends otherwise than
 * expected, or is stored wrongly. `--help` says what there is.
 */
import { parseArgs } from 'node:util';
import { verdicts } from './flat.mjs';
import { installGauges, isBusy, sample, sleep } from './gauges.mjs';
import { summaryOf, tableOf } from './report.mjs';

const usage = `Usage: npm run soak -- [--tasks N] [--at-once N] [--followers N] [--samples N] [--seed N] [--leak WHAT]

  --tasks      in all; default 10000
  --at-once    so many live at the same time; default 200
  --followers  of all tasks that live at the same time; default: up to two a task
  --samples    so often everything ends and is counted; default 20
  --seed       repeats what is drawn, not the timing
  --leak       timer, listener, watch, handle, follower, object, document or heap: shows that the leak is found`;

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '10000' },
    'at-once': { type: 'string', default: '200' },
    followers: { type: 'string' },
    samples: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    leak: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit();
}
const [tasks, atOnce, samples, seed] = [values.tasks, values['at-once'], values.samples, values.seed].map(
  Number,
);
const { leak } = values;

installGauges({ leak });
const { createWorld, runOptions } = await import('./world.mjs');
const { Life } = await import('./life.mjs');
const { Random } = await import('./random.mjs');

const random = new Random(seed);
const world = await createWorld({ seed, random, leak });
world.tally = {};

const troubles = [];
let begun = 0;

async function lane(last) {
  while (begun < last) {
    const n = begun++;
    const followers =
      values.followers === undefined
        ? Math.floor(random.between(0, 3))
        : Math.round(Number(values.followers) / atOnce);
    const life = new Life(world, n, seed, followers);
    try {
      await life.run();
    } catch (error) {
      life.trouble(error.stack);
    }
    for (const trouble of life.troubles) {
      if (troubles.push(trouble) <= 20) console.error(trouble);
    }
  }
}

/** What the store has left hanging is given up at its deadline, also where nobody waits for it any more. */
async function givenUp() {
  const until = performance.now() + runOptions.storeTimeoutMs + 1_000;
  while (isBusy() && performance.now() < until) await sleep(100);
}

const taken = [];
const began = performance.now();
for (let block = 1; block <= samples; block += 1) {
  const last = Math.round((tasks / samples) * block);
  await Promise.all(Array.from({ length: Math.min(atOnce, last - begun) }, () => lane(last)));
  if (block % 4 === 0) await Promise.all(world.engines.map((engine) => engine.drain()));
  const seconds = (performance.now() - began) / 1000;
  // timers that only end what has ended, such as late commits
  await sleep(50);
  if (leak === undefined) await givenUp();
  taken.push({ tasks: last, seconds, ...(await sample(world)) });
  const { heap, wasm } = taken.at(-1);
  const kilo = [heap, wasm].map((bytes) => Math.round(bytes / 1024)).join(' and ');
  console.error(
    `${last} of ${tasks} tasks after ${seconds.toFixed(0)} s, ${troubles.length} troubles, heap and wasm ${kilo} KB`,
  );
}

const judged = verdicts(taken);
console.log(tableOf(taken));
console.log(
  summaryOf({
    taken,
    judged,
    tally: world.tally,
    thrown: world.thrown,
    injected: world.store.injected,
    seed,
  }),
);
const grown = judged.filter(({ flat }) => !flat).map(({ gauge }) => gauge);
if (grown.length > 0) console.log(`grows: ${grown.join(', ')}`);
if (troubles.length > 0) console.log(`${troubles.length} troubles; again with --seed ${seed}`);
process.exitCode = grown.length + troubles.length > 0 ? 1 : 0;
