import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { monotonicMs } from '../../../js/platform.js';
import { type SqliteStore, sqliteStore } from '../../../js/stores/sqlite.js';
import type { StoreWrite } from '../../../js/types.js';

/** What the database was told, and what is to happen instead. */
const { told, instead } = vi.hoisted(() => ({
  told: [] as string[],
  instead: { exec: (_: string) => {}, run: (_: unknown[]) => {}, get: (_: string): unknown => undefined },
}));

vi.mock('../../../js/stores/sqlite-driver.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../js/stores/sqlite-driver.js')>();
  const open = (inner: ReturnType<Awaited<ReturnType<typeof original.loadDriver>>['open']>) => ({
    exec(sql: string) {
      told.push(sql);
      instead.exec(sql);
      return inner.exec(sql);
    },
    prepare(sql: string) {
      const statement = inner.prepare(sql);
      return {
        get: (...values: unknown[]) => instead.get(sql) ?? statement.get(...values),
        all: (...values: unknown[]) => statement.all(...values),
        run(...values: unknown[]) {
          instead.run(values);
          return statement.run(...values);
        },
      };
    },
    close: () => inner.close(),
  });
  return {
    ...original,
    loadDriver: async () => {
      const driver = await original.loadDriver();
      return { ...driver, open: (file: string) => open(driver.open(file)) };
    },
  };
});

vi.mock('../../../js/platform.js', async (importOriginal) => {
  const platform = await importOriginal<typeof import('../../../js/platform.js')>();
  return { ...platform, monotonicMs: vi.fn(platform.monotonicMs) };
});

let folder: string;
let store: SqliteStore;
const opened: SqliteStore[] = [];
const open = () => {
  const made = sqliteStore(join(folder, 'tasks.db'));
  opened.push(made);
  return made;
};

beforeEach(async () => {
  // A slow machine is no reason for a second transaction.
  vi.mocked(monotonicMs).mockReturnValue(0);
  folder = mkdtempSync(join(tmpdir(), 'sqlite-commits-'));
  store = open();
  await store.read(['users/u/tasks/none']);
  told.length = 0;
});
afterEach(async () => {
  instead.exec = () => {};
  instead.run = () => {};
  instead.get = () => undefined;
  for (const one of opened.splice(0)) one.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  rmSync(folder, { recursive: true, force: true });
});

const task = (n: number) => `users/u/tasks/t${n}`;
const create = (n: number, data: object = { n }): StoreWrite => ({ op: 'create', path: task(n), data });
const update = (n: number, value: unknown, ifVersion?: string): StoreWrite => ({
  op: 'update',
  path: task(n),
  fields: [{ path: ['n'], value }],
  ifVersion,
});
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const stored = async () =>
  (await store.list('users/u/tasks', { limit: 1_000 })).map(({ data }) => data.n as number).sort();
const transactions = () => told.filter((sql) => sql === 'COMMIT').length;
const outcomes = async (commits: Promise<unknown>[]) =>
  (await Promise.allSettled(commits)).map((result) =>
    result.status === 'fulfilled' ? 'stored' : result.reason.code,
  );
/** As SQLite fails. */
const failure = (errcode: number) => Object.assign(new Error('no luck'), { errcode });

