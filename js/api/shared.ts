import { breathe } from '../clock.js';
import { copied } from '../transcript.js';
import type { TaskStore } from '../types.js';
import { watchStore } from '../watch.js';
import type { Page } from './stored-events.js';

type Changed = (newest?: string) => void;

interface SharedWatch {
  listeners: Set<{ changed: Changed }>;
  end(): void;
}

const watches = new WeakMap<TaskStore, Map<string, SharedWatch>>();

/**
 * Watches a path of a store: one watch for all who want to know, however many follow one task. Whoever comes later is not
 * told what there was at first. Returns the end, or undefined where nothing is watched.
 */
export function sharedWatch(
  store: TaskStore,
  path: string,
  changed: Changed,
  note: (message: string) => void,
): (() => void) | undefined {
  const ofStore = watches.get(store) ?? new Map<string, SharedWatch>();
  const listener = { changed };
  let shared = ofStore.get(path);
  if (shared === undefined) {
    const listeners = new Set([listener]);
    const tell = (newest?: string) => {
      for (const { changed } of [...listeners]) changed(newest);
    };
    const end = watchStore(store, [path], tell, note);
    if (end === undefined) return undefined;
    shared = { listeners, end };
    watches.set(store, ofStore.set(path, shared));
  }
  const { listeners, end } = shared;
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || ofStore.get(path) !== shared) return;
    ofStore.delete(path);
    end();
  };
}

// By store, not by host: of what was configured every command gets a host of its own.
const reads = new WeakMap<TaskStore, Map<string, { page: Promise<Page>; copies: number }>>();

/**
 * A page of events: one read for all who ask for the same at the same moment, as those do who have just been told by one
 * watch. Nobody joins a read that has begun: it may not have what they were told of.
 */
export async function sharedPage(store: TaskStore, key: string, read: () => Promise<Page>): Promise<Page> {
  const ofStore = reads.get(store) ?? new Map<string, { page: Promise<Page>; copies: number }>();
  reads.set(store, ofStore);
  let shared = ofStore.get(key);
  if (shared === undefined) {
    const begun = breathe().finally(() => ofStore.delete(key));
    shared = { page: begun.then(read), copies: 0 };
    ofStore.set(key, shared);
  }
  shared.copies += 1;
  const page = await shared.page;
  return shared.copies === 1 ? page : { ...page, events: copied(page.events) };
}
