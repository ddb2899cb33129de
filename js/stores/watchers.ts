import { queueMicrotask } from '../platform.js';
import { splitPath } from './documents.js';

/** Who wants to know of what. */
export class Watchers {
  readonly #watchers = new Set<{ paths: Set<string>; onChange: () => void; due: boolean }>();

  get size(): number {
    return this.#watchers.size;
  }

  add(paths: string[], onChange: () => void): () => void {
    const watcher = { paths: new Set(paths), onChange, due: false };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Tells whoever watches one of the documents or their collections; everybody where nobody knows what changed. */
  notify(changed?: Iterable<string>): void {
    const touched = changed && new Set([...changed].flatMap((path) => [path, splitPath(path).collection]));
    for (const watcher of this.#watchers) {
      if (!watcher.due && (!touched || [...watcher.paths].some((path) => touched.has(path)))) {
        watcher.due = true;
        queueMicrotask(() => {
          watcher.due = false;
          if (this.#watchers.has(watcher)) {
            watcher.onChange();
          }
        });
      }
    }
  }
}
