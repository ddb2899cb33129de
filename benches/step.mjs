// What the engine takes for a step (a turn of the model with a tool use, and its result) early in a task and after a
// thousand turns of it; without what the store takes.
import { createTask, TaskExecutor } from 'task-execution-engine';
import { cpuMicros, rounded, spread } from './lib/numbers.mjs';
import { modelOf, observedStore, planOf } from './lib/world.mjs';

// Turns around the 10th and the 1,000th; short tasks are run as often as gives as many steps.
const early = { from: 5, to: 15, tasks: 10 };
const late = { from: 950, to: 1_050, tasks: 1 };
const warmUps = 6;
const rounds = 7;

const look = {
  description: 'Looks at a file.',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  execute: ({ path }) => `${path} has nothing new. `.repeat(20),
};

/** Runs a task of `to` steps; CPU microseconds of a step from step `from` on. */
async function stepsOf({ from, to }) {
  const { store, spent } = observedStore();
  const micros = () => cpuMicros() - spent.micros;
  let began = 0;
  let ended = 0;
  const model = modelOf((n) => {
    if (n === from) began = micros();
    if (n < to) {
      const uses = [{ id: `look-${n}`, name: 'look', input: { path: `src/file-${n}.ts` } }];
      return { text: `Looking at file ${n} next.`, uses };
    }
    ended = micros();
    return { text: 'All of them are fine.' };
  });
  const host = { store, model, tools: { look }, defaults: { limits: { iterations: Infinity } } };
  const { id } = await createTask('u', { title: 'A task', milestones: planOf(1) }, host);
  const executor = new TaskExecutor(id, 'u', host);
  executor.on('task:tool_result', () => {});
  await executor.start();
  if (executor.status !== 'completed') throw new Error(`The task is ${executor.status}.`);
  return (ended - began) / (to - from);
}

async function microsPerStep(window) {
  const costs = [];
  for (let n = 0; n < window.tasks; n += 1) costs.push(await stepsOf(window));
  return costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
}

export default async function measure() {
  const costs = { early: [], late: [] };
  const ratios = [];
  for (let round = -warmUps; round < rounds; round += 1) {
    const first = await microsPerStep(early);
    // One long task warms up as much as hundreds of short ones.
    if (round < -1) continue;
    const later = await microsPerStep(late);
    if (round < 0) continue;
    costs.early.push(rounded(first, 0));
    costs.late.push(rounded(later, 0));
    ratios.push(rounded(later / first, 2));
  }
  return [
    { name: 'engine CPU per step at 10 turns', unit: 'µs', ...spread(costs.early) },
    { name: 'engine CPU per step at 1,000 turns', unit: 'µs', budget: 400, ...spread(costs.late) },
    { name: 'the latter over the former', unit: '×', budget: 1.2, ...spread(ratios) },
  ];
}
