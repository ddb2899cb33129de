import { Agent } from '../../api/agent.js';
import { plainOf } from '../../api/arguments.js';
import { TaskExecutionError } from '../../errors.js';
import type { TaskStore } from '../../types.js';
import { type FirestoreStoreOptions, firestoreStore } from './sdk.js';
import { serviceStore } from './service-store.js';
import type { TaskDatabaseServiceLike } from './service-structure.js';
import type { FirestoreLike } from './structure.js';

/** A store for an app that keeps its tasks by a `TaskDatabaseService`. */
export interface TaskServiceStore extends TaskStore {
  /**
   * Adds a message to the thread, as the service's method of that name does. A user's message is also sent to the model,
   * in the same commit.
   *
   * @returns the id of the message
   * @throws TaskExecutionError INVALID_ARGUMENT for ids that name no document, an unknown role, and a user's message
   * that is blank; TASK_NOT_FOUND; INVALID_TRANSITION for a user's message to a completed task, which nothing would
   * read; TOO_LARGE, STORE_DENIED, STORE_REJECTED, STORE_UNAVAILABLE
   */
  addMessage(
    userId: string,
    taskId: string,
    role: 'user' | 'assistant' | 'system',
    content: string,
    metadata?: Record<string, unknown>,
  ): Promise<string>;
}

/**
 * The store of an app that has a `TaskDatabaseService`. With `db`, the engine works on the documents themselves, beside
 * the service (`firestoreStore(db)`): the service's own reads drop fields that its schema does not know. Without `db`,
 * for specs, tasks come from `getTask`, status changes go to `updateTaskStatus`, and everything else is in memory and
 * ends with the process.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where the service has no `getTask`, or `db` is no Firestore
 */
export function fromTaskDatabaseService(
  service: TaskDatabaseServiceLike,
  db?: FirestoreLike,
  options?: FirestoreStoreOptions,
): TaskServiceStore {
  if (typeof service?.getTask !== 'function') {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      'fromTaskDatabaseService takes the service itself, with its method getTask.',
    );
  }
  if (db === undefined && typeof process !== 'undefined' && process.env?.NODE_ENV === 'production') {
    console.warn(
      'fromTaskDatabaseService without db keeps the history of tasks in memory: a restart loses it. Give it the Firestore: fromTaskDatabaseService(service, db).',
    );
  }
  const inner = db === undefined ? serviceStore(service) : firestoreStore(db, options);
  const store: TaskServiceStore = {
    ...inner,
    async addMessage(userId, taskId, role, content, metadata) {
      const message = plainOf('message', { role, content, metadata });
      return (await new Agent(taskId, userId, { store }).deposit('addMessage', message)) as string;
    },
  };
  return store;
}
