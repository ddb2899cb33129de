import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SqliteStore, sqliteStore } from '../../../js/stores/sqlite.js';
import { loadDriver } from '../../../js/stores/sqlite-driver.js';
import { storeConformance } from '../../../js/testing/store-conformance.js';

let folder: string;
const opened: SqliteStore[] = [];
const open = (name = 'tasks.db') => {
  const store = sqliteStore({ file: join(folder, name) });
  opened.push(store);
  return store;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sqlite-'));
});
afterEach(() => {
  for (const store of opened.splice(0)) {
    store.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

const task = 'users/u/tasks/t';

describe('the SQLite store', () => {
  describe('with one handle', () => {
    for (const { name, run } of storeConformance(() => ({ store: open() }))) {
      it(name, run, 20_000);
    }
  });

  describe('with two handles on one file', () => {
    for (const { name, run } of storeConformance(() => ({ store: open(), another: open() }))) {
      it(name, run, 20_000);
    }
  });

  it('keeps what was committed after it is closed and opened again', async () => {
    const first = open();
    const { version } = await first.commit([{ op: 'create', path: task, data: { n: 1 } }]);
    first.close();
    await expect(first.read([task])).rejects.toMatchObject({ code: 'invalid', message: /closed/ });
    expect(await open().read([task])).toMatchObject([{ data: { n: 1 }, version }]);
  });

  it('has the same id whatever path leads to the file', async () => {
    symlinkSync(folder, join(folder, 'link'));
    const direct = open('new.db');
    const linked = open('link/new.db');
    expect(linked.id).toBe(direct.id);
    expect(direct.id).toMatch(/^sqlite:\/.*new\.db$/);
    await direct.commit([{ op: 'create', path: task, data: {} }]);
    expect(sqliteStore(join(folder, 'link', 'new.db')).id).toBe(direct.id);
  });

  it('has the id of the file that a link leads to before there is one', async () => {
    symlinkSync('new.db', join(folder, 'link.db'));
    symlinkSync('link.db', join(folder, 'chain.db'));
    const linked = open('chain.db');
    await linked.commit([{ op: 'create', path: task, data: {} }]);
    expect(linked.id).toBe(open('new.db').id);
    symlinkSync('loop.db', join(folder, 'loop.db'));
    await expect(open('loop.db').read([task])).rejects.toMatchObject({ code: 'denied' });
  });

  describe.skipIf(process.platform === 'win32')('keeps its files', () => {
    const modes = (name = 'tasks.db') =>
      ['', '-wal', '-shm'].map((end) => (statSync(join(folder, name + end)).mode & 0o777).toString(8));
    const write = (n: number, name?: string) =>
      open(name).commit([{ op: 'create', path: `${task}${n}`, data: {} }]);

    it('for their owner alone, those that are made later too', async () => {
      const umask = process.umask(0o022);
      try {
        await write(1);
        expect(modes()).toEqual(['600', '600', '600']);
        copyFileSync(join(folder, 'tasks.db'), join(folder, 'closed.db'));
        await write(2, 'closed.db');
        expect(modes('closed.db')).toEqual(['600', '600', '600']);
      } finally {
        process.umask(umask);
      }
    });

    it('as open as the database was made by its user', async () => {
      writeFileSync(join(folder, 'tasks.db'), '');
      chmodSync(join(folder, 'tasks.db'), 0o640);
      await write(1);
      expect(modes()).toEqual(['640', '640', '640']);
      chmodSync(join(folder, 'tasks.db'), 0o644);
      await write(2);
      expect(modes()[0]).toBe('644');
    });
  });

  it('makes the folders that are missing', async () => {
    const store = open('a/b/tasks.db');
    expect(await store.read([task])).toEqual([null]);
  });

  it('refuses what is no file of its own, saying so', async () => {
    expect(() => sqliteStore(':memory:')).toThrow(/memoryStore/);
    expect(() => sqliteStore('')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    writeFileSync(
      join(folder, 'text.db'),
      'this is a text and no database at all, long enough to be looked at'.repeat(20),
    );
    await expect(open('text.db').read([task])).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/text\.db is not a SQLite database/),
    });
    const foreign = (await loadDriver()).open(join(folder, 'foreign.db'));
    foreign.exec('CREATE TABLE customers (name TEXT)');
    foreign.close();
    await expect(open('foreign.db').read([task])).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/something else/),
    });
    await expect(open('.').read([task])).rejects.toMatchObject({ code: 'denied' });
  });

  it('says that a damaged file is damaged', async () => {
    const store = open();
    for (let i = 0; i < 40; i++) {
      await store.commit([{ op: 'create', path: `${task}/journal/${i}`, data: { json: 'x'.repeat(5_000) } }]);
    }
    store.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const sound = readFileSync(join(folder, 'tasks.db'));
    expect(sound.length).toBeGreaterThan(200_000);
    writeFileSync(join(folder, 'damaged.db'), sound.fill(0x5a, 100));
    await expect(open('damaged.db').read([task])).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/damaged\.db is damaged/),
    });
  });

  it('opens again what could not be opened before', async () => {
    const store = open('late/tasks.db');
    writeFileSync(join(folder, 'late'), 'a file where the folder shall be');
    await expect(store.read([task])).rejects.toMatchObject({ code: 'denied' });
    rmSync(join(folder, 'late'));
    expect(await store.read([task])).toEqual([null]);
  });

  it('waits for a lock without blocking, then says that it is unavailable', async () => {
    const store = open();
    await store.commit([{ op: 'create', path: task, data: { n: 0 } }]);
    const other = (await loadDriver()).open(join(folder, 'tasks.db'));
    other.exec('BEGIN IMMEDIATE');
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 10);
    const write = () => store.commit([{ op: 'update', path: task, fields: [{ path: ['n'], value: 1 }] }]);
    await expect(write()).rejects.toMatchObject({ code: 'unavailable' });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(10);
    expect(await store.read([task])).toMatchObject([{ data: { n: 0 } }]);
    setTimeout(() => other.exec('ROLLBACK'), 100);
    await write();
    other.close();
  });

  it('opens once for many calls at once', async () => {
    const store = open();
    const reads = await Promise.all(Array.from({ length: 50 }, () => store.read([task])));
    expect(reads).toHaveLength(50);
  });
});

