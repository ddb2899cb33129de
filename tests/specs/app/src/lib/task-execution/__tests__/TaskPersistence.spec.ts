import { reset } from 'task-execution-engine/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { streamChatResponse } from '@/lib/chat/bedrock';
import { TaskExecutor } from '@/lib/task-execution/TaskExecutor';
import { TaskPersistence } from '@/lib/task-execution/TaskPersistence';
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

describe('TaskPersistence', () => {
  it('loads the task of the service', async () => {
    const task = await new TaskPersistence('task-1', 'user-1').load();
    expect(task).toMatchObject({ id: 'task-1', title: 'A task', status: 'not_started' });
  });

  it('saves a message of the thread by the service', async () => {
    const persistence = new TaskPersistence('task-1', 'user-1');
    await persistence.saveTaskMessage({
      role: 'assistant',
      content: 'Half way.',
      metadata: { from: 'spec' },
    });
    expect(service.addMessage).toHaveBeenCalledWith('user-1', 'task-1', 'assistant', 'Half way.', {
      from: 'spec',
    });
    expect(await persistence.taskMessages()).toMatchObject([{ role: 'assistant', content: 'Half way.' }]);
  });

  it('has the conversation of a run, and a checkpoint that moves on', async () => {
    const persistence = new TaskPersistence('task-1', 'user-1');
    const before = await persistence.checkpoint();
    await new TaskExecutor('task-1', 'user-1').start();
    const roles = (await persistence.apiMessages()).map(({ role }) => role);
    expect(roles).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect((await persistence.checkpoint()).seq).toBeGreaterThan(before.seq);
  });
});
