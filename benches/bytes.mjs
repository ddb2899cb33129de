// What the store is given for a step, counted as Firestore counts documents, against twice the text of the conversation,
// 1.5 KB a commit, and the plan's bytes where a commit rolls progress up.
import { bytesWritten, planWritten, sumOf, textOf } from './lib/bytes.mjs';
import { completedTask, modelOf } from './lib/world.mjs';

const steps = 100;
const perCommit = 1_536;

/** A task of as many steps as items, or of steps with a tool use each, and one more. */
async function bytesOfStep(name, { said, result, items, ceiling }) {
  const says = (n) => `${n} ${'s'.repeat(said)}`;
  const uses = (n) => [{ id: `look-${n}`, name: 'look', input: { path: `src/file-${n}.ts` } }];
  const turn = (n) => ({ text: says(n), uses: result === undefined || n === steps ? [] : uses(n) });
  const model = modelOf(turn);
  let conversation;
  const listening = {
    stream(request) {
      conversation = request.messages;
      return model.stream(request);
    },
  };
  const commits = [];
  await completedTask({
    model: listening,
    tools: {
      look: { description: 'Looks.', inputSchema: { type: 'object' }, execute: () => 'r'.repeat(result) },
    },
    items,
    store: { onCommit: (writes) => commits.push(writes) },
  });
  // Without the lease and the beginning.
  const own = commits.filter((writes) => writes.some(({ path }) => path.includes('/journal/'))).slice(1);
  const last = [{ content: [{ text: says(0) }] }];
  const text = sumOf([...conversation, ...last], ({ content }) => sumOf(content, textOf));
  const budget = 2 * text + own.length * perCommit + sumOf(own.flat(), planWritten);
  const count = result === undefined ? items : steps;
  return {
    name,
    unit: 'bytes',
    value: Math.round(sumOf(own.flat(), bytesWritten) / count),
    budget: Math.round(budget / count),
    ceiling,
  };
}

// Ceilings are ratchets: lower them with every step towards the budget, and remove them there.
export default async function measure() {
  return [
    await bytesOfStep('bytes per step, little text', { said: 40, result: 40, items: 1 }),
    await bytesOfStep('bytes per step, the model says 4 KB', { said: 4_000, result: 40, items: 1 }),
    await bytesOfStep('bytes per step, the tool says 4 KB', { said: 40, result: 4_000, items: 1 }),
    await bytesOfStep('bytes per item done, plan of 10', { said: 400, items: 10, ceiling: 3_800 }),
    await bytesOfStep('bytes per item done, plan of 100', { said: 400, items: 100, ceiling: 10_800 }),
    await bytesOfStep('bytes per item done, the model says 4 KB', {
      said: 4_000,
      items: 10,
      ceiling: 11_000,
    }),
  ];
}
