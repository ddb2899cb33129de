import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTaskEngine } from '../../../js/index.js';
import { sqliteStore } from '../../../js/stores/sqlite.js';

vi.mock('libsql', () => {
  throw new Error("Cannot find package 'libsql'");
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sqlite-driver-'));
  vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: () => undefined } }));
});
afterEach(() => {
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true, force: true });
});

const unconfigured = {
  code: 'NOT_CONFIGURED',
  message: expect.stringMatching(/Node 22\.13 or newer, or the package 'libsql'.*npm install libsql$/s),
};

test('a SQLite store without a driver says at every call what to install, and makes no file', async () => {
  const store = sqliteStore(join(folder, 'tasks.db'));
  await expect(store.read(['users/u/tasks/t'])).rejects.toMatchObject(unconfigured);
  await expect(store.list('users/u/tasks', { limit: 1 })).rejects.toMatchObject(unconfigured);
  const create = { op: 'create', path: 'users/u/tasks/t', data: {} } as const;
  await expect(Promise.all([store.commit([create]), store.commit([create])])).rejects.toMatchObject(
    unconfigured,
  );
  store.close();
  expect(readdirSync(folder)).toEqual([]);
});

test('the first call of an engine over a SQLite store without a driver says the same, at once', async () => {
  const engine = createTaskEngine({ store: sqliteStore(join(folder, 'tasks.db')) });
  const began = performance.now();
  await expect(engine.createTask('u', { title: 'T' })).rejects.toMatchObject(unconfigured);
  await expect(engine.lifecycle('t', 'u').start()).rejects.toMatchObject(unconfigured);
  expect(performance.now() - began).toBeLessThan(5_000);
});
