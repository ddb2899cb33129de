/**
 * Counts what the engine holds, from outside: has to be installed before the package is imported. What the soak itself
 * does with time goes by `ownTimer`, which is not counted.
 */
import { EventEmitter, getEventListeners } from 'node:events';
import { createRequire, syncBuiltinESMExports } from 'node:module';

const timers = createRequire(import.meta.url)('node:timers');
const platform = { setTimeout, clearTimeout, setInterval, clearInterval };

/** A timer that counts as nobody's. */
export const ownTimer = platform.setTimeout;
export const sleep = (ms) => new Promise((resolve) => platform.setTimeout(resolve, ms));

const pending = new Set();
const PlatformRegistry = FinalizationRegistry;
let closures = 0;
const machines = { made: 0, freed: 0 };
let exported;

/** Leaks on purpose, by name, to show that they are found: each lets every fifth release go by unheard. */
const leaks = { timer: false, handle: false };
let releases = 0;
const forgets = (kind) => leaks[kind] && ++releases % 5 === 0;

export function installGauges({ leak }) {
  if (leak !== undefined && leak in leaks) leaks[leak] = true;
  countTimers();
  countMachines();
  countClosures();
}

/** What wasm has to be told when it is collected, and has not been told yet: its closures, above all. */
function countClosures() {
  globalThis.FinalizationRegistry = class extends PlatformRegistry {
    register(target, held, token) {
      if (token !== undefined) closures += 1;
      super.register(target, held, token);
    }

    unregister(token) {
      closures -= 1;
      return super.unregister(token);
    }
  };
}

/** Those that keep Node alive and those that do not. */
function countTimers() {
  const counted = (set, once) =>
    Object.assign((fn, ms, ...rest) => {
      const timer = set(
        (...args) => {
          if (once) pending.delete(timer);
          fn(...args);
        },
        ms,
        ...rest,
      );
      pending.add(timer);
      return timer;
    }, set);
  const clearing = (clear) => (timer) => {
    if (pending.has(timer) && forgets('timer')) patched.setInterval(() => {}, 1_000_000).unref();
    pending.delete(timer);
    clear(timer);
  };
  const patched = {
    setTimeout: counted(platform.setTimeout, true),
    setInterval: counted(platform.setInterval, false),
    clearTimeout: clearing(platform.clearTimeout),
    clearInterval: clearing(platform.clearInterval),
  };
  Object.assign(timers, patched);
  Object.assign(globalThis, patched);
  syncBuiltinESMExports();
}

/** Machines that the wasm was told to make and to free. */
function countMachines() {
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...args) => {
    const made = await instantiate(...args);
    const own = { ...(made.instance ?? made).exports };
    exported = own;
    const exports = {
      ...own,
      enginehandle_new: (...given) => {
        machines.made += 1;
        return own.enginehandle_new(...given);
      },
      __wbg_enginehandle_free: (...given) => {
        if (forgets('handle')) return undefined;
        machines.freed += 1;
        return own.__wbg_enginehandle_free(...given);
      },
    };
    return made.instance ? { ...made, instance: { exports } } : { exports };
  };
}

/** Something is open still: a machine, or a timer. */
export const isBusy = () => machines.made > machines.freed || pending.size > 0;

const registry = () => globalThis[Symbol.for('task-execution-engine/1')];

/** What must be the same in every sample, since nothing runs while it is taken. */
export const counts = [
  'machines',
  'closures',
  'runs',
  'watchers',
  'watches',
  'timers',
  'listeners',
  'objects',
  'documents',
  'resources',
];
/** Bytes that may wave, and must not grow. */
export const sizes = ['heap', 'external', 'buffers', 'wasm', 'table'];

/** Executors and what else is to be collected; counted by the collector. */
export class Collected {
  #alive = 0;
  #registry = new PlatformRegistry(() => {
    this.#alive -= 1;
  });

  add(object) {
    this.#alive += 1;
    this.#registry.register(object, undefined);
    return object;
  }

  get alive() {
    return this.#alive;
  }
}

async function collect() {
  for (let round = 0; round < 6; round += 1) {
    await sleep(10);
    globalThis.gc();
  }
  await sleep(10);
}

/** `world` says what only it can see: its store, its shared signal and emitter. */
export async function sample(world) {
  await collect();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  const { runs, watchers } = registry();
  return {
    machines: machines.made - machines.freed,
    closures,
    runs: runs.size,
    watchers: watchers.size,
    watches: world.watches,
    timers: pending.size,
    listeners:
      getEventListeners(world.signal, 'abort').length + listenersOf(world.longLived) + listenersOf(process),
    objects: world.objects.alive,
    documents: world.documents.size,
    resources: process.getActiveResourcesInfo().filter((name) => !/Wrap$/.test(name)).length,
    heap: heapUsed,
    external: external - arrayBuffers,
    buffers: arrayBuffers,
    wasm: exported.memory.buffer.byteLength,
    table: exported.__wbindgen_externrefs.length,
    rss,
    made: machines.made,
  };
}

const listenersOf = (emitter) =>
  EventEmitter.prototype.eventNames
    .call(emitter)
    .reduce((total, name) => total + emitter.listenerCount(name), 0);
