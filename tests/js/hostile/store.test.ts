import { describe, expect, test, vi } from 'vitest';
import type { TaskStore } from '../../../js/index.js';
import { tool } from '../../../js/index.js';
import { olderTask } from './documents.js';
import { type Episode, episode, failOnStrays } from './episode.js';
import { storeWith } from './store.js';
import { junk, never, restless, throwable, throwingThenable } from './values.js';

failOnStrays();

const look = tool({ description: 'Looks.', inputSchema: { type: 'object' }, execute: () => 'seen' });
const turns = [{ text: 'Looking.', tools: [{ name: 'look', input: {} }] }, 'One.', 'Two.', 'Three.', 'Four.'];
const options = { storeTimeoutMs: 2_000, graceMs: 500, leaseTtlMs: 9_000 };

type Method = 'read' | 'commit' | 'list';
type How = (honest: () => Promise<unknown>) => unknown;

const methods: Method[] = ['read', 'commit', 'list'];

/** Calls of one method from the `first` on, `times` of them, are answered as `how` has it. */
function misbehaving(store: TaskStore, method: Method, first: number, times: number, how: How): TaskStore {
  let calls = 0;
  const honest = store[method] as (...args: unknown[]) => Promise<unknown>;
  const wrapped = (...args: unknown[]) => {
    calls += 1;
    const hit = calls >= first && calls < first + times;
    return hit ? how(() => honest.apply(store, args)) : honest.apply(store, args);
  };
  return { ...store, [method]: wrapped } as TaskStore;
}

/** Runs the task with a store that misbehaves, then with the same one behaving. */
async function survive(method: Method, first: number, times: number, how: How): Promise<Episode> {
  const honest = await storeWith({ '': olderTask() });
  const bad = misbehaving(honest, method, first, times, how);
  const run = await episode({ store: bad, turns, host: { tools: { look } }, options, looksAt: honest });
  if (run.error !== undefined)
    expect(run.error.code).toMatch(/^(STORE_|TOO_LARGE|CORRUPT_HISTORY|LEASE_HELD|TASK_NOT_FOUND)/);
  const later = await episode({
    store: honest,
    turns: () => 'Done.',
    host: { tools: { look } },
    options: { ...options, waitForLeaseMs: 60_000 },
    command: run.outcome?.status === 'failed' ? 'resume' : 'run',
  });
  expect(later.outcome?.status, String(later.error)).toBe('completed');
  return run;
}

describe.each(methods)('%s()', (method) => {
  test.each(junk)('that returns %s once or always ends in a code or an outcome', async (_, value) => {
    for (const first of [1, 2, 3]) {
      await survive(method, first, 1, () => value());
      await survive(method, first, Number.POSITIVE_INFINITY, () => Promise.resolve(value()));
    }
  });

  test.each(throwable)('that throws or rejects with %s ends in a code or an outcome', async (_, value) => {
    for (const first of [1, 2, 3]) {
      await survive(method, first, 1, () => {
        throw value;
      });
      await survive(method, first, Number.POSITIVE_INFINITY, () => Promise.reject(value));
    }
  });

  const hows: [string, How][] = [
    ['never settles', () => never],
    ['does its work and never says so', (honest) => honest().then(() => never)],
    ['does its work and throws', (honest) => honest().then(() => Promise.reject(new Error('after')))],
    ['does its work twice', (honest) => honest().then(honest)],
    ['throws out of then', () => throwingThenable()],
    [
      'settles twice',
      (honest) => ({
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
          honest().then((value) => {
            resolve(value);
            resolve(restless(value));
            reject(new Error('second'));
          }, reject);
        },
      }),
    ],
  ];
  test.each(hows)('that %s ends in a code or an outcome', async (_, how) => {
    for (const first of [1, 2, 3, 4]) {
      await survive(method, first, 1, how);
      await survive(method, first, Number.POSITIVE_INFINITY, how);
    }
  });

  test.each([
    ['denied', 'STORE_DENIED', /because\. Check the credentials/],
    ['invalid', 'STORE_REJECTED', /because\. The store does not accept/],
    ['too_large', 'TOO_LARGE', /because\. It is over the store's limits/],
    ['conflict', 'STORE_UNAVAILABLE', /because\. Nothing stored was lost; try again/],
    ['exists', 'STORE_UNAVAILABLE', /because\. Nothing stored was lost; try again/],
    ['not_found', 'STORE_UNAVAILABLE', /because\. Nothing stored was lost; try again/],
    ['unavailable', 'STORE_UNAVAILABLE', /because\. Nothing stored was lost; try again/],
  ])('that always throws %s says what to do about it', async (thrown, code, advice) => {
    const error = Object.assign(new Error('because'), { code: thrown });
    const run = await survive(method, 2, Number.POSITIVE_INFINITY, () => Promise.reject(error));
    expect(run.outcome?.status).toBe('interrupted');
    expect(run.error?.code).toBe(code);
    expect(run.error?.message).toMatch(advice);
  });
});

