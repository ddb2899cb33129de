import { systemClock } from '../clock.js';
import { StoreError } from '../stores/documents.js';
import type { AbortSignalLike, Clock, StoreErrorCode, StoreWrite, TaskStore, TasksQuery } from '../types.js';
import { generator } from './generator.js';

/** A call to a store, as a plan of faults sees it. */
export type StoreCall = {
  /** How many calls there were before it. */
  index: number;
} & (
  | {
      /** The store's method. */
      method: 'read';
      /** Documents to be read. */
      paths: string[];
    }
  | {
      /** The store's method. */
      method: 'commit';
      /** What is to be written. */
      writes: StoreWrite[];
    }
  | {
      /** The store's method. */
      method: 'list';
      /** The collection to be listed. */
      collection: string;
    }
  | {
      /** The store's method. */
      method: 'tasks';
      /** Which tasks are asked for. */
      query: TasksQuery;
    }
);

/** What goes wrong with a call. */
export type StoreFault =
  | {
      /** Fails with this code; nothing is done. */
      kind: 'error';
      /** The code that the caller hears. */
      code: StoreErrorCode;
    }
  | {
      /** It is done, but the reply is lost: the caller hears `unavailable`. */
      kind: 'reply_lost';
    }
  | {
      /** It is done and answered after so many milliseconds. */
      kind: 'delay';
      /** Milliseconds until it is done. */
      ms: number;
    }
  | {
      /** The caller hears `unavailable` at once; the call is done so many milliseconds later. */
      kind: 'lands_late';
      /** Milliseconds until it is done. */
      ms: number;
    }
  | {
      /** Nothing is done and nothing is ever heard, unless the call is aborted. */
      kind: 'hangs';
    }
  | {
      /** It is done, and nothing is ever heard, unless the call is aborted. */
      kind: 'hangs_after';
    };

/** How often each kind of fault is to happen, each a share of the calls, 0 to 1. */
export interface FaultShares {
  /** The same seed gives the same faults to the same calls. */
  seed: number;
  /** It fails; nothing is done. */
  error?: number;
  /** What `error` picks from. Default: `unavailable` alone. */
  codes?: StoreErrorCode[];
  /** It is done, but the caller hears `unavailable`. */
  reply_lost?: number;
  /** It is done and answered late. */
  delay?: number;
  /** The caller hears `unavailable` at once; it is done later. */
  lands_late?: number;
  /** Nothing is done and nothing is ever heard. */
  hangs?: number;
  /** It is done, and nothing is ever heard. */
  hangs_after?: number;
  /** Of delays, at most. Default 100. */
  maxDelayMs?: number;
}

/** A store that fails on purpose. */
export interface FaultyStore extends TaskStore {
  /** How often each kind of fault has happened. */
  readonly injected: Record<StoreFault['kind'], number>;
  /** How many calls there were. */
  readonly calls: number;
  /** While false, nothing goes wrong. Default true. */
  enabled: boolean;
}

function seededPlan(shares: FaultShares): (call: StoreCall) => StoreFault | undefined {
  const random = generator(shares.seed);
  const { codes = ['unavailable'], maxDelayMs = 100 } = shares;
  const kinds = ['error', 'reply_lost', 'delay', 'lands_late', 'hangs', 'hangs_after'] as const;
  return () => {
    // always as many draws, so that one fault more does not move all the others
    const [draw, detail] = [random(), random()];
    let bound = 0;
    for (const kind of kinds) {
      bound += shares[kind] ?? 0;
      if (draw < bound) {
        const ms = Math.round(detail * maxDelayMs);
        switch (kind) {
          case 'error':
            return { kind, code: codes[Math.floor(detail * codes.length)] ?? 'unavailable' };
          case 'delay':
          case 'lands_late':
            return { kind, ms };
          default:
            return { kind };
        }
      }
    }
    return undefined;
  };
}

/**
 * Wraps a store and lets calls fail, by shares with a seed, or as a function says for each call. What the store's
 * `watch` and `holder` say passes through unharmed.
 */
export function faultyStore(
  store: TaskStore,
  plan: FaultShares | ((call: StoreCall) => StoreFault | undefined),
  options: {
    /** What delays go by. Default: the platform's. */
    clock?: Clock;
  } = {},
): FaultyStore {
  const choose = typeof plan === 'function' ? plan : seededPlan(plan);
  const clock = options.clock ?? systemClock;
  const injected = { error: 0, reply_lost: 0, delay: 0, lands_late: 0, hangs: 0, hangs_after: 0 };
  let calls = 0;
  let enabled = true;

  const after = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const untilAborted = (signal: AbortSignalLike | undefined) =>
    new Promise<never>((_, reject) => {
      const abort = () => reject(new StoreError('unavailable', 'The call was aborted.'));
      if (signal?.aborted) {
        abort();
      }
      signal?.addEventListener('abort', abort, { once: true });
    });

  const call = async <T>(
    what: StoreCall,
    signal: AbortSignalLike | undefined,
    work: (signal: AbortSignalLike | undefined) => Promise<T>,
  ): Promise<T> => {
    const fault = enabled ? choose(what) : undefined;
    if (!fault) {
      return work(signal);
    }
    injected[fault.kind] += 1;
    switch (fault.kind) {
      case 'error':
        throw new StoreError(fault.code, `Injected into call ${what.index}.`);
      case 'reply_lost':
        await work(signal);
        throw new StoreError('unavailable', `The reply to call ${what.index} was lost.`);
      case 'delay':
        await after(fault.ms);
        return work(signal);
      case 'lands_late':
        // what becomes of it nobody hears, as on a network
        void after(fault.ms)
          .then(() => work(undefined))
          .catch(() => undefined);
        throw new StoreError('unavailable', `Call ${what.index} is late.`);
      case 'hangs':
        return untilAborted(signal);
      case 'hangs_after':
        await work(signal);
        return untilAborted(signal);
    }
  };

  return {
    id: store.id,
    limits: store.limits,
    injected,
    get calls() {
      return calls;
    },
    get enabled() {
      return enabled;
    },
    set enabled(on) {
      enabled = on;
    },
    read: (paths, { signal } = {}) =>
      call({ index: calls++, method: 'read', paths }, signal, (s) => store.read(paths, { signal: s })),
    commit: (writes, { signal } = {}) =>
      call({ index: calls++, method: 'commit', writes }, signal, (s) => store.commit(writes, { signal: s })),
    list: (collection, { signal, ...o }) =>
      call({ index: calls++, method: 'list', collection }, signal, (s) =>
        store.list(collection, { ...o, signal: s }),
      ),
    ...(store.tasks
      ? {
          tasks: ({ signal, ...query }) =>
            call({ index: calls++, method: 'tasks', query }, signal, async (s) =>
              store.tasks ? store.tasks({ ...query, signal: s }) : [],
            ),
        }
      : {}),
    ...(store.watch ? { watch: store.watch.bind(store) } : {}),
    ...(store.holder ? { holder: store.holder } : {}),
  };
}
