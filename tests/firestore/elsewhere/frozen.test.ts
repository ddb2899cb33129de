/** Processes that stand still for longer than their lease: blocked by a tool, or stopped by the system. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTaskEngine, type TaskEngine } from '../../../js/index.js';
import { firestoreRestStore } from '../../../js/stores/firestore/index.js';
import { sqliteStore } from '../../../js/stores/sqlite.js';
import { emptyProject } from '../project.js';

/** How long processes stand still, and leases that are over by then or go on. */
const stillMs = 3_600;
const lease = { short: 1_200, long: 120_000 };
type Kind = 'memory' | 'sqlite' | 'rest';
type Scene = 'blocks' | 'answers late' | 'streams';

let folder: string;
let server: ReturnType<typeof createServer>;
/** Those that wait for an answer, or for the rest of one. */
let asking: { path: string; by: string; response: ServerResponse }[];
let children: ChildProcess[];
let ends: (() => void)[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-frozen-'));
  asking = [];
  children = [];
  ends = [];
  server = createServer(({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    if (pathname === '/words') response.write('First ');
    asking.push({ path: pathname, by: searchParams.get('by') ?? '', response });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const child of children) {
    // one that is stopped does not even end
    child.kill('SIGCONT');
    child.kill('SIGKILL');
  }
  for (const end of ends) end();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

interface World {
  /** Begins to run the task in a process of its own. */
  runs(name: string): Runner;
  log(): { what: string; by: string }[];
  kinds(): Promise<string[]>;
}

interface Runner {
  child: ChildProcess;
  lines: Record<string, any>[];
  /** Settles at the first line of that type, which may have come already. */
  line(type: string): Promise<Record<string, any>>;
}

async function world(kind: Kind, scene: Scene, ttlMs = lease.short): Promise<World> {
  const project = emptyProject();
  const file = join(folder, 'tasks.sqlite');
  const where = kind === 'rest' ? { kind, ...project } : { kind, file };
  const log = join(folder, 'log');
  let engine: TaskEngine | undefined;
  if (kind !== 'memory') {
    const local = kind === 'sqlite' ? sqliteStore(file) : undefined;
    if (local !== undefined) ends.push(() => local.close());
    const store = local ?? firestoreRestStore(project);
    engine = createTaskEngine({ store });
    await engine.createTask('u', { id: 'frozen', title: 'Work' });
  }
  let last: Runner | undefined;
  return {
    runs(name) {
      const { port } = server.address() as AddressInfo;
      const told = { store: where, name, server: `127.0.0.1:${port}`, log, scene, ttlMs, stillMs };
      last = start(JSON.stringify(told));
      return last;
    },
    log: () => {
      const lines = readFileSync(log, 'utf8').trim().split('\n');
      return lines.map((line) => JSON.parse(line));
    },
    async kinds() {
      if (engine === undefined) return (await last?.line('journal'))?.kinds;
      const kinds: string[] = [];
      for await (const entry of engine.persistence('frozen', 'u').journal()) kinds.push(...entry.kinds);
      return kinds;
    },
  };
}

function start(told: string): Runner {
  const program = fileURLToPath(new URL('./frozen-runner.mjs', import.meta.url));
  const child = spawn(process.execPath, [program, told], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const lines: Record<string, any>[] = [];
  let complaint = '';
  let ended = false;
  let wake = () => {};
  let woken = new Promise<void>((resolve) => (wake = resolve));
  const tell = () => {
    wake();
    woken = new Promise<void>((resolve) => (wake = resolve));
  };
  child.stderr.on('data', (part) => (complaint += part));
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line));
    tell();
  });
  child.once('close', () => {
    ended = true;
    tell();
  });
  const line = async (type: string) => {
    for (;;) {
      const found = lines.find((line) => line.type === type);
      if (found !== undefined) return found;
      if (ended) throw new Error(`it ended without ${type}: ${JSON.stringify(lines)}\n${complaint}`);
      await woken;
    }
  };
  return { child, lines, line };
}

async function asks(path: string, by?: string): Promise<ServerResponse> {
  for (;;) {
    const found = asking.find((one) => one.path === path && (by === undefined || one.by === by));
    if (found !== undefined) return found.response;
    await sleep(20);
  }
}

const count = (kinds: string[], kind: string) => kinds.filter((one) => one === kind).length;
const everywhere: Kind[] = ['memory', 'sqlite', 'rest'];
const shared: Kind[] = ['sqlite', 'rest'];

