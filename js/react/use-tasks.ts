import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { longestTimerMs } from '../longest-timer.js';
import { ListStore, type UsedTasks, type UseTasksOptions } from './list-store.js';
import { useTaskClient } from './provider.js';

/** The user's tasks. The list is read again every few seconds while the page can be seen, and when it is seen again. */
export function useTasks(options: UseTasksOptions = {}): UsedTasks {
  const { status, search, limit, refreshMs = 5_000 } = options;
  const client = useTaskClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a changed query is asked below
  const store = useMemo(() => new ListStore(client, { status, search, limit }, options.initial), [client]);
  useEffect(() => store.ask({ status, search, limit }), [store, status, search, limit]);
  useEffect(() => {
    const look = () => {
      if (globalThis.document?.visibilityState !== 'hidden') void store.refresh();
    };
    look();
    globalThis.document?.addEventListener('visibilitychange', look);
    const timer = setInterval(look, Math.min(refreshMs, longestTimerMs));
    return () => {
      globalThis.document?.removeEventListener('visibilitychange', look);
      clearInterval(timer);
    };
  }, [store, refreshMs]);
  return useSyncExternalStore(store.subscribe, store.view, () => store.serverView);
}
