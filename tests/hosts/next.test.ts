import { appendFile, cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../firestore/emulator.js';
import { root } from '../package/pack.js';
import { install, runIn, type Server, serve } from './app.js';
import { journeyTest, lockedVersion, program, queryOf, scratch } from './journey.js';
import { eventsOf, piecesOf, readUntil, typesOf } from './ndjson.js';
import { journeyPage } from './page.js';
import { Browser } from './webdriver.js';

let folder: string;
const version = await lockedVersion('next', 'next');

beforeAll(async () => {
  folder = await install('next');
  await cp(join(root, 'tests/hosts/probe'), folder, { recursive: true });
  for (const file of ['asked.mjs', 'journey.mjs'])
    await cp(join(root, 'tests/hosts/journey', file), join(folder, 'journey', file));
  await appendFile(join(folder, 'lib/tasks.ts'), "\nconsole.log('tasks are configured');\n");
});

describe.each([
  ['Turbopack', ['build']],
  ['webpack', ['build', '--webpack']],
])('an app of Next.js, built with %s, standalone and started for production', (bundler, build) => {
  const tasksFile = () => join(folder, `${bundler}.sqlite`);
  const ordersFile = () => join(folder, `${bundler}.ndjson`);
  let built: string;
  let image: string;
  let server: Server;

  const start = async () => {
    const port = String(await freePort());
    const own = { TASKS_FILE: tasksFile(), ORDERS_FILE: ordersFile() };
    const server = await serve(program('node20'), ['server.js'], image, {
      env: { HOSTNAME: '127.0.0.1', PORT: port, ...own },
      address: /Ready in/,
    });
    return { ...server, address: `http://127.0.0.1:${port}` };
  };
  const ask = (path: string, method = 'GET') => fetch(server.address + path, { method });
  const json = async (path: string, method?: string) => {
    const response = await ask(path, method);
    const text = await response.text();
    if (text === '') throw new Error(`${path} has answered ${response.status}:\n${server.printed()}`);
    return JSON.parse(text);
  };
  const createTask = async (): Promise<string> => `/tasks/${(await json('/tasks', 'POST')).id}`;
  const run = async (task: string) => eventsOf(await ask(`${task}/run`, 'POST'));
  const orders = async () => (await readFile(ordersFile(), 'utf8')).trimEnd().split('\n');

  beforeAll(async () => {
    await rm(join(folder, '.next'), { recursive: true, force: true });
    // On a CI Next.js warns where the cache is not kept from one build to the next.
    await mkdir(join(folder, '.next/cache'), { recursive: true });
    built = await runIn(folder, 'next', build);
    // What goes into an image: nothing else of the app is there.
    image = await scratch(bundler);
    await cp(join(folder, '.next/standalone'), image, { recursive: true });
    await cp(join(folder, '.next/static'), join(image, '.next/static'), { recursive: true });
    server = await start();
  });

  afterAll(() => server?.stop());

  test('has nothing to complain about in the package', () => {
    expect(built).toContain(`(${bundler})`);
    const aboutEdge = /^⚠ (The Edge Runtime is deprecated|Using edge runtime on a page).*$/gm;
    expect(built.replace(aboutEdge, '')).not.toMatch(/task-execution-engine|warn|⚠|error/i);
  });

  const next = { name: `Next.js with ${bundler}, standalone`, version, store: 'Firestore (REST)' as const };

  for (const runtime of ['node', 'edge']) {
    journeyTest({ ...next, way: `${runtime} route` }, async (taskId) => {
      await server.stop();
      server = await start();
      return json(
        `/journey/${runtime}?${queryOf(`next-${bundler.toLowerCase()}-${runtime}`, taskId)}`,
        'POST',
      );
    });
  }

  journeyTest({ ...next, way: 'client page' }, async (taskId) => {
    // One of its own, closed again: a connection that it keeps in reserve would keep the server from ending.
    const browser = await Browser.open();
    try {
      const query = queryOf(`next-${bundler.toLowerCase()}-page`, taskId);
      return await journeyPage(browser, `${server.address}/journey/page?${query}`);
    } finally {
      await browser.close();
    }
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
