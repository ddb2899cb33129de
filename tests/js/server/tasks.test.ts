import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryStore } from '../../../js/index.js';
import { type SqliteStore, sqliteStore } from '../../../js/stores/sqlite.js';
import type { Task, TaskStore } from '../../../js/types.js';
import { taskWith } from '../api/fixtures.js';
import { site } from './site.js';

const folder = mkdtempSync(join(tmpdir(), 'routes-'));
const opened: SqliteStore[] = [];
afterAll(() => {
  for (const store of opened) store.close();
  rmSync(folder, { recursive: true });
});

const stores: [string, () => TaskStore][] = [
  ['memory', () => memoryStore()],
  [
    'SQLite',
    () => {
      const store = sqliteStore({ file: join(folder, `${opened.length}.db`) });
      opened.push(store);
      return store;
    },
  ],
  [
    'a store that knows no order',
    () => {
      const { tasks: _, ...store } = memoryStore();
      return store;
    },
  ],
];

describe.each(stores)('tasks over HTTP, in %s', (_, makeStore) => {
  const plan = { milestones: [{ name: 'M', items: [{ name: 'I' }] }] };

  it('are made of title, description and milestones; the rest is the app to give', async () => {
    const { ask } = site({ host: { store: makeStore() } });
    const body = {
      title: 'T',
      description: 'D',
      ...plan,
      config: { system_prompt: 'Obey.' },
      status: 'completed',
    };
    const made = await ask('POST', '', { body });
    expect(made.status).toBe(201);
    const task = await made.json();
    expect(task).toMatchObject({
      title: 'T',
      description: 'D',
      status: 'not_started',
      config: { system_prompt: '' },
    });
    expect(task.progress).toMatchObject({ overall_percentage: 0, milestones: [{ name: 'M' }] });
    expect(task.execution).toBeUndefined();
    expect(task.request_hash).toBeUndefined();
    expect(made.headers.get('location')).toBe(`/api/tasks/${task.id}`);
    expect(await (await ask('GET', `/${task.id}`)).json()).toEqual(task);
    const bad = await ask('POST', '', { body: { title: ' ' } });
    expect([bad.status, (await bad.json()).code]).toEqual([400, 'INVALID_ARGUMENT']);
  });

  it('are what the app makes of the body', async () => {
    const create = (body: Record<string, unknown>, { userId }: { userId: string }) => ({
      title: `${userId}: ${body.title}`,
      config: { system_prompt: 'Be kind.' },
    });
    const { ask } = site({ host: { store: makeStore() }, create });
    const task = await (await ask('POST', '', { body: { title: 'T' } })).json();
    expect(task).toMatchObject({ title: 'u: T', config: { system_prompt: 'Be kind.' } });
  });

  it('are made once for an Idempotency-Key, however often and at how many places it comes', async () => {
    const { ask } = site({ host: { store: makeStore() } });
    const headers = { 'idempotency-key': 'k 1' };
    const made = await Promise.all(
      Array.from({ length: 8 }, () => ask('POST', '', { body: { title: 'T', ...plan }, headers })),
    );
    expect(made.map(({ status }) => status)).toEqual(Array(8).fill(201));
    const ids = new Set(await Promise.all(made.map(async (response) => (await response.json()).id)));
    expect(ids.size).toBe(1);
    const again = await ask('POST', '', { body: { ...plan, title: 'T' }, headers });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const other = await ask('POST', '', { body: { title: 'Other', ...plan }, headers });
    expect([other.status, (await other.json()).code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    const theirs = await ask('POST', '', { body: { title: 'Other' }, headers, user: 'v' });
    expect(theirs.status).toBe(201);
    expect((await (await ask('GET', '')).json()).total).toBe(1);
    const long = await ask('POST', '', {
      body: { title: 'T' },
      headers: { 'idempotency-key': 'k'.repeat(201) },
    });
    expect(long.status).toBe(400);
  });

  it('are made once under an id that the client chose', async () => {
    const { ask } = site({ host: { store: makeStore() } });
    const made = await ask('POST', '', { body: { id: 'mine', title: 'T' } });
    expect(await made.json()).toMatchObject({ id: 'mine' });
    expect((await ask('POST', '', { body: { id: 'mine', title: 'T' } })).status).toBe(201);
    expect((await ask('POST', '', { body: { id: 'mine', title: 'U' } })).status).toBe(409);
    expect((await ask('POST', '', { body: { id: 'a/b', title: 'T' } })).status).toBe(400);
    expect((await ask('POST', '', { body: { id: 7, title: 'T' } })).status).toBe(400);
  });

  it('are listed the newest first, page by page, by status and text, and never those of others', async () => {
    const store = makeStore();
    const put = ({ id, ...data }: Task) =>
      store.commit([{ op: 'create', path: `users/${data.user_id}/tasks/${id}`, data }]);
    for (let day = 1; day <= 7; day += 1) {
      const status = day % 2 ? 'paused' : 'completed';
      await put(
        taskWith(['I'], {
          id: `t${day}`,
          title: `Day ${day}`,
          status,
          created_at: `2026-01-0${day}T00:00:00Z`,
        }),
      );
    }
    await put(taskWith(['I'], { id: 'theirs', user_id: 'other' }));
    const { ask } = site({ host: { store } });
    const list = async (query: string) => (await ask('GET', `?${query}`)).json();
    const idsOf = ({ tasks }: { tasks: Task[] }) => tasks.map(({ id }) => id);
    const first = await list('limit=3');
    expect([idsOf(first), first.total]).toEqual([['t7', 't6', 't5'], 7]);
    const second = await list(`limit=3&before=${encodeURIComponent(first.before)}`);
    const third = await list(`limit=3&before=${encodeURIComponent(second.before)}`);
    expect([idsOf(second), idsOf(third), third.before]).toEqual([['t4', 't3', 't2'], ['t1'], undefined]);
    expect(idsOf(await list('status=completed'))).toEqual(['t6', 't4', 't2']);
    expect(await list('search=dAY%203')).toMatchObject({ tasks: [{ id: 't3' }], total: 1 });
    for (const query of ['status=done', 'limit=0', 'limit=x', 'before=x']) {
      expect((await ask('GET', `?${query}`)).status, query).toBe(400);
    }
  });

  it('are not made without end', async () => {
    const { ask } = site({ host: { store: makeStore() }, limits: { createsPerMinute: 2 } });
    const statuses: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const response = await ask('POST', '', {
        body: { title: 'T' },
        headers: { 'idempotency-key': `k${i}` },
      });
      statuses.push(response.status);
      if (i === 2) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(50);
    }
    expect(statuses).toEqual([201, 201, 429]);
    const replayed = await ask('POST', '', { body: { title: 'T' }, headers: { 'idempotency-key': 'k0' } });
    expect(replayed.status).toBe(201);
  });
});
