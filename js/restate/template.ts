import { createTaskIn } from '../api/create-task.js';
import { planCommit } from '../stores/documents.js';
import type { NewTask, TaskHost, TaskStore } from '../types.js';

/**
 * Makes a task as `createTask` does, and stores nothing.
 *
 * @throws TaskExecutionError as `createTask` would each time
 */
export async function checkTemplate({ store }: TaskHost, userId: string, task: NewTask): Promise<void> {
  await createTaskIn({ store: blankPaper(store) }, userId, task);
}

/** Refuses what stores refuse, within the limits of this one, and keeps nothing. */
function blankPaper({ limits }: TaskStore): TaskStore {
  return {
    id: 'blank-paper',
    limits,
    read: async (paths) => paths.map(() => null),
    async commit(writes) {
      planCommit(writes, () => undefined, limits);
      return { version: '1' };
    },
    list: async () => [],
  };
}
