import { TaskExecutionError } from '../errors.js';
import { checkId } from '../ids.js';
import type { NewTask, Task, TaskHost } from '../types.js';
import { toJson } from '../values.js';
import { checkHost } from './check-host.js';
import { execute } from './command.js';
import { resolveHost } from './config.js';

/**
 * Stores a new task document, of the newer shape, and returns it with its id. Where the caller gives the id and a task is
 * there already, that one is returned.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where the task cannot be stored as it is
 */
export async function createTask(userId: string, task: NewTask, options?: Partial<TaskHost>): Promise<Task> {
  checkId('userId', userId);
  return createTaskIn(await resolveHost({ userId }, options), userId, task);
}

/** Reads nothing global. */
export async function createTaskIn(host: TaskHost, userId: string, task: NewTask): Promise<Task> {
  checkHost(host);
  checkId('userId', userId);
  const written = toJson(task);
  if (!written.ok || written.json === undefined) {
    const reason = written.ok ? 'it is missing' : written.reason;
    throw new TaskExecutionError('INVALID_ARGUMENT', `The task cannot be stored: ${reason}.`);
  }
  const args = { task: JSON.parse(written.json) };
  if (args.task?.id !== undefined) checkId('task.id', args.task.id);
  return (await execute(host, { userId, taskId: '' }, 'createTask', args)) as Task;
}
