// Commits of a run: one for each turn of the model, at most one for each result; those of lease and inbox apart.
import { setTimeout as sleep } from 'node:timers/promises';
import { rounded } from './lib/numbers.mjs';
import { completedTask, modelOf } from './lib/world.mjs';

const items = 10;
const turnsPerItem = 4;
const callsPerTurn = 3;
const messages = 5;

/** What a commit is for: the first that applies; what else a commit journals comes along. */
const reasons = ['begun', 'turn', 'result', 'received'];

function reasonOf(commit) {
  const entry = commit.find(({ path }) => path.includes('/journal/'));
  if (entry) return reasons.find((kind) => entry.data.kinds.includes(kind)) ?? 'other';
  return commit.some(({ op, path }) => op === 'create' && path.includes('/inbox/')) ? 'inbox' : 'lease';
}

export default async function measure() {
  const turns = items * turnsPerItem;
  const results = items * (turnsPerItem - 1) * callsPerTurn;
  const commits = [];
  let executor;
  let sent = 0;
  const model = modelOf((n) => {
    if (n % turnsPerItem === turnsPerItem - 1) return { text: 'This item is done.' };
    const uses = Array.from({ length: callsPerTurn }, (_, c) => ({
      id: `wait-${n}-${c}`,
      name: 'wait',
      input: { n, ms: 1 + 6 * c },
    }));
    return { text: 'Three at once.', uses };
  });
  const wait = {
    description: 'Takes a while.',
    inputSchema: { type: 'object' },
    // One after the other, so that results can share no commit.
    async execute({ n, ms }) {
      if (ms === 1 && n % 7 === 0 && sent < messages) {
        sent += 1;
        await executor.send('Go on.');
      }
      await sleep(ms);
      return 'done';
    },
  };
  await completedTask({
    model,
    tools: { wait },
    items,
    store: { onCommit: (commit) => commits.push(commit) },
    onExecutor: (made) => {
      executor = made;
    },
  });

  const count = (...wanted) => commits.filter((commit) => wanted.includes(reasonOf(commit))).length;
  return [
    { name: 'commits per turn', unit: '', budget: 1, value: rounded(count('turn', 'other') / turns, 2) },
    {
      name: 'commits per result, none at the same time',
      unit: '',
      budget: 1,
      value: rounded(count('result') / results, 2),
    },
    { name: 'commits to begin a run', unit: '', value: count('begun') },
    { name: 'lease writes of a run', unit: '', value: count('lease') },
    { name: 'inbox writes per message sent', unit: '', value: rounded(count('inbox') / sent, 2) },
    { name: 'commits per message taken in', unit: '', value: rounded(count('received') / sent, 2) },
  ];
}
