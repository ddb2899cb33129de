import { TaskExecutionError } from '../errors.js';
import type { NewTask, Task, TaskHost } from '../types.js';
import { toJson } from '../values.js';
import { Agent } from './agent.js';

/** 20 characters like those of the database's own ids. */
function newId(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const random = crypto.getRandomValues(new Uint32Array(20));
  return Array.from(random, (number) => alphabet[number % alphabet.length]).join('');
}

/** Stores a new task document and returns it with its id. */
export async function createTask(userId: string, task: NewTask, options?: Partial<TaskHost>): Promise<Task> {
  const written = toJson(task);
  if (!written.ok || written.json === undefined) {
    const reason = written.ok ? 'it is missing' : written.reason;
    throw new TaskExecutionError('INVALID_ARGUMENT', `The task cannot be stored: ${reason}.`);
  }
  return new Agent(newId(), userId, options).command('createTask', { task: JSON.parse(written.json) });
}
