import { useMemo, useSyncExternalStore } from 'react';
import type { TaskClient } from '../client/client.js';
import { useTaskClient } from './provider.js';
import { TaskStore, type UsedTask, type UseTaskOptions } from './task-store.js';

/** Of the page's tasks, by client and id. */
const stores = new WeakMap<TaskClient, Map<string, TaskStore>>();

/** The parts of a page that show one task share it. A server shares nothing between its requests. */
function storeOf(client: TaskClient, id: string, options: UseTaskOptions): TaskStore {
  if (typeof window === 'undefined') return new TaskStore(client, id, options);
  const known = stores.get(client) ?? new Map<string, TaskStore>();
  stores.set(client, known);
  const had = known.get(id);
  if (had !== undefined) return had;
  const made = new TaskStore(client, id, options, () => {
    if (known.get(id) === made) known.delete(id);
  });
  known.set(id, made);
  return made;
}

/**
 * A task on the server, as it is now, and the commands on it. Parts of a page that show the same task share one connection;
 * it is closed when none of them is there any more.
 */
export function useTask(id: string, options: UseTaskOptions = {}): UsedTask {
  const client = useTaskClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the options are of the beginning
  const store = useMemo(() => storeOf(client, id, options), [client, id]);
  return useSyncExternalStore(store.subscribe, store.view, () => store.serverView);
}
