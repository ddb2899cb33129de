import { TaskExecutor } from '@/lib/task-execution/TaskExecutor';
import { TaskDatabaseService } from '@/services/task-database.service';

/** Starts a task and waits for its end; 404 where there is none. */
export async function run(userId: string, taskId: string): Promise<{ status: number; body: object }> {
  const task = await TaskDatabaseService.getTask(userId, taskId);
  if (task === null) return { status: 404, body: { error: 'Task not found' } };
  const executor = new TaskExecutor(taskId, userId);
  let text = '';
  executor.on('task:message', ({ content }) => {
    text += content;
  });
  try {
    await executor.start();
    return { status: 200, body: { status: executor.status, text } };
  } catch (error) {
    return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}
