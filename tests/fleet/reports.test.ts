/** What users of other queues, schedulers and supervisors have reported, tried on `work` and on tasks behind Restate. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createTaskEngine } from '../../js/index.js';
import { restateRunner } from '../../js/restate/index.js';
import { sqliteStore } from '../../js/stores/sqlite.js';
import { freePort } from '../firestore/emulator.js';
import { eventually, Process, startRestateWorker, startWorker } from './processes.js';
import type { Ids } from './progress.js';
import { RestateServer } from './restate-server.mjs';

const folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-reports-'));
const pkg = `${import.meta.dirname}/../../pkg`;
let places = 0;
const started: Process[] = [];
const closing: (() => void)[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.kill()));
});
afterAll(() => {
  for (const close of closing) close();
  rmSync(folder, { recursive: true });
});

/**
 * A store on a file whose workers say one thing, call one tool, and are done. Which workers live is for their leases to
 * tell: as between machines, nobody knows of another process's death.
 */
function place(tool: string) {
  const at = join(folder, String(++places));
  const [file, log, config] = [`${at}.sqlite`, `${at}.log`, `${at}.mjs`];
  appendFileSync(log, '');
  writeFileSync(
    config,
    `
    import { appendFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { configureTaskExecution } from '${pkg}/index.js';
    import { sqliteStore } from '${pkg}/sqlite.js';
    import { scriptedModel } from '${pkg}/testing.js';
    const { holder, ...store } = sqliteStore(${JSON.stringify(file)});
    const note = (what) => appendFileSync(${JSON.stringify(log)}, what + ' ' + process.pid + '\\n');
    const isAnswered = ({ messages }) => messages.at(-1).content.some((block) => block.toolResult);
    configureTaskExecution({
      store,
      model: scriptedModel((request) =>
        isAnswered(request) ? { text: 'Done.' } : { text: 'On it.', tools: [{ name: 'work', input: {} }] }),
      tools: { work: { description: 'Works.', inputSchema: { type: 'object' }, ${tool} } },
      defaults: { leaseTtlMs: 1_500, graceMs: 300 },
    });`,
  );
  const store = sqliteStore(file);
  closing.push(() => store.close());
  const engine = createTaskEngine({ store });
  const begin = (args: string[] = []) => {
    const worker = startWorker({ store: { kind: 'sqlite', file } }, args, config);
    started.push(worker);
    return worker;
  };
  const task = async () => {
    const { id } = await engine.createTask('u', { title: 'Work', milestones });
    await engine.lifecycle(id, 'u').start();
    return id;
  };
  const completed = (id: string) =>
    eventually(
      `${id} is completed`,
      async () => (await engine.lifecycle(id, 'u').state()).status === 'completed',
    );
  return {
    engine,
    begin,
    task,
    completed,
    executions: () => readFileSync(log, 'utf8').split('\n').slice(0, -1),
  };
}
const milestones = [{ name: 'All', items: [{ name: 'Item 1' }] }];

describe('of queues', () => {
  test('a call that takes three times the lease is run once, beside a worker that has nothing to do (boringnode/queue#16)', async () => {
    const { engine, begin, task, completed, executions } = place(
      `async execute() { note('begin'); await sleep(4_500); note('end'); return 'worked'; }`,
    );
    const workers = [begin(), begin()];
    await Promise.all(workers.map((worker) => worker.seen(/works on/)));
    const id = await task();
    await completed(id);
    expect(executions().map((line) => line.split(' ')[0])).toEqual(['begin', 'end']);
    // start(), and one run
    expect((await engine.persistence(id, 'u').checkpoint()).epoch).toBe(2);
  });

  test('a call that blocks the event loop beyond the lease loses its task, and is not run again by who takes over (agno#9512)', async () => {
    const { engine, begin, task, completed, executions } = place(
      `execute() { note('begin'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6_000); note('end'); return 'worked'; }`,
    );
    const workers = [begin(), begin()];
    await Promise.all(workers.map((worker) => worker.seen(/works on/)));
    const id = await task();
    await completed(id);
    await eventually('the call has ended', () => executions().length === 2);
    expect(executions().map((line) => line.split(' ')[0])).toEqual(['begin', 'end']);
    const results = await engine.persistence(id, 'u').toolResults();
    expect(results).toMatchObject([{ name: 'work', unknown: true, status: 'error' }]);
    // whoever was frozen goes on with others
    for (const worker of workers) expect(worker.isOver).toBe(false);
  });

  test('a task of a worker that died is taken up where no other task comes (onnx-web#284)', async () => {
    const { begin, task, completed } = place(
      `onUnknownOutcome: 'rerun', async execute() { note('begin'); await sleep(800); return 'worked'; }`,
    );
    const first = begin();
    const id = await task();
    await first.seen(new RegExp(`u/${id} is taken up`));
    await first.kill();
    begin();
    await completed(id);
  });
});

