import type { TaskStore } from './types.js';
import { describeThrown, overhear } from './values.js';

/**
 * Watches where the store can; returns what ends that, or undefined where nothing is watched. Never throws: a watch
 * that fails is noted, and whoever wanted it looks from time to time.
 */
export function watchStore(
  store: TaskStore,
  paths: string[],
  changed: (newest?: string) => void,
  note: (message: string) => void,
): (() => void) | undefined {
  const failed = (what: string) => (thrown: unknown) =>
    note(`${what} failed: ${describeThrown(thrown).message}.`);
  try {
    if (typeof store.watch !== 'function') return undefined;
    const end: unknown = store.watch(paths, changed);
    if (typeof end === 'function') {
      return () => {
        try {
          overhear(end(), failed('The end of store.watch()'));
        } catch (thrown) {
          failed('The end of store.watch()')(thrown);
        }
      };
    }
    note('store.watch() must return a function that ends the watch.');
    overhear(end, failed('store.watch()'));
  } catch (thrown) {
    failed('store.watch()')(thrown);
  }
  return undefined;
}
