import type { TaskStore } from './types.js';

/** The calls that the engine makes, with the promises of a store that may do anything. */
export type GuardedStore = Pick<TaskStore, 'read' | 'list' | 'commit'>;

/**
 * The store as the engine may call it: what comes back is a promise of the platform that settles once, whatever the
 * store's own does in its `then` and `constructor`. What those throw is a rejection.
 */
export function guardedStore(store: TaskStore): GuardedStore {
  return {
    read: async (paths, options) => await store.read(paths, options),
    list: async (collection, options) => await store.list(collection, options),
    commit: async (writes, options) => await store.commit(writes, options),
  };
}
