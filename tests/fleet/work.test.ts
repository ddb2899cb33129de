import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { createTaskEngine } from '../../js/index.js';
import { sqliteStore } from '../../js/stores/sqlite.js';
import { eventually, type Process, startWorker, startWorkerInTerminal, type World } from './processes.js';

const folder = mkdtempSync(join(tmpdir(), 'task-execution-engine-work-'));
const stores = new Set<{ close(): void }>();
const started = new Set<Process>();
afterEach(async () => {
  await Promise.all([...started].map((each) => each.kill()));
  started.clear();
});
afterAll(() => {
  for (const store of stores) store.close();
  rmSync(folder, { recursive: true });
});

let files = 0;
/** A file of its own, with an engine that looks on and runs nothing. */
function place() {
  const file = join(folder, `${++files}.sqlite`);
  const store = sqliteStore(file);
  stores.add(store);
  const engine = createTaskEngine({ store });
  const world: World = { store: { kind: 'sqlite', file }, defaults: { leaseTtlMs: 2_000, graceMs: 500 } };
  const begin = (args: string[] = [], config?: string) => {
    const worker = startWorker(world, args, config);
    started.add(worker);
    return worker;
  };
  /** A task that is started and that nobody runs; the last figure of an item says what is to be done for it. */
  const task = async (items: string[], userId = 'u') => {
    const milestones = [{ name: 'All', items: items.map((name) => ({ name })) }];
    const { id } = await engine.createTask(userId, { title: `Do ${items.join(', ')}`, milestones });
    await engine.lifecycle(id, userId).start();
    return id;
  };
  const statusOf = async (id: string, userId = 'u') => (await engine.lifecycle(id, userId).state()).status;
  const completed = (id: string, userId = 'u') =>
    eventually(`${id} is completed`, async () => (await statusOf(id, userId)) === 'completed');
  return { file, store, engine, world, begin, task, statusOf, completed };
}

