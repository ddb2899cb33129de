// Workers behind Restate's real server: how many tasks they do in a second, and what a task holds that waits for a person.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createTaskEngine } from 'task-execution-engine';
import { restateRunner } from 'task-execution-engine/restate';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { installRestate } from '../../scripts/lib/restate.mjs';
import { startBalancer } from '../../tests/fleet/balancer.mjs';
import { RestateServer } from '../../tests/fleet/restate-server.mjs';
import { rounded, spread } from './numbers.mjs';
import { planOf } from './world.mjs';

const program = fileURLToPath(new URL('./fleet-worker.mjs', import.meta.url));
const users = 20;
const tasks = 120;
const rounds = 3;
/** Tasks at a time; below what users may. */
const atOnce = 60;
const waiting = 1_000;

/** Does something with a server, a file and the workers that it asks for, and ends them all. */
async function withFleet(kind, work) {
  await installRestate();
  const folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-bench-'));
  const store = sqliteStore(join(folder, 'tasks.sqlite'));
  const workers = [];
  const server = await RestateServer.start(folder);
  const balancer = await startBalancer(() => workers.map(({ port }) => port));
  const grow = async (count) => {
    while (workers.length < count) {
      const child = fork(program, [join(folder, 'tasks.sqlite'), kind], {
        execArgv: ['--expose-gc'],
        env: { ...process.env, RESTATE_LOGGING: 'ERROR' },
      });
      const [port] = await once(child, 'message');
      workers.push({ child, port });
    }
    await server.register(balancer.port);
  };
  try {
    return await work({ engine: createTaskEngine({ store }), server, workers, grow });
  } finally {
    for (const { child } of workers) child.kill('SIGKILL');
    balancer.end();
    await server.kill();
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function created(engine, count, items) {
  const made = [];
  for (let n = 0; n < count; n += 1) {
    const userId = `user-${n % users}`;
    const { id } = await engine.createTask(userId, { title: 'A task', milestones: planOf(items) });
    await engine.lifecycle(id, userId).start();
    made.push({ userId, taskId: id });
  }
  return made;
}

/** For each, so many at a time. */
async function each(all, count, action) {
  const left = all.values();
  const next = async () => {
    for (const one of left) await action(one);
  };
  await Promise.all(Array.from({ length: count }, next));
}

/** Tasks a second, each asked for through the ingress and waited for. */
async function rateOf(server, service, keys) {
  const began = performance.now();
  await each(keys, atOnce, async (key) => {
    const response = await fetch(`${server.ingress}/${service}/${encodeURIComponent(key)}/run`, {
      method: 'POST',
    });
    const { status } = await response.json();
    if (status !== 'completed') throw new Error(`${service} ${key} is ${status ?? response.status}`);
  });
  return keys.length / ((performance.now() - began) / 1_000);
}

export async function throughput() {
  return withFleet('working', async ({ engine, server, grow }) => {
    const rows = [];
    let asked = 0;
    for (const count of [1, 2, 4]) {
      await grow(count);
      const rates = { ours: [], rival: [] };
      // One more to warm up; they take turns.
      for (let round = -1; round < rounds; round += 1) {
        const made = await created(engine, tasks, 4);
        const ours = await rateOf(
          server,
          'tasks',
          made.map(({ userId, taskId }) => `${userId}/${taskId}`),
        );
        const rival = await rateOf(
          server,
          'rival',
          made.map(() => String(asked++)),
        );
        if (round < 0) continue;
        rates.ours.push(ours);
        rates.rival.push(rival);
      }
      const of = (name, numbers) => {
        const { value, least, most } = spread(numbers.map((rate) => rounded(rate, 1)));
        return { name, unit: '/s', value, least, most };
      };
      const workers = count === 1 ? '1 worker' : `${count} workers`;
      rows.push(of(`tasks of 12 turns and 8 calls, ${workers}`, rates.ours));
      rows.push(of(`the same steps by ctx.run, ${workers}`, rates.rival));
    }
    return rows;
  });
}

/** Kilobytes of the server's process; Linux has them in a file. */
function residentKb(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

export async function held() {
  return withFleet('waiting', async ({ engine, server, workers, grow }) => {
    await grow(1);
    const runner = restateRunner({ ingress: server.ingress });
    const suspended = async (count) => {
      for (;;) {
        const rows = await server.query(
          "select status, count(*) as times from sys_invocation where target_handler_name = 'run' and status != 'completed' group by status",
        );
        if (rows.length === 1 && rows[0].status === 'suspended' && Number(rows[0].times) === count) return;
        await sleep(500);
      }
    };
    const memory = async () => {
      const [{ child }] = workers;
      child.send('memory');
      const [{ heapUsed, external }] = await once(child, 'message');
      return { worker: heapUsed + external, server: residentKb(server.pid) * 1_024 };
    };
    const wait = async (count) =>
      each(await created(engine, count, 1), 20, (ids) => runner.continueWith(ids));
    // What the first ones bring into memory stays.
    await wait(200);
    await suspended(200);
    const before = await memory();
    await wait(waiting);
    await suspended(200 + waiting);
    const after = await memory();
    const row = (name, of) => ({
      name,
      unit: 'bytes',
      value: Math.round((after[of] - before[of]) / waiting),
    });
    return [
      row(`memory of the worker by a task that waits, of ${waiting}`, 'worker'),
      row('memory of Restate’s server by it', 'server'),
    ];
  });
}