describe('documents that are none', () => {
  const spoiled: [string, (document: Record<string, unknown>) => unknown][] = [
    ['without a path', ({ path: _, ...rest }) => rest],
    ['with a path that is no string', (document) => ({ ...document, path: 7 })],
    ['without data', ({ data: _, ...rest }) => rest],
    ['with data that is an array', (document) => ({ ...document, data: [] })],
    ['without a version', ({ version: _, ...rest }) => rest],
    ['with a version that is a number', (document) => ({ ...document, version: 7 })],
    ['of an age that is a string', (document) => ({ ...document, ageMs: 'old' })],
    ['of an age below zero', (document) => ({ ...document, ageMs: -5 })],
    ['of an age that is NaN', (document) => ({ ...document, ageMs: Number.NaN })],
    ['of a huge age', (document) => ({ ...document, ageMs: 1e300 })],
  ];
  test.each(spoiled)('%s are refused or read', async (_, spoil) => {
    for (const method of ['read', 'list'] as const) {
      await survive(method, 1, Number.POSITIVE_INFINITY, async (honest) =>
        ((await honest()) as (Record<string, unknown> | null)[]).map(
          (document) => document && spoil(document),
        ),
      );
    }
  });

  test('too many or too few are refused, naming the method', async () => {
    for (const change of [(found: unknown[]) => [...found, null], (found: unknown[]) => found.slice(1)]) {
      const run = await survive('read', 1, Number.POSITIVE_INFINITY, async (honest) =>
        change((await honest()) as unknown[]),
      );
      expect(run.error).toMatchObject({ code: 'STORE_REJECTED', message: expect.stringContaining('read()') });
    }
  });
});

test('a list() that ignores `after` is found out, and does not go on for ever', async () => {
  const inbox = Array.from({ length: 120 }, (_, i) => [`inbox/junk-${i}`, { kind: 'junk' }]);
  const honest = await storeWith({ '': olderTask(), ...Object.fromEntries(inbox) });
  const store: TaskStore = {
    ...honest,
    list: (collection, { after: _, ...rest }) => honest.list(collection, rest),
  };
  const { error } = await episode({ store, options, looksAt: honest });
  expect(error).toMatchObject({ code: 'STORE_REJECTED', message: expect.stringContaining('list()') });
});

describe('watch()', () => {
  const watches: [string, TaskStore['watch']][] = [
    [
      'throws',
      () => {
        throw new Error('watch');
      },
    ],
    ['returns nothing', () => undefined as never],
    ['returns a number', () => 7 as never],
    ['returns a promise that rejects', () => Promise.reject(new Error('later')) as never],
    [
      'returns an end that throws',
      () => () => {
        throw new Error('end');
      },
    ],
    [
      'tells at once, many times',
      (_, changed) => {
        for (let i = 0; i < 1_000; i++) changed();
        return () => changed();
      },
    ],
    [
      'tells after the end',
      (_, changed) => {
        return () => {
          queueMicrotask(changed);
          setImmediate(changed);
        };
      },
    ],
    ['is no function', 7 as never],
  ];
  test.each(watches)('that %s does not keep a run from completing', async (_, watch) => {
    const honest = await storeWith({ '': olderTask() });
    const { outcome } = await episode({
      store: { ...honest, watch } as TaskStore,
      turns,
      host: { tools: { look } },
      looksAt: honest,
    });
    expect(outcome?.status).toBe('completed');
  });
});

