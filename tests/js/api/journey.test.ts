import { expect, test } from 'vitest';
import { TaskExecutor, TaskLifecycle } from '../../../js/index.js';
import { faultyStore } from '../../../js/testing/faulty-store.js';
import type { TaskHost, TaskStore } from '../../../js/types.js';
import { add, collect, heldTool, world } from './world.js';

const callAdd = { text: 'Adding.', tools: [{ name: 'add', input: { a: 1, b: 2 }, id: 'c1' }] };

/** A run in the middle of a tool. */
function underWay(host: Partial<TaskHost> = {}) {
  const { held, isCalled, release } = heldTool();
  const made = world([{ text: 'Let me see.', tools: [{ name: 'held', input: {} }] }, 'Done.'], {
    tools: { held },
    ...host,
  });
  return { ...made, isCalled, release };
}

async function stored(store: TaskStore) {
  const [task] = await store.read(['users/u/tasks/t']);
  return task?.data;
}

test('status, outcome and the rest are unknown before any command, and asking for the state tells the status', async () => {
  const { executor } = world(['Done.']);
  const runner = executor();
  expect(runner).toMatchObject({ status: undefined, outcome: undefined, isRunning: false, isPaused: false });
  await runner.state();
  expect(runner.status).toBe('not_started');
});

test('the outcome of a run that finds the task completed has the stored text and items', async () => {
  const { executor } = world([callAdd, 'It is 3.', 'Two.'], { tools: { add } }, ['One', 'Two']);
  const first = executor();
  await first.start();
  const again = executor();
  const run = again.run();
  expect(await run.outcome).toEqual(first.outcome);
  expect(again.outcome).toMatchObject({
    text: 'Two.',
    items: [
      { id: 'i1', text: 'It is 3.' },
      { id: 'i2', text: 'Two.' },
    ],
  });
  expect(again.status).toBe('completed');
  expect((await collect(run)).map(({ type }) => type)).toEqual(['task:run_ended']);
});

test('a start that is refused leaves the outcome of the last run', async () => {
  const { executor } = world(['Done.']);
  const runner = executor();
  await runner.start();
  await expect(runner.start()).rejects.toMatchObject({ code: 'INVALID_TRANSITION' });
  expect(runner.outcome).toMatchObject({ status: 'completed', text: 'Done.' });
  expect(runner.status).toBe('completed');
});

test('pausing twice is one pause, and both settle when it is stored', async () => {
  const { executor, store, isCalled, release } = underWay();
  const runner = executor();
  const started = runner.start();
  await isCalled;
  const both = [runner.pause(), runner.pause()];
  release('x');
  await Promise.all(both);
  expect(await stored(store)).toMatchObject({ status: 'paused' });
  await started;
  await runner.pause();
  expect(runner.types().filter((type) => type === 'task:paused')).toHaveLength(1);
  expect(runner).toMatchObject({ isPaused: true, isRunning: false, status: 'paused' });
});

test('a stop during a pause stops, with its reason stored', async () => {
  const { executor, store, isCalled, release } = underWay();
  const runner = executor();
  const started = runner.start();
  await isCalled;
  const paused = runner.pause();
  const stopped = runner.stop('enough');
  expect(runner).toMatchObject({ isPaused: true, isRunning: false });
  release('x');
  await Promise.all([paused, stopped, started]);
  expect(await stored(store)).toMatchObject({ status: 'paused', execution: { abort_reason: 'enough' } });
  expect(runner.types()).toContain('task:stopped');
  expect(runner).toMatchObject({ isPaused: true, status: 'paused' });
});

test('a stop that comes while the pause is being stored still stores its reason', async () => {
  let stopped: Promise<void> | undefined;
  const { executor, store, isCalled, release } = underWay();
  const watching: TaskStore = {
    ...store,
    commit: (writes, options) => {
      if (JSON.stringify(writes).includes('"paused"')) stopped ??= runner.stop('enough');
      return store.commit(writes, options);
    },
  };
  const runner = executor({ store: watching });
  const started = runner.start();
  await isCalled;
  const paused = runner.pause();
  release('x');
  await Promise.all([paused, started]);
  await stopped;
  expect(await stored(store)).toMatchObject({ status: 'paused', execution: { abort_reason: 'enough' } });
  expect(runner.types().filter((type) => /paused|stopped/.test(type))).toEqual([
    'task:paused',
    'task:stopped',
  ]);
});

test('a stop of a run that finds the task paused is stored', async () => {
  const { executor, store } = world([callAdd], { tools: { add } });
  const first = executor();
  first.once('task:message', () => void first.pause());
  await first.start();
  const second = executor();
  const { outcome } = second.run();
  const stopped = second.stop('enough');
  await expect(outcome).resolves.toMatchObject({ status: 'paused', text: '' });
  await stopped;
  expect(await stored(store)).toMatchObject({ execution: { abort_reason: 'enough' } });
});

test('run() leaves a paused task paused, and says so', async () => {
  const { executor, model } = world([callAdd, 'It is 3.'], { tools: { add } });
  const first = executor();
  first.once('task:tool_call', () => void first.pause());
  await first.start();
  const second = executor();
  const { outcome, started } = second.run();
  expect(second.isPaused).toBe(false);
  await started;
  await expect(outcome).resolves.toMatchObject({ status: 'paused', text: 'Adding.', unfinished: false });
  expect(second).toMatchObject({ isPaused: true, isRunning: false, status: 'paused' });
  expect(model.requests).toHaveLength(1);
});

