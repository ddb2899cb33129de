import { queueMicrotask } from '../platform.js';
import { splitPath } from './documents.js';

interface Watcher {
  onChange: () => void;
  due: boolean;
  ended: boolean;
}

/** Who wants to know of what: a change costs those who hear of it, however many there are. */
export class Watchers {
  readonly #all = new Set<Watcher>();
  readonly #byPath = new Map<string, Set<Watcher>>();

  get size(): number {
    return this.#all.size;
  }

  add(paths: string[], onChange: () => void): () => void {
    const watcher = { onChange, due: false, ended: false };
    const watched = [...paths];
    this.#all.add(watcher);
    for (const path of watched) {
      const ofPath = this.#byPath.get(path) ?? new Set();
      this.#byPath.set(path, ofPath.add(watcher));
    }
    return () => {
      watcher.ended = true;
      this.#all.delete(watcher);
      for (const path of watched) {
        const ofPath = this.#byPath.get(path);
        ofPath?.delete(watcher);
        if (ofPath?.size === 0) this.#byPath.delete(path);
      }
    };
  }

  /** Tells whoever watches one of the documents or their collections. */
  notify(changed: Iterable<string>): void {
    for (const path of changed) {
      this.#tell(this.#byPath.get(path));
      this.#tell(this.#byPath.get(splitPath(path).collection));
    }
  }

  /** Tells everybody, where nobody knows what has changed. */
  notifyAll(): void {
    this.#tell(this.#all);
  }

  #tell(watchers: Iterable<Watcher> = []): void {
    for (const watcher of watchers) {
      if (watcher.due) continue;
      watcher.due = true;
      queueMicrotask(() => {
        watcher.due = false;
        if (!watcher.ended) watcher.onChange();
      });
    }
  }
}
