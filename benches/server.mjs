// A thousand viewers of one task on one instance, which runs it or another does: what they hold, how soon they hear, what a
// storm of them costs, and how many requests that should not be are answered meanwhile.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createTaskEngine, memoryStore } from 'task-execution-engine';
import { createTaskRoutes } from 'task-execution-engine/server';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { modelOf } from './lib/world.mjs';

const clients = 1_000;
const turns = 8;
const pauseMs = 800;

const engine = createTaskEngine({
  store: memoryStore(),
  model: modelOf((n) =>
    n < turns
      ? {
          text: `Step ${n} of this task is under way, and so on.`,
          uses: [{ id: `note-${n}`, name: 'note', input: {} }],
        }
      : { text: 'Done.', uses: [] },
  ),
  tools: {
    note: {
      description: 'Notes.',
      inputSchema: { type: 'object' },
      execute: () => new Promise((resolve) => setTimeout(resolve, pauseMs, 'noted')),
    },
  },
  defaults: { limits: { identicalToolCalls: Number.POSITIVE_INFINITY } },
});
const routesOf = (engine) =>
  createTaskRoutes({
    user: (request) => (request.headers.get('authorization') === 'Bearer u' ? 'u' : null),
    engine,
    limits: { streamsPerUser: Number.POSITIVE_INFINITY },
  });

/** The routes behind a server; its port. */
async function serve(routes) {
  const server = createServer(async (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    const { method, url, headers } = incoming;
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const request = new Request(`http://127.0.0.1${url}`, {
      method,
      headers,
      signal: gone.signal,
      ...(hasBody && { body: Readable.toWeb(incoming), duplex: 'half' }),
    });
    const response = await routes[method](request);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) outgoing.end();
    else
      Readable.fromWeb(response.body)
        .on('error', () => outgoing.destroy())
        .pipe(outgoing);
  });
  await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve));
  return server;
}

/** Viewers in a process of their own: what they answer to an order. */
function viewersOf(server, id) {
  const viewers = fork(fileURLToPath(new URL('./lib/viewers.mjs', import.meta.url)));
  const url = `http://127.0.0.1:${server.address().port}/api/tasks`;
  const ask = (order) =>
    new Promise((resolve, reject) => {
      viewers.once('message', resolve).once('exit', () => reject(new Error('The viewers have died.')));
      viewers.send({ url, id, clients, ...order });
    });
  const close = () => {
    viewers.removeAllListeners('exit').kill();
    server.closeAllConnections();
    server.close();
  };
  return { ask, close };
}

async function memory() {
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const at = (sorted, share) => sorted[Math.floor(share * (sorted.length - 1))];
const micros = ({ user, system }) => user + system;

async function here() {
  const { id } = await engine.createTask('u', { title: 'A task' });
  const { ask, close } = viewersOf(await serve(routesOf(engine)), id);
  await ask({ what: 'connect', clients: 10 });
  await ask({ what: 'leave' });
  const before = await memory();
  await ask({ what: 'connect' });
  const held = ((await memory()) - before) / clients;
  const storm = await ask({ what: 'storm' });
  const cpu = process.cpuUsage();
  await engine.executor(id, 'u').start();
  const { delays } = await ask({ what: 'delays' });
  const spent = micros(process.cpuUsage(cpu));
  delays.sort((a, b) => a - b);
  const floods = await ask({ what: 'floods' });
  close();
  return [
    { name: 'memory of a viewer, of 1,000', unit: 'bytes', value: Math.round(held) },
    { name: 'commit to viewer, p50 of 1,000', unit: 'ms', value: at(delays, 0.5) },
    { name: 'commit to viewer, p99 of 1,000', unit: 'ms', value: at(delays, 0.99) },
    { name: 'CPU of a fact for a viewer', unit: 'µs', value: Math.round(spent / delays.length) },
    { name: '1,000 viewers come back at once', unit: 'ms', value: storm.ms },
    ...floods.map(({ name, perSecond }) => ({ name, unit: 'a second', value: perSecond })),
  ];
}

/** The viewers of an instance that does not run the task: text comes to it once a second. */
async function elsewhere() {
  const folder = mkdtempSync(join(tmpdir(), 'bench-server-'));
  const file = join(folder, 'tasks.db');
  const store = sqliteStore(file);
  const looking = createTaskEngine({ store });
  const { id } = await looking.createTask('u', { title: 'A task' });
  const { ask, close } = viewersOf(await serve(routesOf(looking)), id);
  await ask({ what: 'connect' });
  const cpu = process.cpuUsage();
  const run = fork(fileURLToPath(new URL('./lib/elsewhere.mjs', import.meta.url)), [file, id]);
  const { texts } = await ask({ what: 'texts' });
  const spent = micros(process.cpuUsage(cpu));
  run.kill();
  close();
  store.close();
  rmSync(folder, { recursive: true, force: true });
  texts.sort((a, b) => a - b);
  return [
    { name: 'said elsewhere to viewer, p50 of 1,000', unit: 'ms', value: at(texts, 0.5) },
    { name: 'said elsewhere to viewer, p99 of 1,000', unit: 'ms', value: at(texts, 0.99) },
    { name: 'CPU of such text for a viewer', unit: 'µs', value: Math.round(spent / texts.length) },
  ];
}

export default async function measure() {
  return [...(await here()), ...(await elsewhere())];
}