describe.runIf(process.platform === 'linux')('the holder of a SQLite store', () => {
  it('knows the living from the dead, also where the pid was given to another', async () => {
    const { holder } = open();
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const [boot, pids] = holder?.id.split(':') ?? [];
    const id = [boot, pids, child.pid, fields[19]].join(':');
    expect(holder?.alive(id)).toBe(true);
    expect(holder?.alive([boot, pids, child.pid, `${fields[19]}1`].join(':'))).toBe(false);
    expect(holder?.alive(['other-boot.0', pids, child.pid, fields[19]].join(':'))).toBe(false);
    expect(holder?.alive([boot, '1', '99999999', '1'].join(':'))).toBe(true);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(holder?.alive(id)).toBe(false);
    expect(holder?.alive('nonsense')).toBe(true);
  });

  it.each(['after', 'before'])(
    'tells ages by the real clock where a test fakes it %s the import',
    async (when) => {
      const fake = () => vi.useFakeTimers({ toFake: ['hrtime'] });
      if (when === 'before') fake();
      try {
        vi.resetModules();
        const { sqliteStore } = await import('../../../js/stores/sqlite.js');
        if (when === 'after') fake();
        const store = sqliteStore(join(folder, 'tasks.db'));
        opened.push(store);
        await store.commit([{ op: 'create', path: task, data: {} }]);
        vi.advanceTimersByTime(3_600_000);
        const ages = async (of: SqliteStore) => (await of.read([task])).map((found) => found?.ageMs);
        expect(await ages(store)).toEqual([expect.closeTo(0, -4)]);
        vi.useRealTimers();
        expect(await ages(open())).toEqual([expect.closeTo(0, -4)]);
      } finally {
        vi.useRealTimers();
      }
    },
  );

  it('reads ages that other processes wrote by the same clock', () => {
    const script = 'process.stdout.write(String(Number(process.hrtime.bigint() / 1000000n)))';
    const theirs = Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
    const ours = Number(process.hrtime.bigint() / 1_000_000n);
    expect(ours - theirs).toBeGreaterThanOrEqual(0);
    expect(ours - theirs).toBeLessThan(5_000);
  });
});
