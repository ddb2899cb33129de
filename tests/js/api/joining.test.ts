import { expect, test, vi } from 'vitest';
import { type TaskExecutor, TaskLifecycle, type TaskStore } from '../../../js/index.js';
import { elsewhere } from './elsewhere.js';
import { heldTool, world } from './world.js';

async function statusIn(store: TaskStore): Promise<unknown> {
  const [task] = await store.read(['users/u/tasks/t']);
  return task?.data.status;
}

/** As another app may. */
async function setStatus(store: TaskStore, status: string): Promise<void> {
  const fields = [{ path: ['status'], value: status }];
  await store.commit([{ op: 'update', path: 'users/u/tasks/t', fields }]);
}

/** A run that another process has paused, and that still waits for its tool. */
async function pausedFromElsewhere() {
  const { held, isCalled, release } = heldTool();
  const made = world([{ tools: [{ name: 'held', input: {} }] }, 'Done.'], { tools: { held } });
  const runner = made.executor();
  const started = runner.start();
  await isCalled;
  const paused = new TaskLifecycle('t', 'u', { ...made.options, store: elsewhere(made.store) }).pause();
  await expect.poll(() => statusIn(made.store)).toBe('paused');
  return { ...made, runner, started, paused, release };
}

/** A task that has been paused in the middle of its turn, or has failed there. */
async function ended(how: 'paused' | 'failed') {
  const made = world(['This text is cut short.', 'Done.']);
  const runner = made.executor();
  runner.once('task:message', () => void runner.pause());
  await runner.start();
  if (how === 'failed') await setStatus(made.store, 'failed');
  return made;
}

const begun = (runner: { types(): string[] }) =>
  runner.types().filter((type) => /started|resumed|paused|completed/.test(type));

test('a resume where the task runs waits for the pause that another process has stored, and goes on after it', async () => {
  const { runner, started, paused, release, model } = await pausedFromElsewhere();
  const resumed = runner.resume();
  release('x');
  await Promise.all([started, paused, resumed]);
  expect(runner.outcome?.status).toBe('completed');
  expect(begun(runner)).toEqual(['task:started', 'task:paused', 'task:resumed', 'task:completed']);
  model.assertDone();
});

test('a lifecycle that resumes there settles when the resume is stored', async () => {
  const { options, store, executor, paused, release } = await pausedFromElsewhere();
  const resumed = new TaskLifecycle('t', 'u', options).resume();
  release('x');
  await Promise.all([paused, resumed]);
  expect(await statusIn(store)).toBe('in_progress');
  expect(await executor().run().outcome).toMatchObject({ status: 'completed' });
});

test.each([
  ['the instance that has resumed it', (runner: TaskExecutor) => runner],
  ['another one', (_: TaskExecutor, other: TaskExecutor) => other],
])('a pause given after that resume, by %s, wins', async (_, who) => {
  const { runner, executor, store, started, paused, release } = await pausedFromElsewhere();
  const read = vi.spyOn(store, 'read');
  const resumed = runner.resume();
  await expect.poll(() => read.mock.calls.length).toBeGreaterThan(0);
  const again = who(runner, executor()).pause();
  release('x');
  await Promise.all([started, paused, resumed, again]);
  expect(await statusIn(store)).toBe('paused');
  expect(begun(runner)).toEqual(['task:started', 'task:paused']);
});

test.each(['paused', 'failed'] as const)(
  'a resume beside a run() that finds the task %s, and runs nothing, resumes it',
  async (how) => {
    const { executor } = await ended(how);
    const [looking, runner] = [executor(), executor()];
    const run = looking.run();
    await runner.resume();
    expect(await run.outcome).toMatchObject({ status: how });
    expect(runner.outcome?.status).toBe('completed');
  },
);

test('a start beside a run() that finds the task completed is refused', async () => {
  const { executor } = world(['Done.']);
  await executor().start();
  const run = executor().run();
  await expect(executor().start()).rejects.toMatchObject({ code: 'INVALID_TRANSITION' });
  expect(await run.outcome).toMatchObject({ status: 'completed' });
});

test('a start beside a run() that begins the task is one with it', async () => {
  const { held, isCalled, release } = heldTool();
  const { executor, options } = world([{ tools: [{ name: 'held', input: {} }] }, 'Done.'], {
    tools: { held },
  });
  const run = executor().run();
  await new TaskLifecycle('t', 'u', options).start();
  await isCalled;
  release('x');
  expect(await run.outcome).toMatchObject({ status: 'completed' });
});

test('two resumes of two instances lead to one run', async () => {
  const { executor } = await ended('paused');
  const [one, two] = [executor(), executor()];
  await Promise.all([one.resume(), two.resume()]);
  expect(begun(two)).toEqual(['task:resumed', 'task:completed']);
  expect(begun(one)).toEqual(begun(two));
});

test('a start on a task that others have completed, while its run has yet to see it, is refused', async () => {
  const { held, isCalled, release } = heldTool();
  const { store, executor } = world([{ tools: [{ name: 'held', input: {} }] }], { tools: { held } });
  const started = executor().start();
  await isCalled;
  await setStatus(store, 'completed');
  const again = executor().start();
  release('x');
  await expect(again).rejects.toMatchObject({ code: 'INVALID_TRANSITION' });
  await started;
});

test('a resume beside a pause that others take back settles with the run that goes on', async () => {
  const { options, store, started, release } = await pausedFromElsewhere();
  const resumed = new TaskLifecycle('t', 'u', options).resume();
  await setStatus(store, 'in_progress');
  await resumed;
  release('x');
  await started;
  expect(await statusIn(store)).toBe('completed');
});

test('a resume is given again after a pause that was being obeyed when the process was told to leave the run', async () => {
  const { options, store, runner, executor, started, paused, release } = await pausedFromElsewhere();
  const other = executor();
  const resumed = new TaskLifecycle('t', 'u', options).resume();
  await new Promise((resolve) => setTimeout(resolve, 50));
  runner.dispose();
  release('x');
  await Promise.all([started, paused, resumed]);
  expect(await statusIn(store)).toBe('in_progress');
  expect(await other.run().outcome).toMatchObject({ status: 'completed' });
});
