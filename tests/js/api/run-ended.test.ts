import { expect, test } from 'vitest';
import { TaskLifecycle } from '../../../js/index.js';
import { world } from './world.js';

test('a run that only begins the task tells its end last, and who runs it afterwards is told of its own', async () => {
  const { options, executor } = world(['Done.']);
  const lifecycle = new TaskLifecycle('t', 'u', options);
  const told: [string, unknown][] = [];
  for (const type of ['task:started', 'task:resumed', 'task:run_ended', 'task:error'] as const) {
    lifecycle.on(type, (payload: object) => told.push([type, payload]));
  }
  await lifecycle.start();
  await expect
    .poll(() => told)
    .toMatchObject([
      ['task:started', { taskId: 't' }],
      ['task:run_ended', { taskId: 't', outcome: { status: 'yielded', unfinished: true } }],
    ]);
  const runner = executor();
  await runner.run().outcome;
  expect(runner.types().filter((type) => type === 'task:run_ended')).toHaveLength(1);
});

test('a run that runs nothing emits only its end, a refused one nothing', async () => {
  const { executor } = world(['Done.']);
  await executor().start();
  const idle = executor();
  await idle.run().outcome;
  expect(idle.seen).toMatchObject([{ type: 'task:run_ended', outcome: { status: 'completed' } }]);
  const refused = executor();
  await expect(refused.start()).rejects.toMatchObject({ code: 'INVALID_TRANSITION' });
  expect(refused.seen).toEqual([]);
});
