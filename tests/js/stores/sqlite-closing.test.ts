import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sqliteStore } from '../../../js/stores/sqlite.js';
import type { Driver } from '../../../js/stores/sqlite-driver.js';

const closed: string[] = vi.hoisted(() => []);

// Refuses what node:sqlite refuses, which not every Node that runs these has.
vi.mock('../../../js/stores/sqlite-driver.js', async (original) => {
  const actual = await original<typeof import('../../../js/stores/sqlite-driver.js')>();
  const strict = (driver: Driver): Driver => ({
    ...driver,
    open(file) {
      const database = driver.open(file);
      let isOpen = true;
      return {
        exec: (sql) => database.exec(sql),
        prepare: (sql) => database.prepare(sql),
        close() {
          if (!isOpen) throw new Error('database is not open');
          isOpen = false;
          closed.push(file);
          database.close();
        },
      };
    },
  });
  return { ...actual, loadDriver: async () => strict(await actual.loadDriver()) };
});

let folder: string;
let strays: unknown[];
const note = (reason: unknown) => strays.push(reason);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sqlite-closing-'));
  strays = [];
  closed.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
const create = (id: string) => ({ op: 'create', path: `users/u/tasks/${id}`, data: {} }) as const;

test('closing a SQLite store again, before it is closed or afterwards, does nothing', async () => {
  const complaint = vi.spyOn(console, 'error').mockReturnValue();
  const store = sqliteStore(join(folder, 'tasks.db'));
  await store.commit([create('a')]);
  const last = store.commit([create('b')]);
  store.close();
  store.close();
  await last;
  await settled();
  store.close();
  await settled();
  expect(strays).toEqual([]);
  expect(complaint).not.toHaveBeenCalled();
  const again = sqliteStore(join(folder, 'tasks.db'));
  expect(await again.list('users/u/tasks', { limit: 9 })).toHaveLength(2);
  again.close();
});

test.skipIf(process.platform === 'win32')(
  'a SQLite store whose files cannot be looked at when it closes says so, lets go of them and ends no process',
  async () => {
    const complaint = vi.spyOn(console, 'error').mockReturnValue();
    const store = sqliteStore(join(folder, 'data', 'tasks.db'));
    await store.commit([create('a')]);
    renameSync(join(folder, 'data'), join(folder, 'elsewhere'));
    symlinkSync('data', join(folder, 'data'));
    store.close();
    await settled();
    expect(strays).toEqual([]);
    expect(complaint.mock.calls).toEqual([[expect.stringMatching(/data\/tasks\.db .*closed.*ELOOP/)]]);
    expect(closed).toEqual([join(folder, 'data', 'tasks.db')]);
    const moved = sqliteStore(join(folder, 'elsewhere', 'tasks.db'));
    expect(await moved.list('users/u/tasks', { limit: 9 })).toHaveLength(1);
    moved.close();
  },
);
