import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTaskEngine } from '../../js/index.js';
import { restateRunner } from '../../js/restate/index.js';
import { sqliteStore } from '../../js/stores/sqlite.js';
import { freePort } from '../firestore/emulator.js';
import { eventually, type Process, startRestateWorker } from './processes.js';
import { Progress } from './progress.js';
import { RestateServer } from './restate-server.mjs';

const folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-restate-'));
const file = join(folder, 'tasks.sqlite');
const store = sqliteStore(file);
const engine = createTaskEngine({ store });
const world = { store: { kind: 'sqlite', file }, defaults: { leaseTtlMs: 3_000, graceMs: 500 } };
let server: RestateServer;
let runner: ReturnType<typeof restateRunner>;
let port: number;
let worker: Process;

const serve = () => ({ port, sliceMs: 2_000, slices: 3, perUser: 3, retry: { attempts: 2, baseMs: 200 } });

beforeAll(async () => {
  server = await RestateServer.start(folder);
  runner = restateRunner({ ingress: server.ingress });
  port = await freePort();
  worker = await startRestateWorker(world, serve());
  await server.register(port);
});
afterAll(async () => {
  await worker?.kill();
  await server?.kill();
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** `FLEET_LONG=1`: as many as the words promise. */
const long = process.env.FLEET_LONG === '1';

/** A task; the last figure of an item says what is to be done for it. */
async function task(items: string[], userId = 'u') {
  const milestones = [{ name: 'All', items: items.map((name) => ({ name })) }];
  const { id } = await engine.createTask(userId, { title: items.join(', '), milestones });
  return { userId, taskId: id };
}
const stateOf = ({ userId, taskId }: { userId: string; taskId: string }) =>
  engine.lifecycle(taskId, userId).state();
const is = (ids: { userId: string; taskId: string }, status: string) =>
  eventually(`${ids.taskId} is ${status}`, async () => (await stateOf(ids)).status === status);
const invocations = (ids: { userId: string; taskId: string }) =>
  server.query(
    `select id, status, target_handler_name from sys_invocation where target_service_key = '${ids.userId}/${ids.taskId}' and status != 'completed'`,
  );

test('a task that is started is run to its end', async () => {
  const ids = await task(['Item 1']);
  await runner.start(ids);
  await is(ids, 'completed');
  expect((await runner.state(ids)).status).toBe('completed');
  await eventually('nothing is left of it', async () => (await invocations(ids)).length === 0);
});

test('a task that waits is suspended, and goes on as soon as it is answered', async () => {
  const ids = await task(['Item 2']);
  await runner.start(ids);
  await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
  await eventually('it is suspended', async () => {
    const [run] = (await invocations(ids)).filter((one) => one.target_handler_name === 'run');
    return run?.status === 'suspended';
  });
  const [call] = (await stateOf(ids)).waiting;
  const began = Date.now();
  await runner.approve(ids, call?.toolCall.id ?? '');
  await is(ids, 'completed');
  // far below the first look
  expect(Date.now() - began).toBeLessThan(45_000);
});

test('a pause ends the supervision well, and resume begins it again', async () => {
  const ids = await task(['Item 1', 'Item 1', 'Item 1']);
  await runner.start(ids);
  await eventually('it runs', async () => (await stateOf(ids)).seq > 2);
  await runner.pause(ids);
  expect((await stateOf(ids)).status).toBe('paused');
  await eventually('nobody supervises it', async () => (await invocations(ids)).length === 0);
  await runner.resume(ids);
  await is(ids, 'completed');
});

test('the cancellation of its invocation stops the task', async () => {
  const ids = await task(['Item 1', 'Item 1', 'Item 1', 'Item 1']);
  await runner.start(ids);
  await eventually('it runs', async () => (await stateOf(ids)).seq > 2);
  const [run] = (await invocations(ids)).filter((one) => one.target_handler_name === 'run');
  await server.cancel(run?.id ?? '');
  await is(ids, 'paused');
  const { execution } = await engine.persistence(ids.taskId, ids.userId).load();
  expect(execution?.abort_reason).toBe('cancelled');
  await eventually('nobody supervises it', async () => (await invocations(ids)).length === 0);
});

test('the cancellation of one that waits for people stops it too', async () => {
  const ids = await task(['Item 2']);
  await runner.start(ids);
  await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
  const [run] = (await invocations(ids)).filter((one) => one.target_handler_name === 'run');
  await server.cancel(run?.id ?? '');
  await is(ids, 'paused');
});

test('a worker that is killed is replaced, and no stored call runs again', async () => {
  const ids = await task(['Item 1', 'Item 1']);
  await runner.start(ids);
  const results = () => engine.persistence(ids.taskId, ids.userId).toolResults();
  await eventually('a result is stored', async () => (await results()).length > 0);
  await worker.kill();
  const before = await results();
  worker = await startRestateWorker(world, serve());
  await is(ids, 'completed');
  expect((await results()).slice(0, before.length)).toEqual(before);
});

test('a worker that drains gives its tasks up in order, and the next goes on with them', async () => {
  const ids = await task(['Item 1', 'Item 1']);
  await runner.start(ids);
  await eventually('it runs', async () => (await stateOf(ids)).seq > 2);
  worker.signal('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0 });
  expect((await stateOf(ids)).owner).toBeUndefined();
  worker = await startRestateWorker(world, serve());
  await is(ids, 'completed');
});

test('one user’s tasks hold so many places, and another’s task begins at once', async () => {
  const many = await Promise.all(Array.from({ length: 12 }, () => task(['Item 1', 'Item 1'], 'many')));
  await Promise.all(many.map((ids) => runner.start(ids)));
  const other = await task(['Item 1'], 'other');
  await runner.start(other);
  let most = 0;
  await eventually('the other is completed', async () => {
    const states = await Promise.all(many.map(stateOf));
    most = Math.max(most, states.filter(({ owner }) => owner !== undefined).length);
    return (await stateOf(other)).status === 'completed';
  });
  expect(most).toBeLessThanOrEqual(3);
  expect((await Promise.all(many.map(stateOf))).some(({ status }) => status !== 'completed')).toBe(true);
  for (const ids of many) await is(ids, 'completed');
});

test('tasks that wait for people hold no process, and all go on when all are answered at once', async () => {
  const count = long ? 1_000 : 20;
  const patienceMs = 900_000;
  const all = await Promise.all(Array.from({ length: count }, (_, n) => task(['Item 2'], `waits-${n % 10}`)));
  await Promise.all(all.map((ids) => runner.start(ids)));
  const progress = new Progress(store);
  const open = () => progress.look(all);
  await eventually('all wait', async () => (await open()).every(({ waits }) => waits), patienceMs);
  await eventually(
    'all are suspended',
    async () => {
      const rows = await server.query(
        "select status, count(*) as times from sys_invocation where target_service_key like 'waits-%' and target_handler_name = 'run' and status != 'completed' group by status",
      );
      return rows.length === 1 && rows[0]?.status === 'suspended' && Number(rows[0]?.times) === count;
    },
    patienceMs,
  );
  await Promise.all(
    all.map(async (ids) => {
      const [call] = (await stateOf(ids)).waiting;
      await runner.approve(ids, call?.toolCall.id ?? '');
    }),
  );
  await eventually('all are completed', async () => (await open()).length === 0, patienceMs);
}, 3_600_000);

test('commands that cannot be are refused with their own code, and are not repeated', async () => {
  await expect(runner.start({ userId: 'u', taskId: 'none' })).rejects.toMatchObject({
    code: 'TASK_NOT_FOUND',
  });
  const ids = await task(['Item 1']);
  await expect(runner.resume(ids)).rejects.toMatchObject({ code: 'INVALID_TRANSITION' });
  await expect(runner.approve(ids, 'nothing')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('a schedule makes tasks and begins them, again and again, until it ends', async () => {
  const ids = { userId: 'cron', scheduleId: 'daily' };
  const milestones = [{ name: 'All', items: [{ name: 'Item 1' }] }];
  await runner.schedule(ids, { every: 1_000, task: { title: 'Daily', milestones } });
  const made = async () => (await store.list('users/cron/tasks', { limit: 50 })).map(({ data }) => data);
  await eventually('two are made', async () => (await made()).length >= 2);
  await runner.unschedule(ids);
  await eventually('both are completed', async () =>
    (await made()).every(({ status }) => status === 'completed'),
  );
  const count = (await made()).length;
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect((await made()).length).toBeLessThanOrEqual(count + 1);
  await expect(runner.schedule(ids, { every: 5, task: { title: 'Too often' } })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('from 1,000 to'),
  });
});

test('a task goes on over many slices and invocations', async () => {
  const ids = await task(['Item 1', 'Item 1', 'Item 1', 'Item 1', 'Item 1', 'Item 1']);
  await runner.start(ids);
  await is(ids, 'completed');
  const runs = await server.query(
    `select id from sys_invocation where target_service_key = '${ids.userId}/${ids.taskId}' and target_handler_name = 'run'`,
  );
  // three slices of two seconds each are not enough
  expect(runs.length).toBeGreaterThan(1);
});

test('a restart of Restate’s server loses nothing', async () => {
  const ids = await task(['Item 1', 'Item 2']);
  await runner.start(ids);
  await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
  await server.kill();
  await server.begin();
  const [call] = (await stateOf(ids)).waiting;
  await eventually('the approval is stored', async () => {
    try {
      await runner.approve(ids, call?.toolCall.id ?? '');
      return true;
    } catch (error) {
      // what was stored before the answer was lost is stored
      if ((error as { code?: unknown }).code === 'ALREADY_DECIDED') return true;
      if (!(error as { retryable?: unknown }).retryable) throw error;
      return false;
    }
  });
  await is(ids, 'completed');
});

test('what was decided elsewhere is found by a look, and a failure that may pass is tried again', async () => {
  const other = await freePort();
  const quick = await startRestateWorker(
    { ...world, defaults: { ...world.defaults, retry: { attempts: 1 } }, failFirst: 2 },
    {
      port: other,
      name: 'quick',
      look: { firstMs: 1_000 },
      retry: { attempts: 3, baseMs: 100 },
      sliceMs: 5_000,
    },
  );
  try {
    await server.register(other);
    const ids = await task(['Item 2']);
    await restateRunner({ ingress: server.ingress, name: 'quick' }).start(ids);
    await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
    const [call] = (await stateOf(ids)).waiting;
    // nobody tells Restate
    await engine.lifecycle(ids.taskId, ids.userId).approve(call?.toolCall.id ?? '');
    await is(ids, 'completed');
    const ends = [];
    for await (const { data } of engine.persistence(ids.taskId, ids.userId).journal()) {
      const { facts } = data as { facts: { kind: string; status?: string }[] };
      ends.push(...facts.filter(({ kind }) => kind === 'ended').map(({ status }) => status));
    }
    expect(ends).toEqual(['failed', 'failed', 'completed']);
  } finally {
    await quick.kill();
  }
});

test('every decision reaches the task through Restate as it does directly', async () => {
  const ids = await task(['Item 3']);
  const { userId, taskId } = ids;
  const said = async () => JSON.stringify(await engine.persistence(taskId, userId).apiMessages());
  const waiting = async (tool: string) => {
    let callId: string | undefined;
    await eventually(`${tool} waits`, async () => {
      const { waiting } = await stateOf(ids);
      callId = waiting.find(({ toolCall }) => toolCall.name === tool)?.toolCall.id;
      return callId !== undefined;
    });
    return callId ?? '';
  };
  await runner.start(ids);
  const person = await waiting('person');
  await runner.send(ids, 'Mind the gap.');
  await runner.answer(ids, person, { said: 'Forty-two.' });
  const ask = await waiting('ask');
  await runner.reject(ids, ask, 'Not today.');
  await is(ids, 'completed');
  for (const words of ['Mind the gap.', 'Forty-two.', 'Not today.']) expect(await said()).toContain(words);
});

test('a stop through Restate keeps its reason, and a task that waits is woken after a decision that was given elsewhere', async () => {
  const ids = await task(['Item 2']);
  await runner.start(ids);
  await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
  await runner.stop(ids, 'enough for today');
  await is(ids, 'paused');
  const { execution } = await engine.persistence(ids.taskId, ids.userId).load();
  expect(execution?.abort_reason).toBe('enough for today');
  await eventually('nobody supervises it', async () => (await invocations(ids)).length === 0);
  await runner.resume(ids);
  await eventually('it is suspended', async () => {
    const [run] = (await invocations(ids)).filter((one) => one.target_handler_name === 'run');
    return run?.status === 'suspended';
  });
  const [call] = (await stateOf(ids)).waiting;
  await engine.lifecycle(ids.taskId, ids.userId).approve(call?.toolCall.id ?? '');
  const began = Date.now();
  await runner.wake(ids);
  await is(ids, 'completed');
  expect(Date.now() - began).toBeLessThan(45_000);
});

/** Runs tasks that make no progress. */
const elsewhere = createTaskEngine({
  store,
  model: {
    stream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }),
  },
  defaults: { ...world.defaults },
});

test('a task that another run has is left to it, and gone on with afterwards', async () => {
  const ids = await task(['Item 1']);
  const run = elsewhere.executor(ids.taskId, ids.userId).run({ maxDurationMs: 6_000 });
  await run.started;
  const mine = (await stateOf(ids)).owner?.id;
  await runner.continueWith(ids);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect((await stateOf(ids)).owner?.id).toBe(mine);
  expect((await run.outcome).status).toBe('yielded');
  await is(ids, 'completed');
});

test('a task that another run has is tried ever more seldom, by one invocation after the other', async () => {
  const ids = await task(['Item 1']);
  const leaving = new AbortController();
  const run = elsewhere.executor(ids.taskId, ids.userId).run({ signal: leaving.signal });
  await run.started;
  const other = await freePort();
  const single = await startRestateWorker(world, { ...serve(), port: other, name: 'single', slices: 1 });
  try {
    await server.register(other);
    await restateRunner({ ingress: server.ingress, name: 'single' }).continueWith(ids);
    await eventually('a later one waits for 4 s', async () => {
      const sleeps = await server.query(
        `select appended_at, entry_lite_json from sys_journal where entry_type = 'Command: Sleep' and id in (select id from sys_invocation where target_service_name = 'single' and target_service_key = '${ids.userId}/${ids.taskId}')`,
      );
      return sleeps.some(({ appended_at, entry_lite_json }) => {
        const until = JSON.parse(`${entry_lite_json}`).Command.Sleep.wake_up_time;
        return until - Date.parse(`${appended_at}`) > 3_000;
      });
    });
    leaving.abort();
    expect((await run.outcome).status).toBe('yielded');
    await is(ids, 'completed');
  } finally {
    await single.kill();
  }
});

test('a task that is to begin at a time begins then, once', async () => {
  const ids = { userId: 'once', scheduleId: 'later' };
  const milestones = [{ name: 'All', items: [{ name: 'Item 1' }] }];
  const at = Date.now() + 2_000;
  const { next } = await runner.schedule(ids, { at, task: { title: 'Later', milestones } });
  expect(next).toBe(new Date(at).toISOString());
  const made = async () => (await store.list('users/once/tasks', { limit: 50 })).map(({ data }) => data);
  expect(await made()).toEqual([]);
  await eventually('it is completed', async () => (await made())[0]?.status === 'completed');
  expect(Date.now()).toBeGreaterThanOrEqual(at);
  expect(await made()).toHaveLength(1);
});
