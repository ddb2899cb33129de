// What a task costs where many are under way in one process: CPU of a thousand that run at once, and of as many in tens,
// one ten after the other. Each makes a few turns with a tool on a store in memory, with a listener and a follower.
import { createTaskEngine, memoryStore } from 'task-execution-engine';
import { rounded, spread } from './lib/numbers.mjs';
import { modelOf } from './lib/world.mjs';

const total = 1_000;
const few = 10;
const turns = 5;
const rounds = 3;
const said = 's'.repeat(200);

const soon = () => new Promise((resolve) => setTimeout(resolve, 1));
const tools = {
  look: {
    description: 'Looks.',
    inputSchema: { type: 'object' },
    // as tools do: later, so that all the tasks are under way together
    execute: () => soon().then(() => said),
  },
};

const busy = () =>
  modelOf((n) => {
    if (n === turns) return { text: 'Done.' };
    return { text: `${n} ${said}`, uses: [{ id: `look-${n}`, name: 'look', input: { n } }] };
  });

/** Microseconds of CPU that a task takes of those that begin together. */
async function cpuOfTask(engines) {
  const begun = process.cpuUsage();
  await Promise.all(
    engines.map(async ({ engine, id }) => {
      const executor = engine.executor(id, 'u');
      executor.on('task:message', () => {});
      await executor.start();
      const { status, error } = executor.outcome;
      if (status !== 'completed') throw new Error(`A task ended ${status}.`, { cause: error });
    }),
  );
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / engines.length;
}

async function tasksOf(store, count) {
  const made = [];
  for (let n = 0; n < count; n += 1) {
    const engine = createTaskEngine({ store, model: busy(), tools });
    made.push({ engine, id: (await engine.createTask('u', { title: `Task ${n}` })).id });
  }
  return made;
}

/** As many tasks, so many at once, in a store of their own. */
async function round(atOnce) {
  const tasks = await tasksOf(memoryStore(), total);
  globalThis.gc?.();
  const costs = [];
  for (let n = 0; n < total; n += atOnce) costs.push(await cpuOfTask(tasks.slice(n, n + atOnce)));
  return costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
}

export default async function measure() {
  // the first tasks of a process cost several times a warm one
  await round(few);
  await round(total);
  const together = [];
  const apart = [];
  for (let n = 0; n < rounds; n += 1) {
    apart.push(await round(few));
    together.push(await round(total));
  }
  const row = (name, numbers) => {
    const { value, least, most } = spread(numbers.map((number) => rounded(number, 0)));
    return { name, unit: 'µs', value, least, most };
  };
  const ratios = spread(together.map((cost, n) => rounded(cost / apart[n], 2)));
  return [
    row(`CPU of a task, ${few} at once`, apart),
    row(`CPU of a task, ${total} at once`, together),
    { name: `${total} at once against ${few}`, unit: '×', budget: 1.1, ...ratios },
  ];
}
