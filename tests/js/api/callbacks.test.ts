import { expect, test } from 'vitest';
import { type Task, type Tool, tool } from '../../../js/index.js';
import { add, world } from './world.js';

const callAdd = { text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 }, id: 'c1' }] };
const never = () => new Promise<never>(() => {});
const neverInTime = {
  code: 'HOST_CALLBACK',
  message: expect.stringContaining('callbackTimeoutMs'),
};

test.each<[string, (check: () => boolean) => { tools: { add: Tool }; approval?: () => unknown }]>([
  ['host.approval throws', (check) => ({ tools: { add }, approval: check })],
  ['host.approval rejects', (check) => ({ tools: { add }, approval: async () => check() })],
  ['needsApproval throws', (check) => ({ tools: { add: { ...add, needsApproval: check } } })],
])(
  'where %s the run fails with that very error, the model hears nothing of it, and resume asks again',
  async (_, hostOf) => {
    const thrown = new Error('no database');
    let broken = true;
    const check = () => {
      if (broken) throw thrown;
      return false;
    };
    const { executor, model } = world([callAdd, 'It is 3.'], hostOf(check) as never);
    const runner = executor();
    await runner.start();
    const { outcome } = runner;
    expect(outcome).toMatchObject({
      status: 'failed',
      error: { code: 'HOST_CALLBACK', message: expect.stringContaining('no database'), retryable: true },
    });
    expect(outcome && 'error' in outcome && outcome.error.cause).toBe(thrown);
    expect(model.requests).toHaveLength(1);
    expect(runner.types()).not.toContain('task:tool_result');

    broken = false;
    await runner.resume();
    expect(runner.outcome?.status).toBe('completed');
    expect(runner.seen.filter(({ type }) => type === 'task:tool_result')).toMatchObject([
      { toolCallId: 'c1', status: 'success' },
    ]);
  },
);

test.each([
  ['host.approval', { tools: { add }, approval: never }],
  ['prompt', { tools: { add }, prompt: never }],
])('%s that never settles fails the run after callbackTimeoutMs', async (_, host) => {
  const runner = world([callAdd], host).executor({ callbackTimeoutMs: 20 });
  await runner.start();
  expect(runner.outcome).toMatchObject({ status: 'failed', error: neverInTime });
});

test('tools() that never settles refuses the run after callbackTimeoutMs', async () => {
  const runner = world([], { tools: never }).executor({ callbackTimeoutMs: 20 });
  await expect(runner.start()).rejects.toMatchObject(neverInTime);
  await expect(runner.run().outcome).resolves.toMatchObject({ status: 'refused', error: neverInTime });
  expect(runner.seen).toEqual([]);
});

test('an outcome whose look-up never settles is reported to the model as unknown after callbackTimeoutMs', async () => {
  const lost = tool({
    description: 'Never answers.',
    inputSchema: { type: 'object' },
    execute: never,
    onUnknownOutcome: never,
    timeoutMs: 20,
  });
  const { executor } = world([{ tools: [{ name: 'lost', input: {} }] }, 'I shall check.'], {
    tools: { lost },
  });
  const runner = executor({ callbackTimeoutMs: 20 });
  await runner.start();
  expect(runner.outcome?.status).toBe('completed');
  expect(runner.seen).toContainEqual(
    expect.objectContaining({ type: 'task:tool_result', status: 'error', unknown: true }),
  );
});

test('approval is given the task as others have left it, each time as its own copy', async () => {
  const call = (id: string) => ({ tools: [{ name: 'add', input: { a: 1, b: 2 }, id }] });
  const tasks: { title: string; same: boolean }[] = [];
  let last: Task | undefined;
  const { executor, store } = world([call('c1'), call('c2'), call('c3'), 'It is 3.'], {
    tools: { add },
    approval: async ({ id }, task) => {
      tasks.push({ title: task.title, same: task === last });
      last = task;
      task.config.auto_approve = false;
      if (id === 'c2') {
        const fields = [{ path: ['title'], value: 'Renamed' }];
        await store.commit([{ op: 'update', path: 'users/u/tasks/t', fields }]);
      }
      return false;
    },
  });
  const runner = executor();
  await runner.start();
  expect(runner.outcome?.status).toBe('completed');
  const [title] = tasks.map((task) => task.title);
  expect(tasks).toEqual([
    { title, same: false },
    { title, same: false },
    { title: 'Renamed', same: false },
  ]);
});
