import { checkId } from '../ids.js';
import { monotonicMs } from '../platform.js';
import type { StoredDocument, Task, TaskStore } from '../types.js';
import { Collection } from './collection.js';
import {
  checkDocumentPath,
  checkListing,
  checkSignal,
  decode,
  encode,
  localLimits,
  planCommit,
  type Row,
  splitPath,
} from './documents.js';
import { checkTasksQuery, compareTasks, isTasksCollection, placeOf } from './task-order.js';
import { Watchers } from './watchers.js';

/** What a memory store begins with. */
export interface MemoryStoreOptions {
  /** Stored at `users/{user_id}/tasks/{id}`. */
  tasks?: Task[] | undefined;
  /** Milliseconds on a clock that never goes back, for `ageMs`. Default: `performance.now`. */
  now?: (() => number) | undefined;
}

interface MemoryRow extends Row {
  writtenAt: number;
}

const counted = Symbol.for('task-execution-engine/memory-stores');

/** Counted through all copies of the package: a random number may not be drawn where a worker's module is loaded. */
function nextId(): string {
  const holder = globalThis as { [counted]?: number };
  holder[counted] = (holder[counted] ?? 0) + 1;
  return `memory:${holder[counted]}`;
}

/**
 * A store that lives as long as the object does, for tests and for tasks that need not outlive the process. It keeps
 * copies: nothing that is handed in or out is shared. It refuses what Firestore refuses.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT where a task's id or user_id cannot be used
 */
export function memoryStore(options: MemoryStoreOptions = {}): TaskStore {
  const now = options.now ?? monotonicMs;
  const collections = new Map<string, Collection<MemoryRow>>();
  const watchers = new Watchers();
  let writes = 0;

  const find = (path: string): MemoryRow | undefined => {
    const { collection, id } = splitPath(path);
    return collections.get(collection)?.get(id);
  };
  const put = (path: string, json: string | null, version: string) => {
    const { collection, id } = splitPath(path);
    const documents = collections.get(collection) ?? new Collection<MemoryRow>();
    if (json === null) {
      documents.delete(id);
    } else {
      documents.set(id, { json, version, writtenAt: now() });
    }
    if (documents.size === 0) {
      collections.delete(collection);
    } else {
      collections.set(collection, documents);
    }
  };
  const present = (path: string, row: MemoryRow): StoredDocument => ({
    path,
    data: decode(row.json),
    version: row.version,
    ageMs: Math.max(0, now() - row.writtenAt),
  });

  for (const { id, ...data } of options.tasks ?? []) {
    checkId('id of a task', id);
    checkId('user_id of a task', data.user_id);
    put(`users/${data.user_id}/tasks/${id}`, encode(data, localLimits).json, String(++writes));
  }

  return {
    id: nextId(),
    limits: { ...localLimits },

    async read(paths, { signal } = {}) {
      checkSignal(signal);
      return paths.map((path) => {
        checkDocumentPath(path);
        const row = find(path);
        return row ? present(path, row) : null;
      });
    },

    async commit(batch, { signal } = {}) {
      checkSignal(signal);
      const changes = planCommit(batch, find, localLimits);
      const version = String(++writes);
      for (const [path, json] of changes) {
        put(path, json, version);
      }
      watchers.notify(changes.keys());
      return { version };
    },

    async list(collection, { after, limit, signal }) {
      checkSignal(signal);
      checkListing(collection, limit);
      const page = collections.get(collection)?.page(after, limit) ?? [];
      return page.map(([id, row]) => present(`${collection}/${id}`, row));
    },

    async tasks(query) {
      checkSignal(query.signal);
      const after = checkTasksQuery(query);
      const { userId, status, order = 'newest', limit } = query;
      const sign = order === 'newest' ? -1 : 1;
      return [...collections]
        .filter(([name]) =>
          userId === undefined ? isTasksCollection(name) : name === `users/${userId}/tasks`,
        )
        .flatMap(([name, documents]) =>
          documents.page(undefined, documents.size).map(([id, row]) => present(`${name}/${id}`, row)),
        )
        .filter(({ data }) => status === undefined || data.status === status)
        .map((document) => ({ document, place: placeOf(document) }))
        .filter(({ place }) => after === undefined || sign * compareTasks(place, after) > 0)
        .sort((a, b) => sign * compareTasks(a.place, b.place))
        .slice(0, limit)
        .map(({ document }) => document);
    },

    watch: (paths, onChange) => watchers.add(paths, onChange),
  };
}