describe('of supervisors', () => {
  const file = join(folder, 'supervised.sqlite');
  const store = sqliteStore(file);
  closing.push(() => store.close());
  const engine = createTaskEngine({ store });
  const world = { store: { kind: 'sqlite', file }, defaults: { leaseTtlMs: 2_000, graceMs: 500 } };
  let server: RestateServer;
  let port: number;
  let worker: Process;
  let runner: ReturnType<typeof restateRunner>;
  const begin = () =>
    startRestateWorker(world, { port, sliceMs: 2_000, perUser: 2, look: { firstMs: 3_600_000 } });

  beforeAll(async () => {
    // as it is after an hour: by default Restate pauses what has failed 70 times
    server = await RestateServer.start(folder, { RESTATE_DEFAULT_RETRY_POLICY__MAX_ATTEMPTS: '2' });
    runner = restateRunner({ ingress: server.ingress });
    port = await freePort();
    worker = await begin();
    await server.register(port);
  });
  afterAll(async () => {
    await worker?.kill();
    await server?.kill();
  });

  const task = async (items: string[], userId: string): Promise<Ids> => {
    const plan = [{ name: 'All', items: items.map((name) => ({ name })) }];
    const { id } = await engine.createTask(userId, { title: items.join(', '), milestones: plan });
    return { userId, taskId: id };
  };
  const stateOf = ({ userId, taskId }: Ids) => engine.lifecycle(taskId, userId).state();
  const is = (ids: Ids, status: string) =>
    eventually(`${ids.taskId} is ${status}`, async () => (await stateOf(ids)).status === status);
  const running = async ({ userId, taskId }: Ids) => {
    const rows = await server.query(
      `select id from sys_invocation where target_service_key = '${userId}/${taskId}' and target_handler_name = 'run' and status != 'completed'`,
    );
    return String(rows[0]?.id ?? '');
  };
  const moves = (ids: Ids) => eventually('it runs', async () => (await stateOf(ids)).seq > 2);

  test('one that is cancelled while it waits for a place leaves none behind that nobody has (kestra#13211)', async () => {
    const long = ['Item 1', 'Item 1', 'Item 1', 'Item 1'];
    const first = [await task(long, 'queue'), await task(long, 'queue')];
    for (const ids of first) await runner.start(ids);
    for (const ids of first) await moves(ids);
    const queued = [await task(['Item 1'], 'queue'), await task(['Item 1'], 'queue')];
    for (const ids of queued) await runner.start(ids);
    for (const ids of queued) {
      await eventually('it is in charge', async () => (await running(ids)) !== '');
      await server.cancel(await running(ids));
      await is(ids, 'paused');
      await eventually('nobody has it', async () => (await running(ids)) === '');
    }
    for (const ids of first) await is(ids, 'completed');
    // far below the time after which a place counts as lost
    const last = await task(['Item 1'], 'queue');
    const began = Date.now();
    await runner.start(last);
    await is(last, 'completed');
    expect(Date.now() - began).toBeLessThan(30_000);
  });

  test('tasks that are deleted while they run give their places to others (silo#255)', async () => {
    const long = ['Item 1', 'Item 1', 'Item 1', 'Item 1'];
    const first = [await task(long, 'gone'), await task(long, 'gone')];
    for (const ids of first) await runner.start(ids);
    for (const ids of first) await moves(ids);
    const other = await task(['Item 1'], 'gone');
    await runner.start(other);
    for (const { userId, taskId } of first) await engine.persistence(taskId, userId).delete();
    await is(other, 'completed');
    for (const ids of first) await eventually('nobody has it', async () => (await running(ids)) === '');
  });

  test('no more tasks of a user run after a worker was killed than before (solid_queue#735)', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => task(['Item 1', 'Item 1'], 'bounded')));
    for (const ids of all) await runner.start(ids);
    await eventually('some run', async () =>
      (await Promise.all(all.map(stateOf))).some(({ seq }) => seq > 2),
    );
    await worker.kill();
    worker = await begin();
    let most = 0;
    await eventually('all are completed', async () => {
      const states = await Promise.all(all.map(stateOf));
      most = Math.max(most, states.filter(({ owner }) => owner !== undefined).length);
      return states.every(({ status }) => status === 'completed');
    });
    expect(most).toBeLessThanOrEqual(2);
  });

  test('what comes between two looks is seen by the next one, however seldom they are (money-transfer-demo#8)', async () => {
    const ids = await task(['Item 2'], 'between');
    await runner.start(ids);
    await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
    await server.cancel(await running(ids));
    await is(ids, 'paused');
    await eventually('nobody has it', async () => (await running(ids)) === '');
    const lifecycle = engine.lifecycle(ids.taskId, ids.userId);
    await lifecycle.resume();
    for (const { toolCall } of (await stateOf(ids)).waiting) await lifecycle.approve(toolCall.id);
    // as an invocation hands on to the next one that has looked just before the approval came
    const handed = { isQuiet: true, lookMs: 1_800_000 };
    const url = `${server.ingress}/tasks/${encodeURIComponent(`${ids.userId}/${ids.taskId}`)}/run/send`;
    const headers = { 'content-type': 'application/json' };
    const sent = await fetch(url, { method: 'POST', headers, body: JSON.stringify(handed) });
    expect(sent.ok).toBe(true);
    await is(ids, 'completed');
  });

  test('a command whose first answer was lost wakes its task when it is repeated', async () => {
    const ids = await task(['Item 2'], 'lost');
    await runner.start(ids);
    await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
    const [call] = (await stateOf(ids)).waiting;
    const callId = call?.toolCall.id ?? '';
    // as by a worker that died between the store's answer and Restate's
    await engine.lifecycle(ids.taskId, ids.userId).approve(callId);
    await expect(runner.approve(ids, callId)).rejects.toMatchObject({ code: 'ALREADY_DECIDED' });
    await is(ids, 'completed');
  });

  test('no slice is suspended while it is under way: Restate’s patience is longer (sdk-typescript#122)', async () => {
    const response = await fetch(`${server.admin}/services/tasks/handlers/run`);
    const { inactivity_timeout, abort_timeout } = (await response.json()) as Record<string, string>;
    expect([inactivity_timeout, abort_timeout]).toEqual(['17s', '1m 2s']);
  });

  test('times of a schedule that passed while everything was down make one task, and the next comes in time (Foundatio#317, temper#495)', async () => {
    const ids = { userId: 'cron', scheduleId: 'missed' };
    await runner.schedule(ids, { every: 2_000, task: { title: 'Again', milestones } });
    const made = async () => (await store.list('users/cron/tasks', { limit: 50 })).map(({ path }) => path);
    await eventually('one is made', async () => (await made()).length > 0);
    await server.kill();
    await worker.kill();
    const before = (await made()).length;
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    worker = await begin();
    await server.begin();
    await eventually('it goes on', async () => (await made()).length >= before + 2);
    await runner.unschedule(ids);
    const numbers = (await made()).map((path) => Number(path.split('-').at(-1))).sort((a, b) => a - b);
    // each has the next number: none was made for a time that had passed, beyond the first
    expect(numbers).toEqual(numbers.map((_, n) => n + 1));
    expect(numbers.length).toBeLessThanOrEqual(before + 3);
  });

  test('what was under way while all workers were down goes on, however often Restate has tried (restate#5079)', async () => {
    const ids = await task(['Item 1', 'Item 2'], 'outage');
    await runner.start(ids);
    await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
    const [call] = (await stateOf(ids)).waiting;
    await worker.kill();
    const approved = runner.approve(ids, call?.toolCall.id ?? '');
    await eventually('Restate has tried more than twice', async () => {
      const rows = await server.query(
        "select retry_count, status from sys_invocation where target_service_key like 'outage/%' and status != 'completed'",
      );
      expect(rows.map(({ status }) => status)).not.toContain('paused');
      return rows.some(({ retry_count }) => Number(retry_count) > 3);
    });
    worker = await begin();
    await approved;
    await is(ids, 'completed');
  });

  test('a worker that is badly configured ends no task: another goes on with it (cctools#65)', async () => {
    await worker.kill();
    const bad = new Process(process.execPath, [join(import.meta.dirname, 'unconfigured-worker.mjs')], {
      SERVE: JSON.stringify({ port, sliceMs: 2_000 }),
    });
    started.push(bad);
    await bad.seen(/serving on \d+/);
    const ids = await task(['Item 1'], 'bad');
    await engine.lifecycle(ids.taskId, ids.userId).start();
    await runner.continueWith(ids);
    await eventually('it was tried', async () => {
      const rows = await server.query(
        "select last_failure from sys_invocation where target_service_key like 'bad/%' and status = 'backing-off'",
      );
      return rows.some(({ last_failure }) => String(last_failure).includes('No store is configured'));
    });
    await bad.kill();
    worker = await begin();
    await is(ids, 'completed');
  });

  test.each([
    ['an interval beyond all dates', { every: 1e16 }],
    ['a time beyond all dates', { at: 1e18 }],
    ['a time without a zone, another one on each worker (quartz#712)', { at: '2040-01-01T09:00' }],
    ['no schedule at all', null],
  ])('%s is refused, and what is set after it is set (sixb#418)', async (_, wrong) => {
    const ids = { userId: 'cron-3', scheduleId: 'later' };
    const schedule = (wrong && { ...wrong, task: { title: 'Later' } }) as never;
    await expect(runner.schedule(ids, schedule)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const { next } = await runner.schedule(ids, {
      at: '2040-01-01T09:00:00+01:00',
      task: { title: 'Later' },
    });
    expect(next).toBe('2040-01-01T08:00:00.000Z');
    await runner.unschedule(ids);
  });

  test('the cancellation of a task that was deleted leaves nothing of it behind (gptme#2892)', async () => {
    const ids = await task(['Item 2'], 'deleted');
    await runner.start(ids);
    await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
    await engine.persistence(ids.taskId, ids.userId).delete();
    await server.cancel(await running(ids));
    await eventually('nobody has it', async () => (await running(ids)) === '');
    const left = await server.query(
      `select key from state where service_name = 'tasks' and service_key = '${ids.userId}/${ids.taskId}'`,
    );
    expect(left).toEqual([]);
  });

  test('a task whose handler was replaced in place goes on once its invocation was killed (unkey#4979)', async () => {
    const ids = await task(['Item 2'], 'replaced');
    await runner.start(ids);
    await eventually('it waits', async () => (await stateOf(ids)).waiting.length > 0);
    await worker.kill();
    // other steps than the ones that are recorded: here a task is run in one place, there in none
    const other = new Process(process.execPath, [join(import.meta.dirname, 'other-steps-worker.mjs')], {
      FLEET: JSON.stringify(world),
      SERVE: JSON.stringify({ port, sliceMs: 2_000 }),
    });
    started.push(other);
    await other.seen(/serving on \d+/);
    const [call] = (await stateOf(ids)).waiting;
    await runner.approve(ids, call?.toolCall.id ?? '');
    await eventually('Restate says what is wrong', async () => {
      const rows = await server.query(
        `select last_failure from sys_invocation where id = '${await running(ids)}'`,
      );
      return String(rows[0]?.last_failure).includes('Journal mismatch');
    });
    const stuck = await running(ids);
    await runner.continueWith(ids);
    await server.killInvocation(stuck);
    await is(ids, 'completed');
    await other.kill();
    worker = await begin();
  });
});
