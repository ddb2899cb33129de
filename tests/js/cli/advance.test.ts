import { expect, test } from 'vitest';
import { advance } from '../../../js/cli/demo/advance.js';
import { createTestHost } from '../../../js/testing/index.js';

test('what is told of items done brings a progress up to what the task says of itself', async () => {
  const milestones = ['First', 'Second'].map((name) => ({
    name,
    items: ['a', 'b'].map((item) => ({ name: `${name} ${item}` })),
  }));
  const host = createTestHost({ task: { title: 'T', milestones }, turns: ['1', '2', '3', '4'] });
  const executor = host.executor();
  let { progress } = await executor.state();
  executor.on('task:progress_update', (event) => {
    progress = advance(progress, { type: 'task:progress_update', ...event });
  });
  await executor.start();
  const shown = (await executor.state()).progress;
  expect(progress.overall).toBe(100);
  expect(
    Object.values(progress.tasks)
      .flat()
      .map(({ status }) => status),
  ).toEqual(Array(4).fill('completed'));
  const counts = (of: typeof shown) =>
    of.milestones.map(({ id, status, progress, tasks_completed, tasks_total }) => [
      id,
      status,
      progress,
      tasks_completed,
      tasks_total,
    ]);
  expect(counts(progress)).toEqual(counts(shown));
});