describe('commits to a SQLite store that come together', () => {
  it('share one transaction, and keep versions of their own', async () => {
    const done = await Promise.all(numbers(50).map((n) => store.commit([create(n)])));
    expect(transactions()).toBe(1);
    expect(new Set(done.map(({ version }) => version)).size).toBe(50);
    const found = await store.read(numbers(50).map(task));
    expect(found.map((document) => document?.version)).toEqual(done.map(({ version }) => version));
  });

  it('share one also where they come one promise after the other', async () => {
    const later = async (n: number) => {
      for (let hop = 0; hop < n; hop += 1) await undefined;
      return store.commit([create(n)]);
    };
    await Promise.all(numbers(20).map(later));
    expect(transactions()).toBe(1);
    expect(await stored()).toHaveLength(20);
  });

  it('are refused one by one, and leave the others alone', async () => {
    const { version } = await store.commit([create(0), create(1)]);
    told.length = 0;
    const results = await outcomes([
      store.commit([update(0, 10, version)]),
      store.commit([update(0, 11, version), create(2)]),
      store.commit([create(3), create(1)]),
      store.commit([create(4)]),
      store.commit([create(5), update(99, 1)]),
      store.commit([create(6, { text: 'x'.repeat(2_000_000) })]),
      store.commit([create(7, { n: undefined })]),
      store.commit([]),
      store.commit([create(8)]),
    ]);
    expect(results).toEqual([
      'stored',
      'conflict',
      'exists',
      'stored',
      'not_found',
      'too_large',
      'invalid',
      'invalid',
      'stored',
    ]);
    expect(transactions()).toBe(1);
    expect(await stored()).toEqual([1, 10, 4, 8]);
  });

  it('see what those before them wrote', async () => {
    const results = await outcomes([
      store.commit([create(1)]),
      store.commit([create(1)]),
      store.commit([update(1, 2)]),
      store.commit([{ op: 'delete', path: task(1) }]),
      store.commit([create(1, { n: 3 })]),
    ]);
    expect(results).toEqual(['stored', 'exists', 'stored', 'stored', 'stored']);
    expect(await stored()).toEqual([3]);
  });

  it('settle when the transaction is on disk, and not before', async () => {
    const order: string[] = [];
    instead.exec = (sql) => {
      if (sql === 'COMMIT') order.push(sql);
    };
    const commits = numbers(3).map((n) => store.commit([create(n)]).then(() => order.push('settled')));
    await Promise.all(commits);
    expect(order).toEqual(['COMMIT', 'settled', 'settled', 'settled']);
  });

  it('hear each its own reason where SQLite fails at one of them, which writes nothing', async () => {
    instead.run = (values) => {
      if (values[0] === `${task(2)}/journal/1`) throw failure(3);
    };
    const results = await outcomes([
      store.commit([create(1)]),
      store.commit([create(2), { op: 'create', path: `${task(2)}/journal/1`, data: {} }]),
      store.commit([create(3)]),
    ]);
    expect(results).toEqual(['stored', 'denied', 'stored']);
    expect(await stored()).toEqual([1, 3]);
    told.length = 0;
    await Promise.all([store.commit([create(4)]), store.commit([create(5)])]);
    expect(transactions()).toBe(1);
  });

  it('are all stored where the disk takes them at the second try, and refused where it never does', async () => {
    let failures = 1;
    instead.exec = (sql) => {
      if (sql === 'COMMIT' && failures-- > 0) throw failure(13);
    };
    expect(await outcomes(numbers(3).map((n) => store.commit([create(n)])))).toEqual(
      numbers(3).map(() => 'stored'),
    );
    failures = Infinity;
    expect(await outcomes([3, 4].map((n) => store.commit([create(n)])))).toEqual([
      'unavailable',
      'unavailable',
    ]);
    instead.exec = () => {};
    expect(await stored()).toEqual([0, 1, 2]);
  });

  it('are not made for those who no longer wait', async () => {
    const controller = new AbortController();
    const commits = [
      store.commit([create(1)]),
      store.commit([create(2)], { signal: controller.signal }),
      store.commit([create(3)]),
    ];
    controller.abort();
    expect(await outcomes(commits)).toEqual(['stored', 'unavailable', 'stored']);
    expect(await stored()).toEqual([1, 3]);
  });

  it('are made where they were given before the store was closed', async () => {
    const fresh = open();
    const commits = [store.commit([create(1)]), fresh.commit([create(2)])];
    store.close();
    fresh.close();
    expect(await outcomes(commits)).toEqual(['stored', 'stored']);
    await expect(store.commit([create(3)])).rejects.toMatchObject({ code: 'invalid' });
    store = open();
    expect(await stored()).toEqual([1, 2]);
  });

  it('wait for a lock together with those that come meanwhile, who have their own time', async () => {
    vi.mocked(monotonicMs).mockReset();
    let locked = true;
    instead.exec = (sql) => {
      if (locked && sql === 'BEGIN IMMEDIATE') throw failure(5);
    };
    const first = outcomes([store.commit([create(1)])]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const later = outcomes([store.commit([create(2)]), store.commit([create(3)])]);
    expect(await first).toEqual(['unavailable']);
    locked = false;
    told.length = 0;
    expect(await later).toEqual(['stored', 'stored']);
    expect(transactions()).toBe(1);
    expect(await stored()).toEqual([2, 3]);
  });

  it('do not hold the event loop up: a transaction that has taken long takes no more of them', async () => {
    let runs = 0;
    vi.mocked(monotonicMs).mockImplementation(() => runs * 30);
    instead.run = () => {
      runs += 1;
    };
    await Promise.all(numbers(9).map((n) => store.commit([create(n)])));
    expect(transactions()).toBe(5);
    expect(await stored()).toHaveLength(9);
  });
});

it('a SQLite file where SQLite goes on without its log is refused, with what to do', async () => {
  instead.get = (sql) => (/journal_mode/.test(sql) ? { journal_mode: 'delete' } : undefined);
  const refused = open();
  await expect(refused.read([task(1)])).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/tasks\.db is on a file system .* put it on a disk of this machine/),
  });
  instead.get = () => undefined;
  expect(await refused.read([task(1)])).toEqual([null]);
});
