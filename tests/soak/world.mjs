/** What all tasks of the soak share: one store with faults, several engines on it, a signal and an emitter that stay. */
import { setMaxListeners } from 'node:events';
import { Collected } from './gauges.mjs';
import { createTaskEngine, faultyStore, memoryStore } from './package.mjs';
import { failingCallbacks, failingModel } from './script.mjs';

/** Milliseconds. Short, so that whatever waits is soon over; leases outlive a process that hardly gets its turn. */
export const runOptions = {
  leaseTtlMs: 20_000,
  graceMs: 20,
  storeTimeoutMs: 5_000,
  callbackTimeoutMs: 1_000,
  idleTimeoutMs: 100,
  retry: { baseMs: 1, maxMs: 10 },
};
const storeFaults = {
  error: 0.003,
  reply_lost: 0.003,
  lands_late: 0.002,
  delay: 0.02,
  hangs_after: 0.000_3,
  maxDelayMs: 5,
};

export async function createWorld({ seed, random, leak }) {
  let asked = 0;
  // every fifth release goes by unheard
  const leaks = (kind) => leak === kind && ++asked % 5 === 0;
  const documents = new Set();
  const watches = new Set();
  const inner = memoryStore();
  const observed = {
    ...inner,
    async commit(writes, options) {
      const done = await inner.commit(writes, options);
      for (const { op, path } of writes) {
        if (op === 'create') documents.add(path);
        if (op === 'delete') documents.delete(path);
      }
      return done;
    },
    watch(paths, changed) {
      const end = inner.watch(paths, changed);
      watches.add(end);
      return () => {
        if (leaks('watch')) return;
        watches.delete(end);
        end();
      };
    },
  };
  const store = faultyStore(observed, { seed, ...storeFaults });
  const { watch: _, ...blind } = store;
  const thrown = { listeners: 0 };
  const host = (own) => ({
    store: own,
    model: failingModel(random),
    ...failingCallbacks(random),
    defaults: runOptions,
    onListenerError: () => {
      thrown.listeners += 1;
    },
  });
  const controller = new AbortController();
  const { signal } = controller;
  setMaxListeners(0, signal);
  const quiet = createTaskEngine({ store: observed });
  const { id: longLived } = await quiet.createTask('u', { title: 'Stays' });
  return {
    store,
    documents,
    thrown,
    get watches() {
      return watches.size;
    },
    /** Of another host object each, one of them with a store that cannot watch. */
    engines: [createTaskEngine(host(store)), createTaskEngine(host(store)), createTaskEngine(host(blind))],
    /** Without faults, to create, look and clean up. */
    quiet,
    /** Handed to runs and followers of every task. */
    signal,
    /** Given commands all the time, for a task that never runs. */
    longLived: quiet.lifecycle(longLived, 'u'),
    objects: new Collected(),
    leaks,
    kept: [],
  };
}
