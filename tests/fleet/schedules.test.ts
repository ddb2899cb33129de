import './node-22.mjs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTaskEngine, memoryStore } from '../../js/index.js';
import { type RestateRunner, restateRunner, serveTasks, type TaskServer } from '../../js/restate/index.js';
import { scriptedModel } from '../../js/testing/index.js';
import { eventually } from './processes.js';
import { RestateServer } from './restate-server.mjs';

// What is refused here is no news.
process.env.RESTATE_LOGGING = 'ERROR';

const folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-schedules-'));
const inner = memoryStore();
let isDenied = false;
const store: typeof inner = {
  ...inner,
  commit: async (writes, options) => {
    if (isDenied) throw { code: 'denied', message: 'no permission' };
    return inner.commit(writes, options);
  },
};
const logged: string[] = [];
const logger = { debug() {}, info() {}, warn() {}, error: (line: string) => logged.push(line) };
const engine = createTaskEngine({ store, logger, model: scriptedModel(() => 'Done.') });
let server: RestateServer;
let worker: TaskServer;
let runner: RestateRunner;

beforeAll(async () => {
  server = await RestateServer.start(folder);
  worker = await serveTasks({ engine, port: 0 });
  await server.register(worker.port);
  runner = restateRunner({ ingress: server.ingress });
});
afterAll(async () => {
  await worker?.close();
  await server?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const thrownBy = (doing: Promise<unknown>) =>
  doing.then(
    () => undefined,
    ({ code, message }: { code: string; message: string }) => ({ code, message }),
  );

test.each([
  ['has no title', {}],
  ['has an item without a name', { title: 'T', milestones: [{ name: 'M', items: [{ name: ' ' }] }] }],
  ['is no plan', { title: 'T', milestones: 'first this, then that' }],
  ['has what no store takes', { title: 'T', metadata: { __proto: 1, __reserved__: 1 } }],
  ['is too large', { title: 'T', description: 'x'.repeat(1_100_000) }],
])('a schedule whose task %s is refused as createTask refuses it, and is not there', async (_, task) => {
  const ids = { userId: 'u', scheduleId: 'never' };
  const id = `never-1-${Number.MAX_SAFE_INTEGER}`;
  const refusal = await thrownBy(engine.createTask('u', { ...task, id } as never));
  expect(refusal).toBeDefined();
  expect(await thrownBy(runner.schedule(ids, { every: 1_000, task: task as never }))).toEqual(refusal);
  const schedule = await fetch(`${server.ingress}/tasksSchedules/u%2Fnever/get`, { method: 'POST' });
  expect(await schedule.json()).toBeNull();
});

test('a schedule without a task is refused, and one that is refused replaces none', async () => {
  const ids = { userId: 'u', scheduleId: 'kept' };
  const at = Date.now() + 3_600_000;
  const { next } = await runner.schedule(ids, { at, task: { title: 'Later' } });
  await expect(runner.schedule(ids, { at } as never)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('task must be what createTask() takes'),
  });
  await expect(runner.schedule(ids, { at, task: { title: '' } })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  const schedule = await fetch(`${server.ingress}/tasksSchedules/u%2Fkept/get`, { method: 'POST' });
  expect(await schedule.json()).toEqual({ next, count: 0 });
  await runner.unschedule(ids);
});

test('a firing that is refused all the same is logged once, and the schedule goes on', async () => {
  const ids = { userId: 'u', scheduleId: 'denied' };
  isDenied = true;
  await runner.schedule(ids, { every: 1_000, task: { title: 'Denied' } });
  await eventually('two were refused', () => logged.length >= 2);
  isDenied = false;
  const made = () => store.list('users/u/tasks', { limit: 50 });
  await eventually('one is made', async () => (await made()).length > 0);
  await runner.unschedule(ids);
  await eventually('it is completed', async () =>
    (await made()).every(({ data }) => data.status === 'completed'),
  );
  expect(new Set(logged).size).toBe(logged.length);
  for (const [index, line] of logged.entries()) {
    expect(line).toMatch(
      new RegExp(
        `^Schedule u/denied made no task denied-1-${index + 1}: .*no permission.* \\(STORE_DENIED\\)$`,
      ),
    );
  }
});
