// A thousand viewers of one task on one instance: what they hold, how soon they hear, and what a storm of them costs.
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createTaskEngine, memoryStore } from 'task-execution-engine';
import { createTaskRoutes } from 'task-execution-engine/server';
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
const routes = createTaskRoutes({
  user: (request) => (request.headers.get('authorization') === 'Bearer u' ? 'u' : null),
  engine,
  limits: { streamsPerUser: Number.POSITIVE_INFINITY },
});

async function answer(incoming, outgoing) {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const request = new Request(`http://127.0.0.1${incoming.url}`, {
    headers: incoming.headers,
    signal: gone.signal,
  });
  const response = await routes.GET(request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) outgoing.end();
  else
    Readable.fromWeb(response.body)
      .on('error', () => outgoing.destroy())
      .pipe(outgoing);
}

async function memory() {
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export default async function measure() {
  const { id } = await engine.createTask('u', { title: 'A task' });
  const server = createServer(answer);
  await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve));
  const viewers = fork(fileURLToPath(new URL('./lib/viewers.mjs', import.meta.url)));
  const ask = (order) =>
    new Promise((resolve, reject) => {
      viewers.once('message', resolve).once('exit', () => reject(new Error('The viewers have died.')));
      viewers.send({ url: `http://127.0.0.1:${server.address().port}/api/tasks`, id, clients, ...order });
    });
  await ask({ what: 'connect', clients: 10 });
  await ask({ what: 'leave' });
  const before = await memory();
  await ask({ what: 'connect' });
  const held = ((await memory()) - before) / clients;
  const storm = await ask({ what: 'storm' });
  const cpu = process.cpuUsage();
  await engine.executor(id, 'u').start();
  const { delays, facts } = await ask({ what: 'delays' });
  const { user, system } = process.cpuUsage(cpu);
  const flood = await ask({ what: 'flood' });
  viewers.kill();
  server.closeAllConnections();
  server.close();
  delays.sort((a, b) => a - b);
  const at = (share) => delays[Math.floor(share * (delays.length - 1))];
  return [
    { name: 'memory of a viewer, of 1,000', unit: 'bytes', value: Math.round(held) },
    { name: 'commit to viewer, p50 of 1,000', unit: 'ms', value: at(0.5) },
    { name: 'commit to viewer, p99 of 1,000', unit: 'ms', value: at(0.99) },
    { name: 'CPU of a fact for a viewer', unit: 'µs', value: Math.round((user + system) / facts) },
    { name: '1,000 viewers come back at once', unit: 'ms', value: storm.ms },
    { name: 'requests without a user', unit: 'a second', value: flood.perSecond },
  ];
}
