import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createTaskEngine } from '../../../js/api/engine.js';
import { localRunsIn } from '../../../js/api/registry.js';
import { memoryStore, tool } from '../../../js/index.js';
import { createTaskRoutes, resumeUnfinished, unfinishedTasks } from '../../../js/server/index.js';
import { sqliteStore } from '../../../js/stores/sqlite.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import type { Task, Tools } from '../../../js/types.js';
import { taskWith } from '../api/fixtures.js';
import { add, heldTool } from '../api/world.js';
import { bearer, eventually, serve, site } from './site.js';

const secret = 'a secret of the timer';
const folder = mkdtempSync(join(tmpdir(), 'sweep-'));
const sqlite = sqliteStore({ file: join(folder, 'tasks.db') });
afterAll(() => {
  sqlite.close();
  rmSync(folder, { recursive: true });
});

const left = (id: string, day: string, user = 'u'): Task =>
  taskWith(['Do it'], {
    id,
    user_id: user,
    status: 'in_progress',
    created_at: `2026-01-${day}T00:00:00.000Z`,
  });

function timer(token = secret): Request {
  return new Request('https://app.example/api/sweep', { headers: { authorization: `Bearer ${token}` } });
}

describe('the sweep', () => {
  it.each(['memory', 'SQLite'])(
    'finds what is left of all users, the oldest first and not all of one, in %s',
    async (kind) => {
      const tasks = [
        left('a', '03'),
        left('b', '01'),
        left('c', '02'),
        left('d', '09', 'v'),
        taskWith(['I'], { id: 'idle' }),
      ];
      const store = kind === 'memory' ? memoryStore({ tasks }) : sqlite;
      if (kind === 'SQLite') {
        for (const { id, ...data } of tasks) {
          await store.commit([{ op: 'create', path: `users/${data.user_id}/tasks/${id}`, data }]);
        }
      }
      const engine = createTaskEngine({ store });
      expect(await unfinishedTasks({ engine, perUser: 2 })).toEqual([
        { userId: 'u', taskId: 'b' },
        { userId: 'u', taskId: 'c' },
        { userId: 'v', taskId: 'd' },
      ]);
      expect(await unfinishedTasks({ engine, limit: 1 })).toEqual([{ userId: 'u', taskId: 'b' }]);
    },
  );

  it('runs what a crash has left, and lets alone what runs and what waits for a person', async () => {
    const { held, isCalled, release } = heldTool();
    const careful = tool({ ...add, needsApproval: true });
    const { ask, engine, host } = site({
      tasks: [taskWith(['I'], { id: 'runs' }), taskWith(['I'], { id: 'waits' }), left('left', '01', 'v')],
      turns: (() => {
        const held = { tools: [{ name: 'held', input: {} }] };
        const waits = { tools: [{ name: 'add', input: { a: 1, b: 2 } }] };
        return [waits, held, 'Left is done.', 'Three.', 'Ran.'];
      })(),
      host: { tools: { held, add: careful }, defaults: { whileWaiting: 'yield' } },
    });
    const state = (id: string, user = 'u') => engine.lifecycle(id, user).state();
    await ask('POST', '/waits/start');
    await eventually(async () => (await state('waits')).unfinished);
    await ask('POST', '/runs/start');
    await isCalled;
    expect(await unfinishedTasks({ engine })).toEqual([{ userId: 'v', taskId: 'left' }]);
    const sweep = resumeUnfinished({ secret, engine });
    expect(await (await sweep(timer())).json()).toEqual({ found: 1, resumed: 1 });
    await eventually(async () => (await state('left', 'v')).status === 'completed');
    // An answer in the inbox is something to go on with.
    const [call] = (await state('waits')).waiting;
    await engine.lifecycle('waits', 'u').approve(call?.toolCall.id ?? '');
    expect(await (await sweep(timer())).json()).toEqual({ found: 1, resumed: 1 });
    await eventually(async () => (await state('waits')).status === 'completed');
    release('ok');
    await eventually(() => localRunsIn(host.store.id).length === 0);
  });

  it('gives up what has died three times at the same place, until somebody resumes it', async () => {
    const store = memoryStore({ tasks: [taskWith(['I'])] });
    const crash = async () => {
      const engine = createTaskEngine({ store, model: { stream: () => new Promise<never>(() => {}) } });
      const run = engine.executor('t', 'u').run();
      await run.started;
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (const local of localRunsIn(store.id)) local.crash();
      await run.outcome;
    };
    const engine = createTaskEngine({ store });
    let sweeps = 0;
    await engine.lifecycle('t', 'u').start();
    for (; sweeps < 20 && (await unfinishedTasks({ engine })).length > 0; sweeps += 1) await crash();
    expect(sweeps).toBe(4);
    expect((await store.read(['users/u/tasks/t/engine/head']))[0]?.data.attempts).toBeGreaterThanOrEqual(3);
    await engine.lifecycle('t', 'u').resume();
    expect(await unfinishedTasks({ engine })).toHaveLength(1);
    await crash();
    expect(await unfinishedTasks({ engine })).toEqual([]);
  });

  it('leaves a task alone whose runs only yield, three times in a row, until something is stored', async () => {
    const store = memoryStore({ tasks: [taskWith(['I'], { status: 'in_progress' })] });
    const model = { stream: () => new Promise<never>(() => {}) };
    // Its time is over when it has its tools: it ends in good order, and has done nothing.
    const tools = () => new Promise<Tools>((resolve) => setTimeout(resolve, 1_500, {}));
    const engine = createTaskEngine({ store, model, tools });
    const kept: Promise<unknown>[] = [];
    const run = { maxDurationMs: 1_500, keepAlive: (over: Promise<unknown>) => void kept.push(over) };
    const sweep = resumeUnfinished({ secret, engine, run });
    const fire = async () => {
      const { resumed } = await (await sweep(timer())).json();
      await Promise.all(kept);
      return resumed;
    };
    let runs = 0;
    for (let times = 0; times < 10; times += 1) runs += await fire();
    expect(runs).toBeGreaterThanOrEqual(3);
    expect(runs).toBeLessThanOrEqual(4);
    expect(await fire()).toBe(0);
    expect(await unfinishedTasks({ engine })).toHaveLength(1);
    await engine.lifecycle('t', 'u').pause();
    await engine.lifecycle('t', 'u').resume();
    expect(await fire()).toBe(1);
  }, 60_000);

  it('finds the others where one task is broken', async () => {
    const broken = { ...left('broken', '01'), progress: 'none' } as never;
    const engine = createTaskEngine({ store: memoryStore({ tasks: [broken, left('whole', '02')] }) });
    expect(await unfinishedTasks({ engine })).toEqual([{ userId: 'u', taskId: 'whole' }]);
  });

  it('is open to nobody without the secret', async () => {
    const sweep = resumeUnfinished({ secret, engine: createTaskEngine({ store: memoryStore() }) });
    for (const request of [
      timer('another'),
      timer(''),
      new Request('https://app.example/'),
      timer(`${secret} `.slice(1)),
    ]) {
      expect((await sweep(request)).status).toBe(401);
    }
    expect((await sweep(timer())).status).toBe(200);
    expect(() => resumeUnfinished({ secret: 'short' })).toThrow(/16 characters/);
  });

  it('may be made without a secret, as builds do, and is open to nobody then', async () => {
    for (const none of [undefined, '']) {
      const told: unknown[] = [];
      const logger = { ...console, error: (message: unknown) => told.push(message) };
      const sweep = resumeUnfinished({
        secret: none,
        engine: createTaskEngine({ store: memoryStore(), logger }),
      });
      for (const token of ['', 'undefined', secret]) {
        expect((await sweep(timer(token))).status).toBe(500);
      }
      expect(told).toHaveLength(3);
      expect(String(told[0])).toContain('no secret');
    }
  });

  it('says where the store cannot list the tasks of all users', async () => {
    const { tasks: _, ...store } = memoryStore();
    await expect(unfinishedTasks({ engine: createTaskEngine({ store }) })).rejects.toMatchObject({
      code: 'NOT_CONFIGURED',
    });
  });
});