test('isPaused settles on what is stored where a command fails', async () => {
  const { executor, store } = world([callAdd], { tools: { add } });
  const faulty = faultyStore(store, () => ({ kind: 'error', code: 'denied' }));
  faulty.enabled = false;
  const runner = executor({ store: faulty });
  runner.once('task:message', () => void runner.pause());
  await runner.start();
  expect(runner.isPaused).toBe(true);
  faulty.enabled = true;
  const resumed = runner.resume();
  expect(runner.isPaused).toBe(false);
  await expect(resumed).rejects.toMatchObject({ code: 'STORE_DENIED' });
  expect(runner.isPaused).toBe(true);

  const nowhere = new TaskExecutor('nowhere', 'u', world([]).options);
  const paused = nowhere.pause();
  expect(nowhere.isPaused).toBe(true);
  await expect(paused).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
  expect(nowhere.isPaused).toBe(false);
});

test('dispose ends a run that is only on its way, and what is commanded after it works', async () => {
  const { executor } = world(['Done.']);
  const runner = executor();
  const run = runner.run();
  runner.dispose();
  await expect(run.outcome).resolves.toMatchObject({
    status: 'yielded',
    reason: 'dispose',
    unfinished: true,
  });
  expect(runner.isRunning).toBe(false);
  await runner.start();
  expect(runner.outcome).toMatchObject({ status: 'completed' });
  runner.dispose();
  runner.dispose();
});

test('a disposed run is taken up again by the next command of the same instance', async () => {
  const { executor, isCalled } = underWay();
  const runner = executor();
  const run = runner.run();
  await isCalled;
  runner.dispose();
  const resumed = runner.resume();
  await expect(run.outcome).resolves.toMatchObject({ status: 'yielded', reason: 'dispose' });
  await resumed;
  expect(runner.outcome?.status).toBe('completed');
  expect(runner.types().filter((type) => /started|resumed/.test(type))).toEqual([
    'task:started',
    'task:resumed',
  ]);
});

test('a pause right before dispose settles on what is stored', async () => {
  const { executor, store } = world(['Done.']);
  const runner = executor();
  const run = runner.run();
  const paused = runner.pause();
  runner.dispose();
  await Promise.all([paused, run.outcome]);
  expect((await stored(store))?.status).toBe('not_started');
  expect(runner.isPaused).toBe((await stored(store))?.status === 'paused');
});

test('an instance that joins by a command has the outcome and its own copy of it', async () => {
  const { executor, options, isCalled, release } = underWay();
  const runner = executor();
  const started = runner.start();
  await isCalled;
  const joined = executor();
  joined.on('task:run_ended', ({ outcome }) => {
    outcome.text = 'changed';
  });
  const paused = joined.pause();
  release('x');
  await Promise.all([paused, started]);
  expect(joined.outcome).toEqual(runner.outcome);
  expect(joined.outcome).toMatchObject({ status: 'paused', text: 'Let me see.' });
  expect(joined).toMatchObject({ status: 'paused', isPaused: true, isRunning: false });
  const idle = new TaskLifecycle('t', 'u', options);
  expect(idle.status).toBeUndefined();
});

test('the signal of whoever joins a run yields it for all who follow it', async () => {
  const { executor, isCalled, release } = underWay();
  const first = executor().run();
  await isCalled;
  const controller = new AbortController();
  const joined = executor().run({ signal: controller.signal });
  await joined.started;
  controller.abort();
  release('x');
  const yielded = { status: 'yielded', reason: 'signal', unfinished: true };
  await expect(joined.outcome).resolves.toMatchObject(yielded);
  await expect(first.outcome).resolves.toMatchObject(yielded);
  expect((await collect(joined)).at(-1)).toMatchObject({ type: 'task:run_ended', outcome: yielded });
  await expect(executor().run().outcome).resolves.toMatchObject({ status: 'completed' });
});

test('a signal that is aborted already yields the run before it begins, or the one it joins', async () => {
  const fresh = world([]);
  await expect(fresh.executor().run({ signal: AbortSignal.abort() }).outcome).resolves.toMatchObject({
    status: 'yielded',
    reason: 'signal',
  });
  expect(fresh.model.requests).toHaveLength(0);
  const { executor, isCalled, release } = underWay();
  const first = executor().run();
  await isCalled;
  const { outcome } = executor().run({ signal: AbortSignal.abort() });
  release('x');
  await expect(outcome).resolves.toMatchObject({ status: 'yielded', reason: 'signal' });
  await expect(first.outcome).resolves.toMatchObject({ status: 'yielded', reason: 'signal' });
});

test('a signal that is aborted after the run has ended does nothing', async () => {
  const { executor } = world(['Done.']);
  const controller = new AbortController();
  const { outcome } = executor().run({ signal: controller.signal });
  await expect(outcome).resolves.toMatchObject({ status: 'completed' });
  controller.abort();
  await expect(executor().run().outcome).resolves.toMatchObject({ status: 'completed' });
});
