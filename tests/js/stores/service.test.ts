import { afterEach, describe, expect, test, vi } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { fromTaskDatabaseService } from '../../../js/stores/firestore/index.js';
import { scriptedModel, type Turn } from '../../../js/testing/scripted-model.js';

const task = {
  id: 't',
  user_id: 'u',
  title: 'T',
  description: '',
  status: 'not_started',
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
  progress: {
    overall_percentage: 0,
    milestones: [],
    tasks: {},
  },
  config: { system_prompt: '', auto_approve: true },
  nothing: undefined,
};

const item = (name: string) => ({ id: name, name, description: '', status: 'not_started' });
const withPlan = {
  ...task,
  progress: {
    overall_percentage: 0,
    milestones: [
      {
        id: 'm',
        name: 'Book',
        description: '',
        status: 'not_started',
        progress: 0,
        tasks_completed: 0,
        tasks_total: 2,
      },
    ],
    tasks: { m: [item('read'), item('write')] },
  },
};

function engineOver(service: Parameters<typeof fromTaskDatabaseService>[0], turns: Turn[] = ['Done.']) {
  const store = fromTaskDatabaseService(service);
  return { store, engine: createTaskEngine({ store, model: scriptedModel(turns) }) };
}

afterEach(() => vi.unstubAllEnvs());

