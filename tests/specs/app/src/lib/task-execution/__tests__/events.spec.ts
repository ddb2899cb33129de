import { EventEmitter, once } from 'node:events';
import { reset } from 'task-execution-engine/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { streamChatResponse } from '@/lib/chat/bedrock';
import { TaskExecutor } from '@/lib/task-execution/TaskExecutor';
import { TaskDatabaseService } from '@/services/task-database.service';
import { saying } from '@/test/chat';
import { taskWith } from '@/test/task';

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

class Audited extends TaskExecutor {
  readonly log: string[] = [];

  async start(): Promise<void> {
    this.log.push('start');
    await super.start();
  }

  emit(event: string | symbol, ...args: any[]): boolean {
    this.log.push(String(event));
    return super.emit(event, ...args);
  }
}

describe('events', () => {
  it('come from an EventEmitter of Node', async () => {
    const executor = new TaskExecutor('task-1', 'user-1');
    expect(executor).toBeInstanceOf(EventEmitter);
    const completed = once(executor, 'task:completed');
    await executor.start();
    expect((await completed)[0]).toMatchObject({ taskId: 'task-1' });
  });

  it('can be spied on as those of any emitter', async () => {
    const executor = new TaskExecutor('task-1', 'user-1');
    const emit = vi.spyOn(executor, 'emit');
    const listener = vi.fn();
    executor.on('task:started', listener);
    await executor.start();
    expect(listener).toHaveBeenCalledTimes(1);
    expect(emit).toHaveBeenCalledWith('task:started', expect.objectContaining({ taskId: 'task-1' }));
    expect(emit.mock.calls.map(([name]) => name)).toContain('task:completed');
  });

  it('go through what a subclass overrides', async () => {
    const executor = new Audited('task-1', 'user-1');
    await executor.start();
    expect(executor.log[0]).toBe('start');
    expect(executor.log).toEqual(expect.arrayContaining(['task:started', 'task:completed']));
    expect(executor).toBeInstanceOf(TaskExecutor);
  });

  it('have payloads that are equal to plain objects', async () => {
    const executor = new TaskExecutor('task-1', 'user-1');
    const calls: object[] = [];
    executor.on('task:message', (payload) => calls.push(payload));
    await executor.start();
    expect(calls[0]).toStrictEqual({
      taskId: 'task-1',
      messageId: expect.any(String),
      attempt: 1,
      role: 'assistant',
      content: 'It i',
      offset: 0,
      streaming: true,
    });
  });
});
