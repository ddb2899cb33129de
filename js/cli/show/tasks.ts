import type { SqliteStore } from '../../stores/sqlite.js';
import type { StoredDocument } from '../../types.js';
import { Quit } from '../exit.js';
import { printableLine } from '../text.js';

/** Which task is meant. */
export interface TaskRef {
  userId: string;
  taskId: string;
}

/** A task of the list. */
export interface ListedTask extends TaskRef {
  data: Record<string, unknown>;
}

const pageSize = 200;

/** Every task in a store, user by user. */
export async function* listTasks(store: SqliteStore): AsyncGenerator<ListedTask> {
  for (const collection of await store.collections()) {
    const userId = /^users\/([^/]+)\/tasks$/.exec(collection)?.[1];
    if (userId === undefined) continue;
    let after: string | undefined;
    for (;;) {
      const page: StoredDocument[] = await store.list(collection, {
        limit: pageSize,
        ...(after !== undefined && { after }),
      });
      for (const { path, data } of page) {
        after = path.slice(collection.length + 1);
        yield { userId, taskId: after, data };
      }
      if (page.length < pageSize) break;
    }
  }
}

/**
 * The task that a person means by its id, or by USER/ID.
 *
 * @throws Quit where there is none, or more than one
 */
export async function findTask(store: SqliteStore, name: string): Promise<TaskRef> {
  const found: TaskRef[] = [];
  for await (const { userId, taskId } of listTasks(store)) {
    if (taskId === name || `${userId}/${taskId}` === name) found.push({ userId, taskId });
  }
  const [task, ...others] = found;
  if (task === undefined) {
    throw new Quit(
      `There is no task ${printableLine(name)} in the store. Leave it out to see which there are.`,
    );
  }
  if (others.length > 0) {
    const names = found.map(({ userId, taskId }) => printableLine(`${userId}/${taskId}`));
    throw new Quit(`More than one user has a task of that id: say ${names.join(' or ')}.`);
  }
  return task;
}

/** How far a stored task is, in percent, in both shapes of the document. */
export function overallOf(data: Record<string, unknown>): number {
  const progress = data.progress as
    | { project?: unknown; overall_percentage?: unknown; progress?: { overall?: unknown } }
    | undefined;
  const overall = progress?.project === undefined ? progress?.overall_percentage : progress.progress?.overall;
  return typeof overall === 'number' ? overall : 0;
}
