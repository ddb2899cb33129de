import { reset } from 'task-execution-engine/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { streamChatResponse } from '@/lib/chat/bedrock';
import { TaskExecutor } from '@/lib/task-execution/TaskExecutor';
import { TaskDatabaseService } from '@/services/task-database.service';
import { taskWith } from '@/test/task';

vi.mock('@/services/task-database.service', () => ({
  TaskDatabaseService: {
    getTask: vi.fn(),
    updateTask: vi.fn(),
    updateTaskStatus: vi.fn(),
    addMessage: vi.fn(),
  },
}));
vi.mock('@/lib/chat/bedrock', () => ({ createBedrockClient: vi.fn(), streamChatResponse: vi.fn() }));

beforeEach(() => {
  vi.useFakeTimers();
  vi.mocked(TaskDatabaseService.getTask).mockResolvedValue(taskWith(['read']));
  vi.mocked(streamChatResponse).mockResolvedValue({ text: 'I have read it.', toolCalls: [] });
});
afterEach(async () => {
  await reset();
  vi.useRealTimers();
});

it('runs the task to its end', async () => {
  await new TaskExecutor('task-1', 'user-1').start();
  const { addMessage, updateTaskStatus } = TaskDatabaseService;
  expect(addMessage).toHaveBeenCalledWith('user-1', 'task-1', 'assistant', 'I have read it.');
  expect(updateTaskStatus).toHaveBeenLastCalledWith('user-1', 'task-1', 'completed');
});