describe('a task service without a database', () => {
  test('whose mock answers the same for ever runs a task to the end and hears of each status', async () => {
    const service = {
      getTask: vi.fn().mockResolvedValue(task),
      updateTaskStatus: vi.fn().mockResolvedValue(undefined),
    };
    const executor = engineOver(service).engine.executor('t', 'u');
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    expect(service.getTask).toHaveBeenCalledWith('u', 't');
    expect(service.updateTaskStatus.mock.calls).toEqual([
      ['u', 't', 'in_progress'],
      ['u', 't', 'completed'],
    ]);
  });

  test('hears of messages and of the plan as the old class told it, the end last', async () => {
    const calls: unknown[][] = [];
    const hear =
      (method: string) =>
      async (...args: unknown[]) =>
        void calls.push([method, ...args]);
    const service = {
      getTask: async () => withPlan,
      updateTaskStatus: hear('updateTaskStatus'),
      updateTask: hear('updateTask'),
      addMessage: hear('addMessage'),
    };
    await engineOver(service, ['Read.', 'Written.']).engine.executor('t', 'u').start();
    const brief = calls.map(([method, user, id, what, more]) =>
      method === 'updateTask'
        ? [method, user, id, Object.keys(what as object)]
        : [method, user, id, what, more],
    );
    expect(brief).toEqual([
      ['updateTaskStatus', 'u', 't', 'in_progress', undefined],
      ['addMessage', 'u', 't', 'system', 'Working on: read'],
      ['updateTask', 'u', 't', ['progress']],
      ['addMessage', 'u', 't', 'assistant', 'Read.'],
      ['addMessage', 'u', 't', 'system', 'Working on: write'],
      ['updateTask', 'u', 't', ['progress']],
      ['addMessage', 'u', 't', 'assistant', 'Written.'],
      ['updateTask', 'u', 't', ['progress']],
      ['updateTaskStatus', 'u', 't', 'completed', undefined],
    ]);
    // without metadata there is no fifth argument: a mock that was called with one counts as called otherwise
    expect(calls.every((call) => call.length <= 5)).toBe(true);
    const last = calls.findLast(([method]) => method === 'updateTask')?.[3];
    expect(last).toMatchObject({
      progress: {
        overall_percentage: 100,
        milestones: [{ id: 'm', tasks_completed: 2, name: 'Book' }],
        tasks: { m: [{ status: 'completed' }, { status: 'completed' }] },
      },
    });
  });

  test('is told of a message once, also where its status is refused at first', async () => {
    const addMessage = vi.fn().mockResolvedValue('id');
    const updateTaskStatus = vi
      .fn()
      .mockResolvedValueOnce(undefined)
      .mockRejectedValueOnce(new Error('busy'))
      .mockResolvedValue(undefined);
    const service = { getTask: async () => task, updateTaskStatus, addMessage };
    const executor = engineOver(service).engine.executor('t', 'u');
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    expect(updateTaskStatus.mock.calls.map(([, , status]) => status)).toEqual([
      'in_progress',
      'completed',
      'completed',
    ]);
    expect(addMessage.mock.calls.filter(([, , role]) => role === 'assistant')).toEqual([
      ['u', 't', 'assistant', 'Done.'],
    ]);
  });

  test('whose mock had one answer only keeps it', async () => {
    const getTask = vi.fn().mockResolvedValueOnce(task);
    const executor = engineOver({ getTask }).engine.executor('t', 'u');
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
    expect(getTask.mock.calls.length).toBeGreaterThan(1);
  });

  test('that lacks every method but getTask runs a task', async () => {
    const executor = engineOver({ getTask: () => task }).engine.executor('t', 'u');
    await executor.start();
    expect(executor.outcome?.status).toBe('completed');
  });

  test('has its methods called on itself', async () => {
    const service = {
      statuses: [] as string[],
      async getTask() {
        return this.statuses === undefined ? null : task;
      },
      async updateTaskStatus(_: string, __: string, status: string) {
        this.statuses.push(status);
      },
    };
    await engineOver(service).engine.executor('t', 'u').start();
    expect(service.statuses).toEqual(['in_progress', 'completed']);
  });

  test('that has no such task refuses the start as the old class did', async () => {
    const { engine } = engineOver({ getTask: async () => null });
    await expect(engine.executor('t', 'u').start()).rejects.toThrow(/^Task not found/);
  });

  test('whose answer changes to paused pauses the run at the next safe point', async () => {
    let answer: typeof task = task;
    const service = { getTask: async () => answer };
    const pauseFirst = () => {
      answer = { ...task, status: 'paused' };
      return { text: 'Working.', tools: [] };
    };
    const executor = engineOver(service, [pauseFirst]).engine.executor('t', 'u');
    await executor.start();
    expect(executor.outcome?.status).toBe('paused');
  });

  test.each([
    [
      'throws',
      () => Promise.reject(new Error('no network')),
      'STORE_UNAVAILABLE',
      /getTask failed: no network/,
    ],
    ['throws undefined', () => Promise.reject(undefined), 'STORE_UNAVAILABLE', /getTask failed: undefined/],
    ['answers a word', async () => 'task', 'STORE_REJECTED', /must answer a task or null/],
  ])('that %s is a typed error', async (_, getTask, code, message) => {
    const executor = engineOver({ getTask }).engine.executor('t', 'u');
    const refused = executor.run({ storeTimeoutMs: 300 }).started;
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('is warned of in production, with a database it is not', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    vi.stubEnv('NODE_ENV', 'test');
    fromTaskDatabaseService({ getTask: () => null });
    expect(warn).not.toHaveBeenCalled();
    vi.stubEnv('NODE_ENV', 'production');
    fromTaskDatabaseService({ getTask: () => null });
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('fromTaskDatabaseService(service, db)'));
    warn.mockRestore();
  });

  test('addMessage of a user reaches the model and stands in the thread once', async () => {
    const heard: string[] = [];
    const { store, engine } = engineOver({ getTask: async () => task }, [
      ({ messages }) => {
        heard.push(JSON.stringify(messages));
        return 'Done.';
      },
    ]);
    const id = await store.addMessage('u', 't', 'user', 'Mind the gap.', { from: 'web' });
    await store.addMessage('u', 't', 'assistant', 'Not for the model.');
    await engine.executor('t', 'u').start();
    expect(heard[0]).toContain('Mind the gap.');
    expect(heard[0]).not.toContain('Not for the model.');
    const thread = await engine.persistence('t', 'u').taskMessages();
    expect(thread.filter(({ content }) => content === 'Mind the gap.')).toEqual([
      expect.objectContaining({ id, role: 'user', metadata: { from: 'web' } }),
    ]);
    await expect(store.addMessage('u', 't', 'user', ' ')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