describe('a run that the platform would cut', () => {
  const slow = tool({
    description: 'Takes a while.',
    inputSchema: { type: 'object' },
    execute: () => new Promise((resolve) => setTimeout(resolve, 300, 'ok')),
  });
  const use = { tools: [{ name: 'slow', input: {} }] };

  it('is gone on with by another request that it signs itself', async () => {
    const store = memoryStore({ tasks: [taskWith(['I'])] });
    const model = scriptedModel([use, use, use, use, 'Done.']);
    const engine = createTaskEngine({
      store,
      model,
      tools: { slow },
      defaults: { limits: { identicalToolCalls: 99 } },
    });
    const options = {
      user: bearer,
      engine,
      secret,
      run: { maxDurationMs: 1_200, continueWith: 'self' as const },
    };
    let routes = createTaskRoutes({ ...options, selfUrl: 'http://127.0.0.1:1' });
    let continued = 0;
    const handler = (request: Request) => {
      if (request.headers.has('x-task-continuation')) continued += 1;
      return routes.POST(request);
    };
    const server = await serve({ GET: handler, POST: handler, PATCH: handler, DELETE: handler });
    routes = createTaskRoutes({ ...options, selfUrl: server.url });
    const headers = { authorization: 'Bearer u' };
    await fetch(`${server.url}/t/start`, { method: 'POST', headers });
    await eventually(async () => (await engine.lifecycle('t', 'u').state()).status === 'completed');
    expect(continued).toBeGreaterThan(0);
    await server.close();
  }, 20_000);

  it('is gone on with by the app where it says how, and not for ever where that leads nowhere', async () => {
    const { held } = heldTool();
    const lines: string[] = [];
    const warn = (line: string) => lines.push(line);
    const stuck = { stream: () => new Promise<never>(() => {}) };
    const engine = createTaskEngine({
      store: memoryStore({ tasks: [taskWith(['I'])] }),
      model: stuck as never,
      tools: { held },
      logger: { debug() {}, info() {}, warn, error: warn } as never,
    });
    let continued = 0;
    const ask = (command: string) =>
      routes.POST(
        new Request(`https://app.example/api/tasks/t/${command}`, {
          method: 'POST',
          headers: { authorization: 'Bearer u' },
        }),
      );
    const routes = createTaskRoutes({
      user: bearer,
      engine,
      run: {
        maxDurationMs: 500,
        async continueWith(ids) {
          expect(ids).toEqual({ userId: 'u', taskId: 't' });
          continued += 1;
          await ask('run');
        },
      },
    });
    await ask('start');
    await eventually(() => lines.some((line) => line.includes('not gone on with')));
    expect(continued).toBe(2);
  }, 20_000);

  it('is gone on with once, and not for ever where that leads nowhere, however many requests join it', async () => {
    const { routes, lines } = site({
      host: { model: { stream: () => new Promise<never>(() => {}) } },
      run: {
        maxDurationMs: 500,
        keepAlive: (over) => kept.push(over),
        async continueWith() {
          continued += 1;
          await Promise.all([ask('run'), ask('run'), ask('start')]);
        },
      },
    });
    const kept: Promise<unknown>[] = [];
    let continued = 0;
    const ask = async (command: string) => {
      const headers = { authorization: 'Bearer u' };
      const request = new Request(`https://app.example/api/tasks/t/${command}`, { method: 'POST', headers });
      expect((await routes.POST(request)).status).toBe(202);
    };
    await Promise.all([ask('start'), ask('start')]);
    await ask('run');
    await eventually(() => continued > 5 || lines.some((line) => line.includes('not gone on with')));
    await Promise.all(kept);
    expect(continued).toBe(2);
    expect(lines.filter((line) => line.includes('not gone on with'))).toHaveLength(1);
  }, 20_000);

  it('takes no continuation that it did not sign, or that came before, or late, or for another task', async () => {
    const { engine, host } = site({ tasks: [left('t', '01'), left('t2', '01')], host: { model: undefined } });
    const seen: Request[] = [];
    const server = await serve(
      Object.fromEntries(
        ['GET', 'POST', 'PATCH', 'DELETE'].map((method) => [
          method,
          async (request: Request) => {
            seen.push(request.clone());
            return new Response(null, { status: 202 });
          },
        ]),
      ) as never,
    );
    const { SelfCall } = await import('../../../js/server/continuation.js');
    await new SelfCall({ selfUrl: server.url, secret }).post({ userId: 'u', taskId: 't', stalls: 1 });
    await server.close();
    const said = seen[0]?.headers.get('x-task-continuation') ?? '';
    const routes = createTaskRoutes({
      user: () => null,
      engine,
      secret,
      selfUrl: server.url,
      run: { continueWith: 'self' },
    });
    const ask = (path: string, value: string) =>
      routes.POST(
        new Request(`https://app.example/api/tasks${path}`, {
          method: 'POST',
          headers: { 'x-task-continuation': value },
        }),
      );
    const [time = '', ...rest] = said.split(',');
    const forged = [
      said.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      [String(Number(time) + 1), ...rest].join(','),
      said.replace(',u,', ',v,'),
      said.replace(',1,', ',0,'),
      '',
      ',,,,',
    ];
    for (const value of forged) expect((await ask('/t/run', value)).status, value).toBe(401);
    expect((await ask('/t2/run', said)).status).toBe(401);
    expect((await ask('/t/stop', said)).status).toBe(403);
    expect((await ask('/t/run', said)).status).toBe(202);
    expect((await ask('/t/run', said)).status).toBe(401);
    void host;
    const other = createTaskRoutes({
      user: () => null,
      engine,
      secret: 'another secret, as long',
      selfUrl: server.url,
      run: { continueWith: 'self' },
    });
    const again = new Request('https://app.example/api/tasks/t/run', {
      method: 'POST',
      headers: { 'x-task-continuation': said },
    });
    expect((await other.POST(again)).status).toBe(401);
  });

  it('cannot go on by itself without an address and a secret', () => {
    const run = { continueWith: 'self' as const };
    expect(() => createTaskRoutes({ user: bearer, run })).toThrow(/selfUrl/);
    expect(() =>
      createTaskRoutes({ user: bearer, run, selfUrl: 'https://a.example', secret: 'short' }),
    ).toThrow(/secret/);
  });
});
