import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { taskWith } from '@/test/task';

jest.unstable_mockModule('@/services/task-database.service', () => ({
  TaskDatabaseService: {
    getTask: jest.fn(),
    updateTask: jest.fn(),
    updateTaskStatus: jest.fn(),
    addMessage: jest.fn(),
  },
}));
jest.unstable_mockModule('@/lib/chat/bedrock', () => ({
  createBedrockClient: jest.fn(),
  streamChatResponse: jest.fn(),
}));
const { reset } = await import('task-execution-engine/testing');
const { streamChatResponse } = await import('@/lib/chat/bedrock');
const { TaskExecutor } = await import('@/lib/task-execution/TaskExecutor');
const { TaskDatabaseService } = await import('@/services/task-database.service');

beforeEach(() => {
  jest.mocked(TaskDatabaseService.getTask).mockResolvedValue(taskWith(['read']));
  jest.mocked(streamChatResponse).mockResolvedValue({ text: 'I have read it.', toolCalls: [] });
});
afterEach(() => reset());

it('runs the task to its end', async () => {
  await new TaskExecutor('task-1', 'user-1').start();
  expect(TaskDatabaseService.updateTaskStatus).toHaveBeenLastCalledWith('user-1', 'task-1', 'completed');
});
