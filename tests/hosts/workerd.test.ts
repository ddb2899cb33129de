import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { outputOf } from '../package/pack.js';
import { install, runIn, type Server, serve } from './app.js';
import { journeyTest, program, queryOf, scratch } from './journey.js';

let folder: string;
let worker: Server;

beforeAll(async () => {
  const app = await install('journey');
  folder = await scratch('workerd');
  // As wrangler does it.
  const conditions = '--conditions=workerd,worker,browser';
  const out = `--outdir=${folder}`;
  await runIn(app, 'esbuild', [
    'worker.mjs',
    '--bundle',
    '--format=esm',
    conditions,
    '--loader:.wasm=copy',
    out,
  ]);
  await writeFile(join(folder, 'config.capnp'), configOf(await readdir(folder)));
  worker = await start();
});

afterAll(() => worker?.stop());

function configOf(files: string[]): string {
  const wasm = files
    .filter((name) => name.endsWith('.wasm'))
    .map((name) => `(name = "${name}", wasm = embed "${name}")`);
  const modules = ['(name = "worker.js", esModule = embed "worker.js")', ...wasm];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (modules = [${modules.join(', ')}], compatibilityDate = "2024-10-14");
`;
}

/** workerd says on a descriptor of its own which port it has taken. */
async function start(): Promise<Server> {
  const command = `"${program('workerd')}" serve config.capnp --control-fd=1`;
  const server = await serve('sh', ['-c', `exec ${command}`], folder, { address: /(?<="port":)\d+(?=\})/ });
  return { ...server, address: `http://127.0.0.1:${server.address}` };
}

async function json(path: string): Promise<any> {
  const response = await fetch(worker.address + path);
  if (!response.ok)
    throw new Error(`${path}: ${response.status} ${await response.text()}\n${worker.printed()}`);
  return response.json();
}

const version = (await outputOf(program('workerd'), ['--version'], '/')).match(/[\d-]+/)?.[0];

journeyTest({ name: 'workerd', version, way: 'ES module', store: 'Firestore (REST)' }, async (taskId) => {
  // nothing of the process before is left
  await worker.stop();
  worker = await start();
  return json(`/?${queryOf('workerd', taskId)}`);
});

test('a worker pauses, by another request, what one of its requests runs', async () => {
  const { id } = await json(`/create?${queryOf('requests')}`);
  const query = queryOf('requests', id);
  const running = json(`/run?${query}`);
  await vi.waitFor(
    async () => expect(await json(`/state?${query}`)).toMatchObject({ state: { status: 'in_progress' } }),
    { timeout: 10_000 },
  );
  expect(await json(`/pause?${query}`)).toMatchObject({ status: 'paused' });
  expect(await running).toMatchObject({ status: 'paused', state: { unfinished: false } });
  expect(worker.printed()).not.toMatch(/error|warn/i);
});

test('a worker waits out a refusal, keeps a lease over a slow tool, takes in a long stream and is followed', async () => {
  const { id } = await json(`/create?${queryOf('patience')}`);
  const query = `${queryOf('patience', id)}&patience=1`;
  const running = json(`/run?${query}`);
  const following = () => json(`/follow?${query}`);
  const looks: any[] = [];
  const looking = setInterval(() => looks.push(json(`/state?${query}`)), 1_000);
  const told = Promise.all([running, following(), following()]);
  const [run, first, beside] = await told.finally(() => clearInterval(looking));
  expect(run).toMatchObject({ status: 'completed', outcome: { text: 'word '.repeat(3_000) } });
  const owned = (await Promise.all(looks)).flatMap(({ state }) => (state.owner ? [state.owner.ageMs] : []));
  expect(owned.length).toBeGreaterThan(6);
  expect(Math.max(...owned), 'since the lease of six seconds was renewed').toBeLessThan(5_000);
  expect(first.types).toEqual(expect.arrayContaining(['task:tool_result', 'task:completed']));
  expect(beside.types.filter((type: string) => type === 'task:tool_result')).toEqual(['task:tool_result']);
  expect((await following()).types).toContain('task:completed');
  expect(worker.printed()).not.toMatch(/error|uncaught/i);
});
