import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SqliteStore, sqliteStore } from '../../../js/stores/sqlite.js';
import { loadDriver } from '../../../js/stores/sqlite-driver.js';
import type { TaskStore } from '../../../js/types.js';

let folder: string;
const opened: SqliteStore[] = [];
const file = () => join(folder, 'tasks.db');
const open = (readOnly = false) => {
  const store = sqliteStore({ file: file(), readOnly });
  opened.push(store);
  return store;
};
/** However busy the machine is. */
const told = (heard: () => void) => vi.waitFor(heard, { timeout: 10_000 });
/** Two looks at what others have written, and more. */
const looked = () => new Promise((resolve) => setTimeout(resolve, 300));
const path = (n: number) => `users/u/tasks/t${n}`;
const make = (store: TaskStore, ...tasks: number[]) =>
  store.commit(tasks.map((n) => ({ op: 'create', path: path(n), data: { n } })));
const change = (store: TaskStore, n: number) =>
  store.commit([{ op: 'update', path: path(n), fields: [{ path: ['n'], value: -n }] }]);

/** What 1,000 watchers have heard since they were last asked. */
async function watchers(store: SqliteStore) {
  const heard: string[] = [];
  const watch = (watched: string) => store.watch?.([watched], () => heard.push(watched));
  for (let n = 0; n < 1_000; n += 1) watch(path(n));
  watch('users/u/tasks');
  watch('users/other/tasks');
  // comes after the first look, from which on changes are told
  await store.read([path(0)]);
  return () => heard.splice(0).sort();
}

vi.setConfig({ testTimeout: 30_000 });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sqlite-watch-'));
});
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('of a thousand watchers of a SQLite file', () => {
  it('those hear of a commit by others who watch what it wrote, made, changed or deleted', async () => {
    const [store, another] = [open(), open()];
    const heard = await watchers(store);
    await make(another, 7, 8);
    await told(() => expect(heard()).toEqual(['users/u/tasks', path(7), path(8)]));
    await change(another, 8);
    await told(() => expect(heard()).toEqual(['users/u/tasks', path(8)]));
    await another.commit([{ op: 'delete', path: path(7) }]);
    await told(() => expect(heard()).toEqual(['users/u/tasks', path(7)]));
    await looked();
    expect(heard()).toEqual([]);
  });

  it('none hears twice of what its own store writes, while others write too', async () => {
    const [store, another] = [open(), open()];
    await make(store, 1, 2, 3);
    const heard = await watchers(store);
    await Promise.all([change(store, 1), change(another, 2)]);
    await change(store, 3);
    const all: string[] = [];
    await told(() => {
      all.push(...heard());
      expect(all).toContain(path(2));
    });
    await looked();
    all.push(...heard());
    const tasks = all.filter((watched) => watched !== 'users/u/tasks');
    expect(tasks.sort()).toEqual([path(1), path(2), path(3)]);
  });

  it('none misses what others write before a commit of its own that fails', async () => {
    const [store, another] = [open(), open()];
    await make(store, 1);
    const heard = await watchers(store);
    const refused = expect(make(store, 1)).rejects.toMatchObject({ code: 'exists' });
    await Promise.all([change(another, 1), refused]);
    await told(() => expect(heard()).toEqual(['users/u/tasks', path(1)]));
  });

  it('all hear when more was written than the file keeps, and afterwards those again whom it concerns', async () => {
    const [store, another] = [open(), open()];
    const heard = await watchers(store);
    await make(another, ...Array.from({ length: 3_000 }, (_, n) => 1_000 + n));
    await told(() => expect(heard()).toHaveLength(1_002));
    await make(another, 5);
    await told(() => expect(heard()).toEqual(['users/u/tasks', path(5)]));
    const database = (await loadDriver()).open(file());
    const kept = database.prepare('SELECT count(*) AS n FROM changes').get() as { n: number };
    database.close();
    expect(kept.n).toBeLessThanOrEqual(2_500);
  });

  it('those are told by a store that only reads as well, and of what was written by hand', async () => {
    const writer = open();
    await make(writer, 1, 2);
    const heard = await watchers(open(true));
    await change(writer, 1);
    await told(() => expect(heard()).toEqual(['users/u/tasks', path(1)]));
    const database = (await loadDriver()).open(file());
    database.exec(`UPDATE documents SET data = '{"n":9}', version = 'by hand' WHERE path = '${path(2)}'`);
    database.close();
    await told(() => expect(heard()).toEqual(['users/u/tasks', path(2)]));
  });
});

describe('a SQLite file of before there was a list of changes', () => {
  /** Takes away what the second version has added. */
  async function makeOld() {
    await make(open(), 1);
    const database = (await loadDriver()).open(file());
    database.exec(`
      DROP TRIGGER documents_after_insert; DROP TRIGGER documents_after_update;
      DROP TRIGGER documents_after_delete; DROP TABLE changes; PRAGMA user_version = 1;`);
    database.close();
  }

  it('gets one when it is opened to be written, and keeps its documents', async () => {
    await makeOld();
    const [store, another] = [open(), open()];
    const heard = await watchers(store);
    expect(await store.read([path(1)])).toMatchObject([{ data: { n: 1 } }]);
    await change(another, 1);
    await told(() => expect(heard()).toEqual(['users/u/tasks', path(1)]));
  });

  it('is not read by a store that may not change it, and says so', async () => {
    await makeOld();
    await expect(open(true).read([path(1)])).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('written by another version of the engine'),
    });
  });
});
