import { TaskExecutionError } from '../../errors.js';
import { checkId } from '../../ids.js';
import type { StoreWrite, TaskStore } from '../../types.js';
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
   * @throws TaskExecutionError INVALID_ARGUMENT for ids that name no document, and for a user's message that is blank;
   * and what the store throws
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
  const store = db === undefined ? serviceStore(service) : firestoreStore(db, options);
  return { ...store, addMessage: (...message) => addMessage(store, ...message) };
}

async function addMessage(
  store: TaskStore,
  ...[userId, taskId, role, content, metadata]: Parameters<TaskServiceStore['addMessage']>
): Promise<string> {
  checkId('userId', userId);
  checkId('taskId', taskId);
  if (typeof content !== 'string' || (role === 'user' && content.trim() === '')) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      'addMessage: the content must be a text that is not blank.',
    );
  }
  const now = Date.now();
  // ids sort by time, as those of the engine's own messages do
  const id = `${String(now).padStart(13, '0')}-${crypto.randomUUID()}`;
  const task = `users/${userId}/tasks/${taskId}`;
  const at = new Date(now).toISOString();
  const message = {
    task_id: taskId,
    role,
    content,
    timestamp: at,
    ...(metadata === undefined ? {} : { metadata }),
  };
  const writes: StoreWrite[] = [{ op: 'create', path: `${task}/messages/${id}`, data: message }];
  if (role === 'user') {
    writes.push({
      op: 'create',
      path: `${task}/inbox/${id}`,
      data: { kind: 'message', text: content, in_thread: true, at },
    });
  }
  await store.commit(writes);
  return id;
}
