import { reset } from 'task-execution-engine/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { streamChatResponse } from '@/lib/chat/bedrock';
import { TaskExecutor } from '@/lib/task-execution/TaskExecutor';
import { TaskDatabaseService } from '@/services/task-database.service';
import { hanging, saying } from '@/test/chat';
import { happens } from '@/test/happens';
import { taskWith } from '@/test/task';
import { fakeEverything } from '@/test/timers';

vi.mock('@/services/task-database.service', () => ({
  TaskDatabaseService: {
    getTask: vi.fn(),
    updateTask: vi.fn(),
    updateTaskStatus: vi.fn(),
    addMessage: vi.fn(),
    getMessages: vi.fn(),
  },
}));
vi.mock('@/lib/chat/bedrock', () => ({ createBedrockClient: vi.fn(), streamChatResponse: vi.fn() }));

const service = vi.mocked(TaskDatabaseService);
const chat = vi.mocked(streamChatResponse);

beforeEach(() => {
  vi.clearAllMocks();
  service.getTask.mockResolvedValue(taskWith(['read', 'write']));
  chat.mockImplementation(saying('It is done.'));
});
afterEach(() => reset());

afterEach(() => {
  vi.useRealTimers();
});

/** The app and the package, evaluated again; the mocks with them. */
async function again() {
  vi.resetModules();
  const service = vi.mocked((await import('@/services/task-database.service')).TaskDatabaseService);
  const chat = vi.mocked((await import('@/lib/chat/bedrock')).streamChatResponse);
  service.getTask.mockResolvedValue(taskWith(['read']));
  chat.mockImplementation(saying('Again.'));
  return { ...(await import('@/lib/task-execution/TaskExecutor')), service };
}

describe('after resetModules', () => {
  it('a fresh copy runs tasks by the fresh mocks', async () => {
    const fresh = await again();
    const executor = new fresh.TaskExecutor('task-1', 'user-1');
    await executor.start();
    expect(executor.status).toBe('completed');
    expect(fresh.service.updateTaskStatus).toHaveBeenLastCalledWith('user-1', 'task-1', 'completed');
  });

  it('a run of the copy before goes on', async () => {
    const { chat: hangs, release } = hanging();
    chat.mockImplementationOnce(hangs);
    const executor = new TaskExecutor('task-1', 'user-1');
    const said = happens(executor, 'task:message');
    const started = executor.start();
    await said;
    await again();
    release();
    await started;
    expect(executor.status).toBe('completed');
  });

  it('reset of the copy before ends the runs of the fresh one', async () => {
    const fresh = await again();
    const bedrock = vi.mocked((await import('@/lib/chat/bedrock')).streamChatResponse);
    bedrock.mockImplementation(hanging().chat);
    const executor = new fresh.TaskExecutor('task-1', 'user-1');
    const said = happens(executor, 'task:message');
    const started = executor.start();
    await said;
    await reset();
    await started;
    expect(executor.isRunning).toBe(false);
  });

  it('a copy that finds a crypto of mocks draws numbers all the same', async () => {
    const { crypto: real } = globalThis;
    const mocked = { randomUUID: () => 'always the same', getRandomValues: () => 'nothing' };
    Object.defineProperty(globalThis, 'crypto', { value: mocked, configurable: true, writable: true });
    try {
      const fresh = await again();
      const executor = new fresh.TaskExecutor('task-1', 'user-1');
      await executor.start();
      expect(executor.status).toBe('completed');
    } finally {
      Object.defineProperty(globalThis, 'crypto', { value: real, configurable: true, writable: true });
    }
  });

  it('errors of one copy are those of the other', async () => {
    const fresh = await again();
    fresh.service.getTask.mockResolvedValue(null);
    const { TaskExecutionError } = await import('task-execution-engine');
    const error = await new fresh.TaskExecutor('nowhere', 'user-1')
      .start()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskExecutionError);
  });

  it('a copy that was evaluated under fake timers runs, and is sound under real ones', async () => {
    fakeEverything();
    const fresh = await again();
    const first = new fresh.TaskExecutor('task-1', 'user-1');
    await first.start();
    expect(first.status).toBe('completed');
    vi.useRealTimers();
    await reset();
    const second = new fresh.TaskExecutor('task-1', 'user-1');
    await second.start();
    expect(second.status).toBe('completed');
  });
});
