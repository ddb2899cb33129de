/** What every store's `tasks()` has in common: which documents are tasks, their order, and places in it. */
import { checkId } from '../ids.js';
import type { StoredDocument, TasksQuery } from '../types.js';
import { describeThrown } from '../values.js';
import { checkDocumentPath, checkListing, compareIds, StoreError, splitPath } from './documents.js';

/** Where a page begins: after this document. */
export interface TaskPlace {
  createdAt: string;
  path: string;
}

/** The place of a document among tasks. */
export function placeOf({ path, data }: Pick<StoredDocument, 'path' | 'data'>): TaskPlace {
  return { createdAt: typeof data.created_at === 'string' ? data.created_at : '', path };
}

/** A place as `after` takes it. */
export function cursorOfTask(document: Pick<StoredDocument, 'path' | 'data'>): string {
  const { createdAt, path } = placeOf(document);
  return `${createdAt} ${path}`;
}

/** Whether a collection is the tasks of a user. */
export function isTasksCollection(collection: string): boolean {
  const [users, userId, tasks, ...deeper] = collection.split('/');
  return users === 'users' && userId !== undefined && tasks === 'tasks' && deeper.length === 0;
}

/**
 * Checks a query; returns where it begins.
 *
 * @throws StoreError `invalid`
 */
export function checkTasksQuery({ userId, status, order, limit, after }: TasksQuery): TaskPlace | undefined {
  checkListing(`users/${idOf(userId ?? 'u')}/tasks`, limit);
  if (status !== undefined && typeof status !== 'string') {
    throw new StoreError('invalid', 'status must be a string.');
  }
  if (order !== undefined && order !== 'newest' && order !== 'oldest') {
    throw new StoreError('invalid', "order must be 'newest' or 'oldest'.");
  }
  return after === undefined ? undefined : placeIn(after);
}

function idOf(userId: string): string {
  try {
    checkId('userId', userId);
    return userId;
  } catch (cause) {
    throw new StoreError('invalid', describeThrown(cause).message, { cause });
  }
}

/** Neither users' ids nor times begin with `users/`, so that the first such word is where the path begins. */
function placeIn(after: unknown): TaskPlace {
  const cut = typeof after === 'string' ? after.indexOf(' users/') : -1;
  if (typeof after !== 'string' || cut < 0) {
    throw new StoreError('invalid', "after must be '{created_at} {path}' of a task's document.");
  }
  const place = { createdAt: after.slice(0, cut), path: after.slice(cut + 1) };
  checkDocumentPath(place.path);
  return place;
}

/** Reads one page of documents that may be others than tasks of users; `asked` is how many there are at most. */
type ReadPage = (after: TaskPlace | undefined, asked: number) => Promise<StoredDocument[]>;

/**
 * A page of tasks out of a query that finds more: what other collections of the name have is left out, and a page that is
 * short because of it is filled up.
 */
export async function fullPage(
  limit: number,
  after: TaskPlace | undefined,
  read: ReadPage,
): Promise<StoredDocument[]> {
  const found: StoredDocument[] = [];
  for (let place = after; ; ) {
    const asked = limit - found.length;
    const page = await read(place, asked);
    found.push(...page.filter(({ path }) => isTasksCollection(splitPath(path).collection)));
    const last = page.at(-1);
    if (last === undefined || page.length < asked || found.length >= limit) return found;
    place = placeOf(last);
  }
}

/** The oldest first. */
export function compareTasks(a: TaskPlace, b: TaskPlace): number {
  return compareIds(a.createdAt, b.createdAt) || compareIds(a.path, b.path);
}
