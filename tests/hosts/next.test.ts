import { appendFile, cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../package/pack.js';
import { install, runIn, type Server, serve } from './app.js';
import { eventsOf, piecesOf, readUntil, typesOf } from './ndjson.js';

let folder: string;

beforeAll(async () => {
  folder = await install('next');
  await cp(join(root, 'tests/hosts/probe'), folder, { recursive: true });
  await appendFile(join(folder, 'lib/tasks.ts'), "\nconsole.log('tasks are configured');\n");
});

describe.each([
  ['Turbopack', ['build']],
  ['webpack', ['build', '--webpack']],
])('an app of Next.js, built with %s and started for production', (bundler, build) => {
  const tasksFile = () => join(folder, `${bundler}.sqlite`);
  const ordersFile = () => join(folder, `${bundler}.ndjson`);
  let built: string;
  let server: Server;

  const start = () =>
    serve(
      join(folder, 'node_modules/.bin/next'),
      ['start', '--hostname', '127.0.0.1', '--port', '0'],
      folder,
      {
        env: { TASKS_FILE: tasksFile(), ORDERS_FILE: ordersFile() },
      },
    );
  const ask = (path: string, method = 'GET') => fetch(server.address + path, { method });
  const json = async (path: string, method?: string) => (await ask(path, method)).json();
  const createTask = async (): Promise<string> => `/tasks/${(await json('/tasks', 'POST')).id}`;
  const run = async (task: string) => eventsOf(await ask(`${task}/run`, 'POST'));
  const orders = async () => (await readFile(ordersFile(), 'utf8')).trimEnd().split('\n');

  beforeAll(async () => {
    await rm(join(folder, '.next'), { recursive: true, force: true });
    // On a CI Next.js warns where the cache is not kept from one build to the next.
    await mkdir(join(folder, '.next/cache'), { recursive: true });
    built = await runIn(folder, 'next', build);
    server = await start();
  });

  afterAll(() => server?.stop());

  test('has nothing to complain about in the package', () => {
    expect(built).toContain(`(${bundler})`);
    expect(built).not.toMatch(/task-execution-engine|warn|⚠|error/i);
  });

  test('serves a route that configures nothing by what instrumentation has configured', async () => {
    expect(await ask('/probe', 'POST')).toMatchObject({ status: 201 });
  });

  test('streams a run, which another route pauses, and goes on with it', async () => {
    const task = await createTask();
    const running = await run(task);

    const began = await readUntil(running, ({ type }) => type === 'task:message');
    expect(typesOf(began)).not.toContain('task:tool_call');
    // the turn is still streaming
    expect(await json(task)).toMatchObject({ status: 'in_progress', owner: {}, usage: { outputTokens: 0 } });

    const called = await readUntil(running, ({ type }) => type === 'task:tool_result');
    expect(piecesOf([...began, ...called]).length).toBeGreaterThan(2);
    expect(called.at(-1)).toMatchObject({ name: 'place_order', status: 'success' });
    await readUntil(running, ({ type }) => type === 'task:message');

    expect(await json(`${task}/pause`, 'POST')).toEqual({ status: 'paused' });
    expect(await json(task)).toMatchObject({ status: 'paused', unfinished: false });
    const paused = await readUntil(running);
    expect(typesOf(paused)).not.toContain('task:completed');
    expect(typesOf(paused).slice(-2)).toEqual(['task:paused', 'task:run_ended']);

    const resumed = await readUntil(await run(task));
    expect(typesOf(resumed)).not.toContain('task:tool_call');
    expect(piecesOf(resumed).join('')).toMatch(/^The soup is ordered\..*kitchen\.$/);
    expect(resumed.at(-1)).toMatchObject({ outcome: { status: 'completed', unfinished: false } });
    expect(await orders()).toEqual([expect.stringContaining('"portions":4')]);
  });

  test('answers what is not possible with the code and a status', async () => {
    const missing = await ask('/tasks/missing');
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ code: 'TASK_NOT_FOUND' });

    const task = await createTask();
    await readUntil(await run(task));
    const again = await ask(`${task}/run`, 'POST');
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ code: 'INVALID_TRANSITION' });
  });

  test('yields its runs on SIGTERM, and goes on with them when it is started again', async () => {
    const task = await createTask();
    const running = await run(task);
    await readUntil(running, ({ type }) => type === 'task:tool_result');
    const ordered = await orders();
    await readUntil(running, ({ type }) => type === 'task:message');

    const stopping = server.stop();
    const yielded = await readUntil(running);
    expect(yielded.at(-1)).toMatchObject({
      outcome: { status: 'yielded', reason: 'drain', unfinished: true },
    });
    expect(await stopping).toBe(143);

    server = await start();
    const finished = await readUntil(await run(task));
    expect(finished.at(-1)).toMatchObject({ outcome: { status: 'completed' } });
    expect(await orders()).toEqual(ordered);
  });

  test('evaluates the shared module several times; the last configuration wins, from whichever route', async () => {
    const task = await createTask();
    await ask(task);
    await ask(`${task}/pause`, 'POST');
    expect(server.printed().match(/tasks are configured/g)?.length).toBeGreaterThan(1);

    expect(await ask('/probe', 'PUT')).toMatchObject({ status: 204 });
    expect(piecesOf(await readUntil(await run(task))).join('')).toBe('I am another model.');
    expect(server.printed()).not.toMatch(/error|warn|⚠/i);
  });
});
