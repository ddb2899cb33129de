import { reset } from 'task-execution-engine/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { streamChatResponse } from '@/lib/chat/bedrock';
import { TaskExecutor } from '@/lib/task-execution/TaskExecutor';
import { TaskLifecycle } from '@/lib/task-execution/TaskLifecycle';
import { TaskDatabaseService } from '@/services/task-database.service';
import { hanging, saying } from '@/test/chat';
import { happens } from '@/test/happens';
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

const statuses = () => service.updateTaskStatus.mock.calls.map(([, , status]) => status);

describe('TaskLifecycle', () => {
  it('pauses in mid-turn and resumes to the end', async () => {
    const { chat: hangs, release } = hanging();
    chat.mockImplementationOnce(hangs);
    const executor = new TaskExecutor('task-1', 'user-1');
    const said = happens(executor, 'task:message');
    const started = executor.start();
    await said;
    const paused = happens(executor, 'task:paused');
    await executor.pause();
    expect((await paused).taskId).toBe('task-1');
    await started;
    release();
    expect(executor.isPaused).toBe(true);
    expect(statuses()).toEqual(['in_progress', 'paused']);
    await executor.resume();
    expect(statuses()).toEqual(['in_progress', 'paused', 'in_progress', 'completed']);
  });

  it('stops, which is stored as paused', async () => {
    const { chat: hangs, release } = hanging();
    chat.mockImplementationOnce(hangs);
    const executor = new TaskExecutor('task-1', 'user-1');
    const said = happens(executor, 'task:message');
    const started = executor.start();
    await said;
    const stopped = happens(executor, 'task:stopped');
    await executor.stop();
    await stopped;
    await started;
    release();
    expect(statuses()).toEqual(['in_progress', 'paused']);
    expect(executor.isRunning).toBe(false);
  });

  it('pauses when somebody else has set the status', async () => {
    const executor = new TaskExecutor('task-1', 'user-1');
    executor.once('task:progress_update', () => {
      service.getTask.mockResolvedValue(taskWith(['read', 'write'], { status: 'paused' }));
    });
    await executor.start();
    expect(executor.status).toBe('paused');
  });

  it('knows which command leads where', () => {
    expect(TaskLifecycle.can('not_started', 'start')).toBe(true);
    expect(TaskLifecycle.can('completed', 'start')).toBe(false);
    expect(TaskLifecycle.next('in_progress', 'pause')).toBe('paused');
    expect(() => TaskLifecycle.next('completed', 'start')).toThrow(/completed/);
  });

  it('leaves a run behind that the next spec does not hear of', async () => {
    const { chat: hangs } = hanging();
    chat.mockImplementation(hangs);
    const executor = new TaskExecutor('task-1', 'user-1');
    const said = happens(executor, 'task:message');
    void executor.start();
    await said;
    expect(executor.isRunning).toBe(true);
  });

  it('hears of nothing that was left behind', async () => {
    const executor = new TaskExecutor('task-1', 'user-1');
    await executor.start();
    expect(statuses()).toEqual(['in_progress', 'completed']);
  });
});
