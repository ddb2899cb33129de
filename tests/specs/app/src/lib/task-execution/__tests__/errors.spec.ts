import { TaskExecutionError } from 'task-execution-engine';
import { reset } from 'task-execution-engine/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '@/app/api/tasks/run/route';
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

describe('what goes wrong', () => {
  it('rejects for a task that does not exist, as the old class did', async () => {
    service.getTask.mockResolvedValue(null);
    await expect(new TaskExecutor('nowhere', 'user-1').start()).rejects.toThrow('Task not found');
    expect(service.updateTaskStatus).not.toHaveBeenCalled();
  });

  it('marks the task as failed and emits an error that says why', async () => {
    const denied = Object.assign(new Error('no access to the model'), { name: 'AccessDeniedException' });
    chat.mockRejectedValue(denied);
    const executor = new TaskExecutor('task-1', 'user-1');
    const errors: string[] = [];
    executor.on('task:error', ({ error }) => errors.push(error));
    await executor.start();
    expect(errors).toEqual([expect.stringContaining('no access to the model')]);
    expect(service.updateTaskStatus).toHaveBeenLastCalledWith('user-1', 'task-1', 'failed');
  });

  it('tries again what the service refused once', async () => {
    service.updateTaskStatus.mockRejectedValueOnce(new Error('busy'));
    const executor = new TaskExecutor('task-1', 'user-1');
    await executor.start();
    expect(executor.status).toBe('completed');
  });

  it('is a typed error, by code and by class', async () => {
    service.getTask.mockResolvedValue(null);
    const error = await new TaskExecutor('nowhere', 'user-1').start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskExecutionError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'TASK_NOT_FOUND', retryable: false });
  });

  it('is a 404 of the route', async () => {
    service.getTask.mockResolvedValueOnce(null);
    expect(await run('user-1', 'nowhere')).toEqual({ status: 404, body: { error: 'Task not found' } });
  });

  it('is nothing for a task that the mock returns once', async () => {
    service.getTask.mockReset();
    service.getTask.mockResolvedValueOnce(taskWith(['read'])).mockResolvedValueOnce(taskWith(['read']));
    expect(await run('user-1', 'task-1')).toEqual({
      status: 200,
      body: { status: 'completed', text: 'It is done.' },
    });
  });
});
