// Documents and collections that the engine asks its store for at a safe point: between one commit, or request to the
// model, and the next.

import { rounded } from './lib/numbers.mjs';
import { completedTask, modelOf } from './lib/world.mjs';

const items = 10;
const turnsPerItem = 5;

async function readsPerSafePoint(watch) {
  const counts = [];
  let reads = 0;
  const turn = modelOf((n) => {
    if (n % turnsPerItem === turnsPerItem - 1) return { text: 'This item is done.' };
    return { text: 'Looking.', uses: [{ id: `look-${n}`, name: 'look', input: { n } }] };
  });
  const model = {
    stream(...request) {
      counts.push(reads);
      reads = 0;
      return turn.stream(...request);
    },
  };
  await completedTask({
    model,
    tools: { look: { description: 'Looks.', inputSchema: { type: 'object' }, execute: () => 'nothing' } },
    items,
    store: {
      watch,
      onRead: (paths) => {
        reads += paths.length;
      },
      onCommit: (commit) => {
        // Only an item's completion has a safe point before it; what else is committed does not end one.
        const completes = commit.some(({ data }) => data?.kinds?.includes('done'));
        if (completes) counts.push(reads);
        if (completes || commit.some(({ data }) => data?.kinds?.includes('begun'))) reads = 0;
      },
    },
  });
  return counts;
}

function most(counts) {
  return counts.reduce((most, count) => Math.max(most, count), 0);
}

function average(counts) {
  return rounded(counts.reduce((sum, count) => sum + count, 0) / counts.length, 2);
}

export default async function measure() {
  const polled = await readsPerSafePoint(false);
  const watched = await readsPerSafePoint(true);
  return [
    { name: 'reads at a safe point without watch, most', unit: '', budget: 2, value: most(polled) },
    { name: 'reads at a safe point without watch, mean', unit: '', budget: 2, value: average(polled) },
    { name: 'reads at a safe point with watch, mean', unit: '', value: average(watched) },
  ];
}
