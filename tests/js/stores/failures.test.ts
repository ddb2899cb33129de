import { describe, expect, test, vi } from 'vitest';
import { createTaskEngine, TaskExecutionError } from '../../../js/index.js';
import { fromTaskDatabaseService } from '../../../js/stores/firestore/index.js';
import { memoryStore } from '../../../js/stores/memory.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { TaskStore } from '../../../js/types.js';

const missing = new TaskExecutionError('NOT_CONFIGURED', 'The driver is missing. Run: npm install driver');

function engineOver(store: TaskStore) {
  return createTaskEngine({ store, model: scriptedModel(['Done.']) });
}

/** A store all of whose calls fail so, and how often it was asked. */
function failing(error: unknown) {
  const asked = vi.fn(() => Promise.reject(error));
  const store: TaskStore = { ...memoryStore(), read: asked, list: asked, commit: asked };
  return { asked, engine: engineOver(store) };
}

const calls: [string, (engine: ReturnType<typeof createTaskEngine>) => Promise<unknown>][] = [
  ['start', (engine) => engine.executor('t', 'u').start()],
  ['run', (engine) => engine.executor('t', 'u').run().started],
  ['state', (engine) => engine.lifecycle('t', 'u').state()],
  ['load', (engine) => engine.persistence('t', 'u').load()],
  ['createTask', (engine) => engine.createTask('u', { title: 'T' })],
];

describe('what a store says by an error of the package', () => {
  test.each(calls)('that is no use to try again passes %s at once', async (_, call) => {
    const { asked, engine } = failing(missing);
    await expect(call(engine)).rejects.toMatchObject({
      code: 'NOT_CONFIGURED',
      message: missing.message,
      retryable: false,
      cause: missing,
    });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test('ends a run with the same error', async () => {
    const store = memoryStore();
    const { id } = await engineOver(store).createTask('u', { title: 'T' });
    const asked = vi.fn(() => Promise.reject(missing));
    const outcome = await engineOver({ ...store, commit: asked })
      .executor(id, 'u')
      .run().outcome;
    expect(outcome).toMatchObject({ status: 'refused', error: { code: 'NOT_CONFIGURED', cause: missing } });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['STORE_DENIED', 'no entry'],
    ['TOO_LARGE', 'too much'],
    ['INVALID_ARGUMENT', 'not like that'],
  ] as const)('keeps its code, %s', async (code, message) => {
    const { asked, engine } = failing(new TaskExecutionError(code, message));
    await expect(engine.executor('t', 'u').start()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test('that is worth another try gets one', async () => {
    const store = memoryStore();
    const { id } = await engineOver(store).createTask('u', { title: 'T' });
    let failures = 2;
    const read: TaskStore['read'] = async (...args) => {
      if (failures-- > 0) throw new TaskExecutionError('STORE_UNAVAILABLE', 'away');
      return store.read(...args);
    };
    const executor = engineOver({ ...store, read }).executor(id, 'u');
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
  });

  test('reaches the caller through a task service', async () => {
    const getTask = vi.fn(() => Promise.reject(missing));
    const { executor } = engineOver(fromTaskDatabaseService({ getTask }));
    await expect(executor('t', 'u').start()).rejects.toMatchObject({ code: 'NOT_CONFIGURED' });
    expect(getTask).toHaveBeenCalledTimes(1);
  });
});
