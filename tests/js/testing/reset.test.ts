import { afterEach, expect, test, vi } from 'vitest';
import { configureTaskExecution, createTaskEngine, memoryStore, TaskExecutor } from '../../../js/index.js';
import { fromTaskDatabaseService } from '../../../js/stores/firestore/index.js';
import { reset, scriptedModel } from '../../../js/testing/index.js';

const task = {
  id: 't',
  user_id: 'u',
  title: 'T',
  description: '',
  status: 'not_started',
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
  progress: { overall_percentage: 0, milestones: [], tasks: {} },
  config: { system_prompt: '', auto_approve: true },
};
/** A model that says something and then nothing more, until it is aborted. */
const silent = {
  async *stream(_: unknown, { signal }: { signal: AbortSignal }) {
    yield { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'Well' } } };
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
  },
};
const heard = (executor: TaskExecutor) => new Promise((resolve) => executor.once('task:message', resolve));

afterEach(reset);

test('a mocked service answers for a task of the next spec as if there had been none before', async () => {
  const service = { getTask: async () => task, updateTaskStatus: vi.fn() };
  configureTaskExecution({
    store: fromTaskDatabaseService(service),
    model: scriptedModel(() => 'Done.'),
  });
  for (const _ of ['one spec', 'another']) {
    service.updateTaskStatus.mockClear();
    const executor = new TaskExecutor('t', 'u');
    const started = vi.fn();
    executor.on('task:started', started);
    await executor.start();
    expect(started).toHaveBeenCalledOnce();
    expect(service.updateTaskStatus.mock.calls.map(([, , status]) => status)).toEqual([
      'in_progress',
      'completed',
    ]);
    await reset();
  }
});

test('a run that a spec left behind ends where it stands: it stores nothing more and its command settles', async () => {
  const store = memoryStore();
  const engine = createTaskEngine({ store, model: silent });
  const { id } = await engine.createTask('u', { title: 'Left behind' });
  const executor = engine.executor(id, 'u');
  const said = heard(executor);
  const started = executor.start();
  await said;
  const version = async () => (await store.read([`users/u/tasks/${id}`]))[0]?.version;
  const before = await version();
  await reset();
  await started;
  expect(executor.outcome?.status).toBe('interrupted');
  expect(executor.isRunning).toBe(false);
  expect(await version()).toBe(before);
});

test('a run that was on its way when it was called ends too', async () => {
  const stream = vi.fn(silent.stream);
  const engine = createTaskEngine({ store: memoryStore(), model: { stream } });
  const { id } = await engine.createTask('u', { title: 'On its way' });
  const executor = engine.executor(id, 'u');
  const started = executor.start();
  await reset();
  await started;
  expect(executor.outcome?.status).toBe('interrupted');
});

test('a loop over events ends', async () => {
  const engine = createTaskEngine({ store: memoryStore(), model: silent });
  const { id } = await engine.createTask('u', { title: 'Followed' });
  const events = engine.lifecycle(id, 'u').events()[Symbol.asyncIterator]();
  const next = events.next();
  await reset();
  expect((await next).done).toBe(true);
});

test('nothing to reset is no error, and what was configured stays configured', async () => {
  configureTaskExecution({
    store: fromTaskDatabaseService({ getTask: async () => task }),
    model: scriptedModel(['Done.']),
  });
  await reset();
  await reset();
  const executor = new TaskExecutor('t', 'u');
  await executor.start();
  expect(executor.outcome?.status).toBe('completed');
});
