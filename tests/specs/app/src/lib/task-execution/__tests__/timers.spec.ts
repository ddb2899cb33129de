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

describe('under fake timers', () => {
  it('a task runs to its end without anybody moving the clock', async () => {
    fakeEverything();
    const executor = new TaskExecutor('task-1', 'user-1');
    await executor.start();
    expect(executor.status).toBe('completed');
  });

  it('a turn that was throttled is tried again', async () => {
    fakeEverything();
    chat.mockRejectedValueOnce(Object.assign(new Error('Slow down.'), { name: 'ThrottlingException' }));
    const executor = new TaskExecutor('task-1', 'user-1');
    const retry = happens(executor, 'task:retry');
    await executor.start();
    expect((await retry).code).toBe('MODEL_THROTTLED');
    expect(executor.status).toBe('completed');
  });

  it('moving the clock by hours in mid-turn ends nothing', async () => {
    fakeEverything();
    const { chat: hangs, release } = hanging();
    chat.mockImplementationOnce(hangs);
    const executor = new TaskExecutor('task-1', 'user-1');
    const said = happens(executor, 'task:message');
    const started = executor.start();
    await said;
    vi.advanceTimersByTime(6 * 3_600_000);
    release();
    await started;
    expect(executor.status).toBe('completed');
  });

  it('a run that began under real ones goes on, and one that began under fakes ends under real ones', async () => {
    const first = new TaskExecutor('task-1', 'user-1');
    const said = happens(first, 'task:message');
    const started = first.start();
    await said;
    fakeEverything();
    await started;
    expect(first.status).toBe('completed');

    const { chat: hangs, release } = hanging();
    chat.mockImplementationOnce(hangs);
    service.getTask.mockResolvedValue(taskWith(['again'], { id: 'task-2' }));
    const second = new TaskExecutor('task-2', 'user-1');
    const begun = happens(second, 'task:message');
    const ended = second.start();
    await begun;
    vi.useRealTimers();
    release();
    await ended;
    expect(second.status).toBe('completed');
  });

  it('pause and reset settle', async () => {
    fakeEverything();
    chat.mockImplementation(hanging().chat);
    const executor = new TaskExecutor('task-1', 'user-1');
    const said = happens(executor, 'task:message');
    const started = executor.start();
    await said;
    await executor.pause();
    await started;
    await reset();
    expect(executor.isRunning).toBe(false);
  });

  it('what is written has the time that the test has set', async () => {
    fakeEverything();
    vi.setSystemTime(new Date('2031-05-06T07:08:09.000Z'));
    await new TaskExecutor('task-1', 'user-1').start();
    const [, , updates] = service.updateTask.mock.calls.at(-1) ?? [];
    const [milestone] = updates?.progress?.milestones ?? [];
    expect(milestone).toMatchObject({ completed_at: expect.stringMatching(/^2031-05-06T07:08:09\./) });
  });
});
