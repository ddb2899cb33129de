import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SqliteStore, sqliteStore } from '../../../js/stores/sqlite.js';
import { loadDriver } from '../../../js/stores/sqlite-driver.js';

let folder: string;
const opened: SqliteStore[] = [];
const keep = (store: SqliteStore) => {
  opened.push(store);
  return store;
};
const file = (name = 'tasks.db') => join(folder, name);
const writing = () => keep(sqliteStore({ file: file() }));
const reading = (name?: string) => keep(sqliteStore({ file: file(name), readOnly: true }));
/** Closing goes through a promise. */
const close = async (store: SqliteStore) => {
  store.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
};
const put = (store: SqliteStore, n: number) =>
  store.commit([{ op: 'create', path: `users/u/tasks/t${n}`, data: { n } }]);
/** The database and its log; the index that is shared in memory is nobody's data, nor is a log without content. */
const bytes = () =>
  readdirSync(folder)
    .filter((name) => !name.endsWith('-shm') && readFileSync(file(name)).length > 0)
    .map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(file(name)))
        .digest('hex'),
    ]);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sqlite reading 100%?#'));
});
afterEach(async () => {
  for (const store of opened.splice(0)) await close(store);
  rmSync(folder, { recursive: true, force: true });
});

describe('a SQLite store that only reads', () => {
  it('makes no database and changes none', async () => {
    await expect(reading('none/tasks.db').list('users/u/tasks', { limit: 1 })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/none\/tasks\.db does not exist/),
    });
    expect(readdirSync(folder)).toEqual([]);

    const writer = writing();
    await put(writer, 1);
    await close(writer);
    const before = bytes();
    const store = reading();
    expect(await store.read(['users/u/tasks/t1'])).toMatchObject([{ data: { n: 1 } }]);
    await close(store);
    expect(bytes()).toEqual(before);
  });

  it('leaves a database in use as it is, log included', async () => {
    const writer = writing();
    await put(writer, 1);
    const before = bytes();
    expect(before.map(([name]) => name)).toEqual(['tasks.db', 'tasks.db-wal']);
    const store = reading();
    expect(await store.list('users/u/tasks', { limit: 9 })).toHaveLength(1);
    await close(store);
    expect(bytes()).toEqual(before);
  });

  it('sees what others write after it was opened, whether they are there or come and go', async () => {
    const first = writing();
    await put(first, 1);
    await close(first);
    const store = reading();
    const count = async () => (await store.list('users/u/tasks', { limit: 9 })).length;
    let changes = 0;
    const end = store.watch?.(['users/u/tasks'], () => {
      changes += 1;
    });
    const changed = async (least: number) => expect.poll(() => changes).toBeGreaterThanOrEqual(least);
    expect(await count()).toBe(1);

    const second = writing();
    await put(second, 2);
    await changed(1);
    expect(await count()).toBe(2);
    await put(second, 3);
    await changed(2);
    expect(await count()).toBe(3);
    await close(second);
    const third = writing();
    await put(third, 4);
    await close(third);
    await changed(3);
    expect(await count()).toBe(4);
    end?.();
  });

  it('tells of a database that is made only after the watch has begun', async () => {
    const store = reading();
    let changes = 0;
    const end = store.watch?.(['users/u/tasks'], () => {
      changes += 1;
    });
    await expect(store.read(['users/u/tasks/t1'])).rejects.toMatchObject({ code: 'not_found' });
    await put(writing(), 1);
    await expect.poll(() => changes).toBe(1);
    end?.();
  });

  it('refuses to commit, and what is no store', async () => {
    const writer = writing();
    await put(writer, 1);
    await expect(put(reading(), 2)).rejects.toMatchObject({ code: 'denied' });

    writeFileSync(file('text.db'), 'this is a text and no database at all'.repeat(40));
    writeFileSync(file('empty.db'), '');
    mkdirSync(file('folder.db'));
    const foreign = (await loadDriver()).open(file('foreign.db'));
    foreign.exec('CREATE TABLE customers (name TEXT)');
    foreign.close();
    const refused = async (name: string) =>
      reading(name)
        .collections()
        .then(
          () => 'read',
          (error) => `${error.code}: ${error.message}`,
        );
    expect(await refused('text.db')).toMatch(/invalid: .*text\.db is not a SQLite database/);
    expect(await refused('empty.db')).toMatch(/invalid: .*empty\.db is a database of something else/);
    expect(await refused('foreign.db')).toMatch(/invalid: .*foreign\.db is a database of something else/);
    expect(await refused('folder.db')).toMatch(/invalid: .*folder\.db is not a file/);
    expect(readdirSync(folder).filter((name) => !name.startsWith('tasks'))).toHaveLength(4);
  });
});

it('a SQLite store lists its collections, each once, in order', async () => {
  const store = writing();
  expect(await store.collections()).toEqual([]);
  await put(store, 1);
  await put(store, 2);
  await store.commit([{ op: 'create', path: 'users/a/tasks/t1', data: {} }]);
  await store.commit([{ op: 'create', path: 'users/u/tasks/t1/journal/00000001', data: {} }]);
  expect(await store.collections()).toEqual(['users/a/tasks', 'users/u/tasks', 'users/u/tasks/t1/journal']);
});