/** A module of its own. */
function configOf(text: string): string {
  const file = join(folder, `config-${++files}.mjs`);
  writeFileSync(file, text);
  return file;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a worker process', () => {
  test('takes up what was started, and hands on at SIGTERM what another worker ends', async () => {
    const { begin, task, statusOf, completed, engine } = place();
    const ids = [await task(['Item 1', 'Item 1']), await task(['Item 1']), await task(['Item 1'])];
    const first = begin(['--at-once', '2']);
    await first.seen(new RegExp(`u/${ids[0]} is taken up: Do Item 1, Item 1`));
    await first.seen(new RegExp(`u/${ids[1]} is taken up`));
    first.signal('SIGTERM');
    const { code, output } = await first.ended;
    expect(code).toBe(0);
    expect(output).toMatch(/Draining: 2 tasks under way/);
    expect(output).toMatch(/is given up for others to go on \(signal\)/);
    expect(output).toMatch(/Nothing is under way any more/);
    expect(output).not.toMatch(new RegExp(`u/${ids[2]} is taken up`));
    for (const id of ids) {
      expect(await statusOf(id)).toBe('in_progress');
      expect((await engine.lifecycle(id, 'u').state()).owner).toBeUndefined();
    }
    const second = begin();
    await Promise.all(ids.map((id) => completed(id)));
    await Promise.all(ids.map((id) => second.seen(new RegExp(`u/${id} is completed`))));
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends at once at a second %s, with exit code %i', async (signal, code) => {
    const { begin, task } = place();
    const slow = configOf(`
      import { configureTaskExecution } from '${import.meta.dirname}/../../pkg/index.js';
      import { host } from '${import.meta.dirname}/world.mjs';
      const execute = () => {
        console.log('the tool runs');
        // its abort is not heard
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      };
      const tools = async (task) => {
        const all = await host.tools(task);
        return { ...all, write_slowly: { ...all.write_slowly, execute } };
      };
      configureTaskExecution({ ...host, tools, defaults: { graceMs: 30_000 } });`);
    const id = await task(['Item 1']);
    const worker = begin([], slow);
    await worker.seen(new RegExp(`u/${id} is taken up`));
    await worker.seen(/the tool runs/);
    worker.signal(signal);
    await worker.seen(/Draining: 1 task under way/);
    worker.signal(signal);
    expect(await worker.ended).toMatchObject({ code });
  });

  test('takes up what a killed one has left, and runs no stored call again', async () => {
    const { begin, task, completed, engine } = place();
    const id = await task(['Item 1']);
    const first = begin();
    await first.seen(new RegExp(`u/${id} is taken up`));
    const results = () => engine.persistence(id, 'u').toolResults();
    await eventually('a result is stored', async () => (await results()).length > 0);
    await first.kill();
    const before = await results();
    const second = begin();
    await second.seen(new RegExp(`u/${id} goes on where it was interrupted`));
    await completed(id);
    expect((await results()).slice(0, before.length)).toEqual(before);
  });

  test('that was stopped beyond its lease loses its task to another, and goes on with others', async () => {
    const { begin, task, completed } = place();
    // what no process of this host may say of another: only the lease counts
    const id = await task(['Item 1', 'Item 1']);
    const shared = configOf(`
      import { configureTaskExecution } from '${import.meta.dirname}/../../pkg/index.js';
      import { host } from '${import.meta.dirname}/world.mjs';
      const { holder, ...store } = host.store;
      configureTaskExecution({ ...host, store });`);
    const first = begin([], shared);
    await first.seen(new RegExp(`u/${id} is taken up`));
    first.signal('SIGSTOP');
    const second = begin([], shared);
    await second.seen(new RegExp(`u/${id} goes on where it was interrupted`));
    first.signal('SIGCONT');
    // it finds that out by a commit, or by its lease
    await first.seen(new RegExp(`u/${id} was (taken over by another process|interrupted)`));
    await completed(id);
    second.signal('SIGTERM');
    await second.ended;
    const other = await task(['Item 1']);
    await first.seen(new RegExp(`u/${other} is completed`));
  });

  test('lets a task wait for a person without holding it, and goes on when it is answered', async () => {
    const { begin, task, completed, engine } = place();
    const id = await task(['Item 2']);
    const worker = begin(['--at-once', '1']);
    await worker.seen(new RegExp(`u/${id} asks: may it run ask`));
    await worker.seen(new RegExp(`u/${id} waits for a person, and holds nothing meanwhile`));
    const other = await task(['Item 1']);
    await worker.seen(new RegExp(`u/${other} is completed`));
    const takenUp = () => worker.output.split(`u/${id} is taken up`).length - 1;
    expect(takenUp()).toBe(1);
    const lifecycle = engine.lifecycle(id, 'u');
    for (const { toolCall } of (await lifecycle.state()).waiting) await lifecycle.approve(toolCall.id);
    await completed(id);
    expect(takenUp()).toBe(2);
  });

  test('keeps one user’s many tasks from holding every place', async () => {
    const { begin, task } = place();
    for (let n = 0; n < 6; n++) await task(['Item 1', 'Item 1'], 'many');
    const other = await task(['Item 1'], 'other');
    const worker = begin(['--at-once', '3', '--per-user', '2']);
    await worker.seen(new RegExp(`other/${other} is taken up`));
    expect(worker.output.split('many/').length - 1).toBeGreaterThan(0);
    expect(worker.output).not.toMatch(/many\/\w+ is completed/);
  });

  test('shares one store with others: every task is run by one of them at a time', async () => {
    const { begin, task, completed, engine } = place();
    const ids = [];
    for (let n = 0; n < 6; n++) ids.push(await task(['Item 1'], `user-${n}`));
    const workers = [begin(), begin(), begin()];
    await Promise.all(ids.map((id, n) => completed(id, `user-${n}`)));
    for (const [n, id] of ids.entries()) {
      // start() took it, then one run, and nobody interrupted anybody
      expect((await engine.persistence(id, `user-${n}`).checkpoint()).epoch).toBe(2);
    }
    expect(workers.map(({ output }) => output).join('')).not.toMatch(/taken over|interrupted/);
  });

  test('gives its tasks up in order, and fails, where a tool’s own background work goes wrong', async () => {
    const { begin, task, statusOf, engine } = place();
    const id = await task(['Item 1']);
    const stray = configOf(`
      import '${import.meta.dirname}/world.mjs';
      setTimeout(() => Promise.reject(new Error('a stray one')), 2_000);`);
    const worker = begin([], stray);
    await worker.seen(new RegExp(`u/${id} is taken up`));
    const { code, output } = await worker.ended;
    expect(code).toBe(1);
    expect(output).toMatch(
      /A promise that nobody handled was rejected; this worker drains and ends:\nError: a stray one/,
    );
    if ((await statusOf(id)) !== 'completed') {
      expect((await engine.lifecycle(id, 'u').state()).owner).toBeUndefined();
    }
  });

  test('says in a terminal what is under way, below what has happened', async () => {
    const { task, world } = place();
    const id = await task(['Item 1']);
    const worker = startWorkerInTerminal(world, ['--at-once', '4']);
    started.add(worker);
    await worker.seen(/1 of 4 at work · 0 completed · Ctrl-C drains/);
    await worker.seen(new RegExp(`u/${id} {2}Do Item 1 +.*░.* %`));
    await worker.seen(/0 of 4 at work · 1 completed/);
    expect(worker.output).toContain(`\u001b[32mu/${id} is completed`);
    const [, pid] = await worker.seen(/Process (\d+) works/);
    await worker.kill();
    await eventually('the worker ends with its terminal', () => !isAlive(Number(pid)));
  });
});

