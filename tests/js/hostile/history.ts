import { virtualClock } from '../../../js/clock.js';
import { TaskExecutor, type TaskStore, tool } from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { Document } from './documents.js';
import { olderTask } from './documents.js';
import { snapshot, storeWith, taskPath } from './store.js';

/** Tools of which one waits for approval. */
export const tools = {
  look: tool({
    description: 'Looks.',
    inputSchema: { type: 'object' },
    execute: () => ({ seen: [1, null] }),
  }),
  write: tool({
    description: 'Writes.',
    inputSchema: { type: 'object' },
    needsApproval: true,
    execute: () => 'written',
  }),
};

/**
 * What is stored of a task that was paused while a call waits for approval, after a turn with text, reasoning and two
 * calls, a message of the user, a rejection and a completed item. Documents by their path relative to the task.
 */
export async function pausedHistory(): Promise<Record<string, Document>> {
  const store = await storeWith({ '': olderTask() });
  const model = scriptedModel([
    {
      reasoning: 'Hm.',
      text: 'Looking.',
      tools: [
        { name: 'look', input: { at: 'x' }, id: 'c1' },
        { name: 'write', input: {}, id: 'c2' },
      ],
    },
    'The first is done.',
    { tools: [{ name: 'write', input: { to: 'y' }, id: 'c3' }] },
  ]);
  const executor = new TaskExecutor('t', 'u', { store, model, tools, clock: virtualClock() });
  executor.on('task:approval_required', ({ toolCall: { id } }) => {
    if (id === 'c2') void executor.send('Mind the gap.').then(() => executor.reject('c2', 'not now'));
    else void executor.pause();
  });
  await executor.start();
  return documentsOf(store);
}

/** All documents by their path relative to the task. */
export async function documentsOf(store: TaskStore): Promise<Record<string, Document>> {
  const entries = [...(await snapshot(store))];
  return Object.fromEntries(
    entries.map(([path, json]) => [path.slice(taskPath.length + 1), JSON.parse(json) as Document]),
  );
}
