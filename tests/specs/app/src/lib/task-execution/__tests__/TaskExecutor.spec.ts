import { reset } from 'task-execution-engine/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { streamChatResponse } from '@/lib/chat/bedrock';
import { TaskExecutor } from '@/lib/task-execution/TaskExecutor';
import { TaskDatabaseService } from '@/services/task-database.service';
import { calling, saying } from '@/test/chat';
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

describe('TaskExecutor', () => {
  it('loads the task and sets its status as it starts and as it completes', async () => {
    await new TaskExecutor('task-1', 'user-1').start();
    expect(service.getTask).toHaveBeenCalledWith('user-1', 'task-1');
    expect(service.updateTaskStatus.mock.calls).toEqual([
      ['user-1', 'task-1', 'in_progress'],
      ['user-1', 'task-1', 'completed'],
    ]);
  });

  it('asks the model for each item, with the system prompt of the task', async () => {
    await new TaskExecutor('task-1', 'user-1').start();
    expect(chat).toHaveBeenCalledTimes(2);
    expect(chat.mock.calls[0]?.[1]?.[0]?.content?.[0]?.text).toContain('read');
    expect(chat.mock.calls[0]?.[3]).toEqual({ maxTokens: 4096, temperature: 0.7, systemPrompt: 'Be brief.' });
  });

  it('streams the text and emits what the old class emitted', async () => {
    const executor = new TaskExecutor('task-1', 'user-1');
    const heard: string[] = [];
    let text = '';
    for (const name of ['task:started', 'task:progress_update', 'task:completed', 'task:error']) {
      executor.on(name, ({ taskId }) => heard.push(`${name} ${taskId}`));
    }
    executor.on('task:message', ({ content }) => {
      text += content;
    });
    await executor.start();
    expect(text).toBe('It is done.It is done.');
    expect(heard).toEqual([
      'task:started task-1',
      'task:progress_update task-1',
      'task:progress_update task-1',
      'task:completed task-1',
    ]);
  });

  it('adds the messages of the model to the thread', async () => {
    await new TaskExecutor('task-1', 'user-1').start();
    expect(service.addMessage).toHaveBeenCalledWith('user-1', 'task-1', 'assistant', 'It is done.');
  });

  it('updates the progress of the task, done at the end', async () => {
    await new TaskExecutor('task-1', 'user-1').start();
    const [userId, taskId, updates] = service.updateTask.mock.calls.at(-1) ?? [];
    expect([userId, taskId, Object.keys(updates ?? {})]).toEqual(['user-1', 'task-1', ['progress']]);
    expect(updates?.progress?.overall_percentage).toBe(100);
    expect(updates?.progress?.tasks.m1?.map(({ status }) => status)).toEqual(['completed', 'completed']);
  });

  it('runs the tool that the model calls and gives it the result', async () => {
    chat.mockImplementationOnce(calling('lookup', { path: 'notes.md' }));
    const executor = new TaskExecutor('task-1', 'user-1');
    const calls: object[] = [];
    executor.on('task:tool_call', ({ toolCall }) => calls.push(toolCall));
    await executor.start();
    expect(calls).toEqual([{ id: 'call-1', name: 'lookup', input: { path: 'notes.md' } }]);
    expect(JSON.stringify(chat.mock.calls[1]?.[1])).toContain('the text of notes.md');
  });

  it('begins afresh with every spec, whatever one before did to a task of the same id', async () => {
    const executor = new TaskExecutor('task-1', 'user-1');
    let started = 0;
    executor.on('task:started', () => {
      started += 1;
    });
    await executor.start();
    expect(started).toBe(1);
    expect(chat).toHaveBeenCalledTimes(2);
  });
});