async function stoppedInACall(kind: Kind, ttlMs: number): Promise<void> {
  const { runs, log, kinds } = await world(kind, 'answers late', ttlMs);
  const runner = runs('first');
  const response = await asks('/answer');
  runner.child.kill('SIGSTOP');
  response.end('answered');
  await sleep(stillMs);
  runner.child.kill('SIGCONT');
  expect(await runner.line('outcome')).toMatchObject({ status: 'completed', text: 'Done.' });
  expect(log().map(({ what }) => what)).toEqual(['model', 'tool', 'model']);
  const journal = await kinds();
  expect([count(journal, 'turn'), count(journal, 'result')]).toEqual([2, 1]);
}

async function stoppedInATurn(kind: Kind, ttlMs: number): Promise<void> {
  const { runs, log, kinds } = await world(kind, 'streams', ttlMs);
  const runner = runs('first');
  const response = await asks('/words');
  await runner.line('task:message');
  runner.child.kill('SIGSTOP');
  response.end('and last.');
  await sleep(stillMs);
  runner.child.kill('SIGCONT');
  expect(await runner.line('outcome')).toMatchObject({ status: 'completed', text: 'First and last.' });
  expect(log().map(({ what }) => what)).toEqual(['model']);
  expect(count(await kinds(), 'turn')).toBe(1);
  expect(runner.lines.map(({ type }) => type)).not.toContain('task:retry');
}

async function blocked(kind: Kind, ttlMs: number): Promise<void> {
  const { runs, log, kinds } = await world(kind, 'blocks', ttlMs);
  const runner = runs('first');
  expect(await runner.line('outcome')).toMatchObject({ status: 'completed', text: 'Done.' });
  expect(log().map(({ what }) => what)).toEqual(['model', 'tool', 'model']);
  const journal = await kinds();
  expect([count(journal, 'turn'), count(journal, 'result')]).toEqual([2, 1]);
  expect(runner.lines.map(({ type }) => type)).not.toContain('task:resumed');
}

describe.each(everywhere)('on the %s store, within the lease,', (kind) => {
  test('a tool that blocks the event loop for longer than its own limit ends nothing', () =>
    blocked(kind, lease.long));

  test('a process that was stopped during a call takes in the answer that waited before its deadline', () =>
    stoppedInACall(kind, lease.long));

  test('a process that was stopped in mid-turn takes in the words that waited before the silence counts', () =>
    stoppedInATurn(kind, lease.long));
});

describe.each(everywhere)('on the %s store, beyond the lease, while nobody else wants the task,', (kind) => {
  test('a tool that blocks the event loop ends nothing', () => blocked(kind, lease.short));

  test('a process that was stopped during a call takes in the answer that waited', () =>
    stoppedInACall(kind, lease.short));

  test('a process that was stopped in mid-turn goes on, without asking again', () =>
    stoppedInATurn(kind, lease.short));
});

describe.each(shared)('on the %s store, where another run took the task meanwhile,', (kind) => {
  test('a run whose loop was blocked is superseded, and nothing is done or stored twice', async () => {
    const { runs, log, kinds } = await world(kind, 'blocks');
    const first = runs('first');
    await first.line('blocking');
    const rival = runs('rival');
    expect(await rival.line('outcome')).toMatchObject({ status: 'completed', text: 'Done.' });
    expect(await first.line('outcome')).toMatchObject({ status: 'superseded' });
    const done = log().map(({ what, by }) => `${what} ${by}`);
    expect(done).toEqual(['model first', 'tool first', 'model rival']);
    const journal = await kinds();
    expect([count(journal, 'turn'), count(journal, 'result'), count(journal, 'done')]).toEqual([2, 1, 1]);
  });

  test('a run whose process was stopped is superseded, and nothing is done or stored twice', async () => {
    const { runs, log, kinds } = await world(kind, 'answers late');
    const first = runs('first');
    const response = await asks('/answer', 'first');
    first.child.kill('SIGSTOP');
    response.end('answered');
    const rival = runs('rival');
    expect(await rival.line('outcome')).toMatchObject({ status: 'completed', text: 'Done.' });
    first.child.kill('SIGCONT');
    expect(await first.line('outcome')).toMatchObject({ status: 'superseded' });
    const done = log().map(({ what, by }) => `${what} ${by}`);
    expect(done).toEqual(['model first', 'tool first', 'model rival']);
    const journal = await kinds();
    expect([count(journal, 'turn'), count(journal, 'result'), count(journal, 'done')]).toEqual([2, 1, 1]);
  });
});