describe('a worker that cannot work', () => {
  const refused = async (config: string, args: string[] = []) => {
    const { begin } = place();
    return begin(args, config).ended;
  };
  const configure = (host: string) =>
    configOf(`
      import { configureTaskExecution, memoryStore } from '${import.meta.dirname}/../../pkg/index.js';
      configureTaskExecution(${host});
      // what an app leaves open does not hold it
      setInterval(() => {}, 1_000);`);

  test('says that there is no such module', async () => {
    expect(await refused('/nowhere/config.mjs')).toMatchObject({
      code: 1,
      output: expect.stringMatching(/There is no file \/nowhere\/config\.mjs.*configureTaskExecution\(\)/),
    });
  });

  test('shows where its module failed', async () => {
    const file = configOf('\nthrow new Error("no DATABASE_URL");');
    const { code, output } = await refused(file);
    expect(code).toBe(1);
    expect(output).toContain(`${file} could not be loaded:\nError: no DATABASE_URL`);
    expect(output).toMatch(/config-\d+\.mjs:2:7/);
  });

  test('says of a module that never settles that it was not loaded', async () => {
    const file = configOf('await new Promise(() => {});');
    const { code, output } = await refused(file);
    expect(code).toBe(1);
    expect(output).toContain(`${file} was never loaded: what it awaits at its top never settles.`);
  });

  test('says what a module that configures nothing has to do', async () => {
    const { code, output } = await refused(configOf('export default {};'));
    expect(code).toBe(1);
    expect(output).toMatch(
      /leaves nothing to work with.*\n.*configureTaskExecution\(\{ store, model, tools \}\)/,
    );
  });

  test('says that its store cannot list tasks', async () => {
    const { code, output } = await refused(
      configure('(({ tasks, ...store }) => ({ store }))(memoryStore())'),
    );
    expect(code).toBe(1);
    expect(output).toMatch(/The store memory:\S+ cannot list the tasks of all users: it has no tasks\(\)/);
  });

  test('says that its store refuses', async () => {
    const denied = `{ store: { ...memoryStore(), tasks: async () => { throw { code: 'denied', message: 'no permission' }; } } }`;
    const { code, output } = await refused(configure(denied));
    expect(code).toBe(1);
    expect(output).toMatch(/refuses to list tasks: no permission/);
  });

  test('says what the resolver is asked', async () => {
    const { code, output } = await refused(
      configure("({ userId }) => { throw new Error('no tenant ' + userId); }"),
    );
    expect(code).toBe(1);
    expect(output).toMatch(/resolver.*failed: no tenant \.\nA worker asks the resolver with the userId ''/);
  });

  test('goes on asking a store that cannot be reached, and says so once', async () => {
    const { begin } = place();
    const away = configure(`{ model: { stream() {} }, store: { ...memoryStore(), tasks: (() => {
      let calls = 0;
      return async () => { if (++calls < 5) throw { code: 'unavailable', message: 'connection refused' }; return []; };
    })() } }`);
    const worker = begin([], away);
    await worker.seen(/The store answers again/);
    expect(worker.output.split('cannot be asked for tasks: connection refused Tried again in').length).toBe(
      2,
    );
    worker.signal('SIGINT');
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  const answering = (answers: string) =>
    configure(`{ model: { stream() {} }, store: { ...memoryStore(), tasks: (() => {
      const away = { code: 'unavailable', message: 'no answer in time' };
      const denied = { code: 'denied', message: 'no permission' };
      const answers = ${answers};
      return async () => {
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        if (!Array.isArray(answer)) throw answer;
        return answer;
      };
    })() } }`);

  test('says that its store refuses which could not be reached at first', async () => {
    const { code, output } = await refused(answering('[away, away, denied]'));
    expect(output).toMatch(/cannot be asked for tasks: no answer in time/);
    expect(output).toMatch(/The store memory:\S+ refuses to list tasks: no permission/);
    expect(code).toBe(1);
  });

  test('goes on asking a store that has answered and refuses now', async () => {
    const { begin } = place();
    const worker = begin([], answering('[away, [], denied, denied, []]'));
    await worker.seen(/cannot be asked for tasks: no permission[\s\S]*The store answers again/);
    worker.signal('SIGINT');
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  test('lets alone a task whose host has no model, and says so', async () => {
    const { begin, task, file } = place();
    const id = await task(['Item 1']);
    const noModel = configOf(`
      import { configureTaskExecution } from '${import.meta.dirname}/../../pkg/index.js';
      import { sqliteStore } from '${import.meta.dirname}/../../pkg/sqlite.js';
      configureTaskExecution({ store: sqliteStore(${JSON.stringify(file)}) });`);
    const worker = begin([], noModel);
    await worker.seen(
      new RegExp(`u/${id} cannot be taken up: the host that is configured for it has no model`),
    );
  });

  test.each([
    [[], /work takes --config FILE/],
    [['--config', 'x', '--at-once', '0'], /--at-once takes a whole number from 1 to 10000/],
    [['--config', 'x', '--every', 'soon'], /--every takes seconds/],
    [['--config', 'x', '--speed', '2'], /work has no option --speed/],
    [['--config', 'x', 'y'], /'y' is one word too many/],
  ])('refuses %j as wrong usage', async (args, message) => {
    const { parseRequest } = await import('../../js/cli/options.js');
    expect(() => parseRequest(['work', ...args])).toThrow(message);
  });
});
