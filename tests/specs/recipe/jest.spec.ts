import { reset } from 'task-execution-engine/testing';
import { streamChatResponse } from '@/lib/chat/bedrock';
import { TaskExecutor } from '@/lib/task-execution/TaskExecutor';
import { TaskDatabaseService } from '@/services/task-database.service';
import { taskWith } from '@/test/task';

jest.mock('@/services/task-database.service', () => ({
  TaskDatabaseService: {
    getTask: jest.fn(),
    updateTask: jest.fn(),
    updateTaskStatus: jest.fn(),
    addMessage: jest.fn(),
  },
}));
jest.mock('@/lib/chat/bedrock', () => ({ createBedrockClient: jest.fn(), streamChatResponse: jest.fn() }));

beforeEach(() => {
  jest.useFakeTimers();
  jest.mocked(TaskDatabaseService.getTask).mockResolvedValue(taskWith(['read']));
  jest.mocked(streamChatResponse).mockResolvedValue({ text: 'I have read it.', toolCalls: [] });
});
afterEach(async () => {
  await reset();
  jest.useRealTimers();
});

it('runs the task to its end', async () => {
  await new TaskExecutor('task-1', 'user-1').start();
  const { addMessage, updateTaskStatus } = TaskDatabaseService;
  expect(addMessage).toHaveBeenCalledWith('user-1', 'task-1', 'assistant', 'I have read it.');
  expect(updateTaskStatus).toHaveBeenLastCalledWith('user-1', 'task-1', 'completed');
});
