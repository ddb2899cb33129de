import { expect, test } from 'vitest';
import { createTaskEngine, type TaskStore } from '../../../js/index.js';
import { runSlice } from '../../../js/restate/slice.js';
import { createTestHost } from '../../../js/testing/index.js';

test('a slice whose calls are due while its lease has to be renewed goes on once it is', async () => {
  const work = { description: 'Works.', inputSchema: { type: 'object' }, execute: () => 'worked' };
  const milestones = [{ name: 'All', items: [{ name: 'Item 1' }] }];
  const { host, clock, taskId, userId, done } = createTestHost({
    turns: [{ text: 'On it.', tools: [{ name: 'work', input: {} }] }, 'Done.'],
    task: { title: 'A task', milestones },
    tools: { work },
    defaults: { leaseTtlMs: 3_000 },
  });
  const inner = host.store as TaskStore;
  let busyUntil: number | undefined;
  const answered = () =>
    new Promise<void>((resolve) => void clock.after((busyUntil ?? 0) - clock.now(), resolve));
  const store: TaskStore = {
    ...inner,
    async commit(writes, options) {
      const stored = await inner.commit(writes, options);
      // Nothing is answered until two thirds of the lease are over.
      if (JSON.stringify(writes).includes('toolUse')) busyUntil ??= clock.now() + 2_300;
      await answered();
      return stored;
    },
    async read(paths, options) {
      await answered();
      return inner.read(paths, options);
    },
  };
  const engine = createTaskEngine({ ...host, store });
  await engine.lifecycle(taskId, userId).start();
  const { signal } = new AbortController();
  const end = await runSlice({ engine }, { userId, taskId }, { intent: 'run', sliceMs: 20_000, signal });
  expect(busyUntil).toBeDefined();
  expect(end).toEqual({ kind: 'ended', status: 'completed' });
  done();
});
