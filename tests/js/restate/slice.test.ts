import { expect, test } from 'vitest';
import { createTaskEngine, memoryStore, type TaskStore } from '../../../js/index.js';
import { runSlice } from '../../../js/restate/slice.js';
import { scriptedModel } from '../../../js/testing/index.js';

test('a slice whose calls were due while its lease had to be renewed is none that waits for people', async () => {
  const inner = memoryStore();
  let busyUntil: number | undefined;
  const answered = () =>
    new Promise((resolve) => setTimeout(resolve, Math.max(0, (busyUntil ?? 0) - performance.now())));
  const store: TaskStore = {
    ...inner,
    async commit(writes, options) {
      const done = await inner.commit(writes, options);
      // Nothing is answered until two thirds of the lease are over.
      if (JSON.stringify(writes).includes('toolUse')) busyUntil ??= performance.now() + 2_300;
      await answered();
      return done;
    },
    async read(paths, options) {
      await answered();
      return inner.read(paths, options);
    },
  };
  const isAnswered = (content: object[]) => content.some((block) => 'toolResult' in block);
  const model = scriptedModel(({ messages = [] }) =>
    isAnswered(messages.at(-1)?.content ?? [])
      ? 'Done.'
      : { text: 'On it.', tools: [{ name: 'work', input: {} }] },
  );
  const work = { description: 'Works.', inputSchema: { type: 'object' }, execute: () => 'worked' };
  const engine = createTaskEngine({ store, model, tools: { work }, defaults: { leaseTtlMs: 3_000 } });
  const milestones = [{ name: 'All', items: [{ name: 'Item 1' }] }];
  const { id: taskId } = await engine.createTask('u', { title: 'A task', milestones });
  await engine.lifecycle(taskId, 'u').start();
  const { signal } = new AbortController();
  const slice = () =>
    runSlice({ engine }, { userId: 'u', taskId }, { intent: 'run', sliceMs: 20_000, signal });
  const ends = [await slice()];
  while (ends.at(-1)?.kind === 'more' && ends.length < 5) ends.push(await slice());
  expect(busyUntil).toBeDefined();
  // On a busy machine the lease may be renewed a little earlier or later: then the first one ends it.
  expect(ends.map(({ kind }) => kind)).not.toContain('waits');
  expect(ends.at(-1)).toEqual({ kind: 'ended', status: 'completed' });
});
