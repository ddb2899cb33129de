import { expect, test } from 'vitest';
import { type TaskEvent, TaskLifecycle } from '../../../js/index.js';
import { world } from './world.js';

test('a run that only begins the task has no end to tell, and who runs it afterwards is told of its own', async () => {
  const { options, executor } = world(['Done.']);
  const lifecycle = new TaskLifecycle('t', 'u', options);
  const told: string[] = [];
  for (const type of ['task:started', 'task:resumed', 'task:run_ended', 'task:error'] as const) {
    lifecycle.on(type, () => told.push(type));
  }
  const followed: TaskEvent[] = [];
  const stop = new AbortController();
  const following = (async () => {
    for await (const event of lifecycle.events({ signal: stop.signal })) followed.push(event);
  })();
  await new Promise((resolve) => setTimeout(resolve, 10));
  await lifecycle.start();
  await expect.poll(() => followed.map(({ type }) => type)).toContain('task:started');
  const runner = executor();
  await runner.run().outcome;
  await expect.poll(() => followed.at(-1)?.type).toBe('task:run_ended');
  stop.abort();
  await following;
  expect(told).toEqual(['task:started']);
  for (const seen of [runner.seen, followed]) {
    expect(seen.filter(({ type }) => type === 'task:run_ended')).toMatchObject([
      { outcome: { status: 'completed', unfinished: false } },
    ]);
  }
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
