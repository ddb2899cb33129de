import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { type SqliteStore, sqliteStore } from '../../../js/stores/sqlite.js';
import { loadDriver } from '../../../js/stores/sqlite-driver.js';

let folder: string;
const opened: SqliteStore[] = [];
const open = (name = 'tasks.db') => {
  const store = sqliteStore(join(folder, name));
  opened.push(store);
  return store;
};
const file = (end = '') => join(folder, `tasks.db${end}`);
const put = (store: SqliteStore, n: number, data: object = {}) =>
  store.commit([{ op: 'create', path: `users/u/tasks/t${n}`, data }]);
const count = async (store: SqliteStore) => (await store.list('users/u/tasks', { limit: 99 })).length;
const gone = {
  code: 'invalid',
  message: expect.stringMatching(
    /tasks\.db, or the log beside it, was deleted or replaced while it was in use, as another SQLite library of this process does when it closes the file/,
  ),
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sqlite-files-'));
});
afterEach(async () => {
  for (const store of opened.splice(0)) store.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(process.platform === 'win32')('a SQLite store whose files others take away', () => {
  it('confirms nothing more, makes no other, and says what to do', async () => {
    const store = open();
    await put(store, 1);
    for (const end of ['', '-wal', '-shm']) rmSync(file(end));
    await expect(put(store, 2)).rejects.toMatchObject(gone);
    await expect(count(store)).rejects.toMatchObject(gone);
    expect(existsSync(file())).toBe(false);
    const engine = createTaskEngine({ store });
    await expect(engine.createTask('u', { title: 'T' })).rejects.toMatchObject({
      code: 'STORE_REJECTED',
      message: expect.stringContaining('start them again'),
    });
  });

  it('goes on when the same file is back', async () => {
    const store = open();
    await put(store, 1);
    renameSync(file(), join(folder, 'elsewhere.db'));
    await expect(put(store, 2)).rejects.toMatchObject(gone);
    renameSync(join(folder, 'elsewhere.db'), file());
    await put(store, 3);
    expect(await count(store)).toBe(2);
  });

  it('writes nothing into another that was put there, and leaves its log alone', async () => {
    const store = open();
    await put(store, 1);
    const other = open('other.db');
    await put(other, 1);
    await put(other, 2);
    other.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const end of ['-wal', '-shm']) rmSync(file(end));
    renameSync(join(folder, 'other.db'), file());
    const fresh = open();
    await put(fresh, 3);
    await expect(put(store, 4)).rejects.toMatchObject(gone);
    store.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(existsSync(file('-wal'))).toBe(true);
    expect(await count(fresh)).toBe(3);
  });

  it.each(['-wal', '-shm'])('keeps what it has confirmed where only %s is gone', async (end) => {
    const store = open();
    await put(store, 1);
    await put(store, 2);
    rmSync(file(end));
    await expect(put(store, 3)).rejects.toMatchObject(gone);
    copyFileSync(file(), join(folder, 'copy.db'));
    expect(await count(open('copy.db'))).toBe(2);
  });
});

it('the log of a SQLite store shrinks again when a reader that was in its way has gone', async () => {
  const store = open();
  await put(store, 0);
  const reader = (await loadDriver()).open(file());
  reader.exec('BEGIN');
  reader.prepare('SELECT * FROM documents').all();
  const log = () => statSync(file('-wal')).size;
  for (let n = 1; n <= 20; n += 1) await put(store, n, { json: 'x'.repeat(900_000) });
  expect(log()).toBeGreaterThan(16_000_000);
  reader.exec('COMMIT');
  reader.close();
  for (let n = 21; n <= 24; n += 1) await put(store, n);
  expect(log()).toBeLessThanOrEqual(8 * 2 ** 20);
  expect(await count(store)).toBe(25);
});