describe('holder', () => {
  const aliveness: [string, () => unknown][] = [
    ...junk,
    ['a promise that never settles', () => never],
    [
      'an exception',
      () => {
        throw new Error('alive');
      },
    ],
  ];
  test.each(aliveness)('whose alive() gives %s leaves the holder its lease', async (_, alive) => {
    const owner = {
      id: 'other.1',
      holder: 'h',
      ttl_ms: 3_000,
      heartbeat_ms: 1_000,
      grace_ms: 10,
      store_timeout_ms: 10,
    };
    const head = {
      schema: 1,
      history: 'h',
      created_at: olderTask().created_at as string,
      epoch: 1,
      owner,
      seq: 0,
      write_id: 'w',
      last_run: 'running',
      attempts: 0,
    };
    const honest = await storeWith({ '': { ...olderTask(), status: 'in_progress' }, 'engine/head': head });
    const store = { ...honest, holder: { id: 'mine', alive: alive as never } };
    const { error, outcome } = await episode({
      store,
      options: { ...options, waitForLeaseMs: 0 },
      looksAt: honest,
    });
    // Only a clear no says that the holder is dead.
    expect(error?.code ?? outcome?.status).toBe('LEASE_HELD');
  });
});

test.each([
  ['no id', { id: undefined }],
  ['an empty id', { id: '' }],
  ['an id that is a number', { id: 7 }],
  ['no limits', { limits: undefined }],
  ['limits of zero', { limits: { documentBytes: 0, commitBytes: 0 } }],
  ['limits that are NaN', { limits: { documentBytes: Number.NaN, commitBytes: Number.NaN } }],
  ['limits that are strings', { limits: { documentBytes: 'a', commitBytes: 'b' } }],
  ['no read', { read: undefined }],
  ['a commit that is no function', { commit: {} }],
])('a store with %s is refused, and says what a store needs', async (_, broken) => {
  const honest = await storeWith({ '': olderTask() });
  const { error, before, after } = await episode({
    store: { ...honest, ...broken } as never,
    looksAt: honest,
  });
  expect(error).toMatchObject({ code: 'NOT_CONFIGURED' });
  expect(error?.message).toContain(Object.keys(broken)[0]);
  expect(after).toEqual(before);
});

test.each([
  ['tiny', 10, 64_000_000, 'completed'],
  ['infinite', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 'NOT_CONFIGURED'],
  ['fractions', 999_999.5, 63_999_999.5, 'NOT_CONFIGURED'],
])('limits that are %s are kept to or refused', async (_, documentBytes, commitBytes, ends) => {
  const honest = await storeWith({ '': olderTask() });
  const run = await episode({
    store: { ...honest, limits: { documentBytes, commitBytes } },
    looksAt: honest,
  });
  expect(run.error?.code ?? run.outcome?.status).toBe(ends);
  if (run.error) expect(run.after).toEqual(run.before);
});

test('a store is not called for what was not asked', async () => {
  const honest = await storeWith({ '': olderTask() });
  const other = vi.fn();
  const store = new Proxy(honest, {
    get(target, key, receiver) {
      if (!['id', 'limits', 'read', 'commit', 'list', 'watch', 'holder'].includes(String(key))) other(key);
      return Reflect.get(target, key, receiver);
    },
  });
  await episode({ store, looksAt: honest });
  expect(other.mock.calls.flat().filter((key) => key !== 'then')).toEqual([]);
});
