type Closer = { storeId: string; close: () => void };

interface Slot {
  [slot]?: Set<Closer>;
}

// Several copies of the package may be loaded: a drain reaches what any of them holds open.
const slot = Symbol.for('task-execution-engine/drained/1');
(globalThis as Slot)[slot] ??= new Set();
const closers = (globalThis as Slot)[slot] as Set<Closer>;

/** Calls back when what hangs on a store is to be closed, since the process ends. Returns what takes that back. */
export function onDrain(storeId: string, close: () => void): () => void {
  const closer = { storeId, close };
  closers.add(closer);
  return () => closers.delete(closer);
}

/** Closes what is open on a store, or everything. */
export function drained(storeId?: string): void {
  for (const closer of [...closers]) {
    if (storeId === undefined || closer.storeId === storeId) closer.close();
  }
}
