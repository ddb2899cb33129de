import { expect, test } from 'vitest';
import { drainTaskExecution, memoryStore, TaskLifecycle, type TaskStore } from '../../../js/index.js';
import { site } from '../server/site.js';
import { taskWith } from './fixtures.js';
import { world } from './world.js';

const paused = () => memoryStore({ tasks: [taskWith(['Do it'], { status: 'paused' })] });

/** A store whose reads of the head wait until they are let go. */
function slow(inner = paused()) {
  let letGo = () => {};
  let isAsked = () => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  const read: TaskStore['read'] = async (paths, options) => {
    if (paths.some((path) => path.endsWith('/engine/head'))) {
      isAsked();
      await gate;
    }
    return inner.read(paths, options);
  };
  return { store: { ...inner, read }, asked, letGo };
}

const notStored = { code: 'STORE_UNAVAILABLE', retryable: true, message: expect.stringContaining('again') };

test('a resume that a drain meets before it is stored is refused, and can be given again', async () => {
  const { store, asked, letGo } = slow();
  const { options } = world([], { store });
  const lifecycle = new TaskLifecycle('t', 'u', options);
  const resumed = lifecycle.resume();
  await asked;
  await drainTaskExecution();
  letGo();
  await expect(resumed).rejects.toMatchObject(notStored);
  expect((await lifecycle.state()).status).toBe('paused');
  await lifecycle.resume();
  expect((await lifecycle.state()).status).toBe('in_progress');
});

test('so is one that has joined the resume of an executor', async () => {
  const { store, asked, letGo } = slow();
  const { options, executor } = world([], { store });
  const runner = executor();
  const running = runner.resume();
  await asked;
  const resumed = new TaskLifecycle('t', 'u', options).resume();
  // Joined as soon as it has looked up its host.
  await new Promise((resolve) => setImmediate(resolve));
  await drainTaskExecution();
  letGo();
  await expect(resumed).rejects.toMatchObject(notStored);
  await running;
  expect(runner.outcome).toMatchObject({ status: 'yielded', reason: 'drain' });
});

test('a resume that a drain meets when it is on its way to the store is stored', async () => {
  const inner = paused();
  let drained: Promise<void> | undefined;
  const commit: TaskStore['commit'] = (writes, options) => {
    if (writes.some(({ path }) => path.includes('/journal/'))) drained = drainTaskExecution();
    return inner.commit(writes, options);
  };
  const lifecycle = new TaskLifecycle('t', 'u', { store: { ...inner, commit } });
  await lifecycle.resume();
  await drained;
  expect((await lifecycle.state()).status).toBe('in_progress');
});

test('a resume that another process overtakes before it is stored is refused', async () => {
  const inner = paused();
  const commit: TaskStore['commit'] = async (writes, options) => {
    const head = 'users/u/tasks/t/engine/head';
    if (writes.some(({ path }) => path.includes('/journal/'))) {
      const [now] = await inner.read([head]);
      const owner = { ...(now?.data.owner as object), id: 'another.run' };
      const fields = [
        { path: ['epoch'], value: Number(now?.data.epoch) + 1 },
        { path: ['owner'], value: owner },
      ];
      await inner.commit([{ op: 'update', path: head, fields }]);
    }
    return inner.commit(writes, options);
  };
  const lifecycle = new TaskLifecycle('t', 'u', { store: { ...inner, commit } });
  await expect(lifecycle.resume()).rejects.toMatchObject({ code: 'LEASE_HELD', retryable: true });
});

test('the routes answer such a command with 503, to be sent again', async () => {
  const { store, asked, letGo } = slow();
  const { ask, engine } = site({ host: { store } });
  const answered = ask('POST', '/t/resume');
  await asked;
  await engine.drain();
  letGo();
  const answer = await answered;
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
  expect(await answer.json()).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
});
