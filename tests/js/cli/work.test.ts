import { describe, expect, it } from 'vitest';
import { localRunsIn } from '../../../js/api/registry.js';
import type { Report } from '../../../js/cli/work/report.js';
import { Worker } from '../../../js/cli/work/worker.js';
import { createTaskEngine, memoryStore, tool } from '../../../js/index.js';
import { scriptedModel, type Turn } from '../../../js/testing/scripted-model.js';
import type { RunOptions, Task, TaskStore, Tools } from '../../../js/types.js';
import { taskWith } from '../api/fixtures.js';
import { add } from '../api/world.js';
import { eventually } from '../server/site.js';

interface World {
  tasks: Task[];
  turns?: Turn[];
  tools?: Tools;
  defaults?: RunOptions;
  change?: (store: TaskStore) => TaskStore;
  atOnce?: number;
  perUser?: number;
}

const started = (id: string, user = 'u'): Task =>
  taskWith(['Do it'], { id, user_id: user, status: 'in_progress' });

/** A worker in this process, with what it said, on a store whose calls are counted. */
function work({ tasks, turns = [], tools, defaults, change = (store) => store, ...options }: World) {
  const calls = { tasks: 0, read: 0, list: 0 };
  const inner = change(memoryStore({ tasks }));
  const store: TaskStore = {
    ...inner,
    tasks: (query) => {
      calls.tasks += 1;
      return inner.tasks?.(query) ?? Promise.reject(new Error('no tasks()'));
    },
    read: (paths, o) => {
      calls.read += paths.length;
      return inner.read(paths, o);
    },
    list: (collection, o) => {
      calls.list += 1;
      return inner.list(collection, o);
    },
  };
  const host = { store, model: scriptedModel(turns), tools: tools ?? {}, defaults: defaults ?? {} };
  const engine = createTaskEngine(host);
  const said: string[] = [];
  /** How many were under way, whenever one was begun. */
  const atWork: number[] = [];
  const report: Report = {
    begun: ({ taskId }) => {
      said.push(`${taskId} begun`);
      atWork.push(worker.running.length);
    },
    event() {},
    ended: ({ taskId }, { status, reason }) => said.push([taskId, status, reason].filter(Boolean).join(' ')),
    trouble: ({ taskId }, what) => said.push(`${taskId} ${what}`),
    away: (what) => said.push(`away: ${what}`),
    back: () => said.push('back'),
    looked() {},
  };
  const worker = new Worker({
    backend: { engine, host },
    backendOf: async () => ({ engine, host }),
    atOnce: 10,
    perUser: 10,
    everyMs: 20,
    report,
    ...options,
  });
  const ending = new AbortController();
  const over = worker.run(ending.signal);
  const end = () => {
    ending.abort();
    return over;
  };
  return { engine, store, calls, said, atWork, end };
}

const saidOf = (said: string[], what: string | RegExp) =>
  eventually(() => said.some((line) => (typeof what === 'string' ? line === what : what.test(line))));

describe('a worker', () => {
  it('runs so many at a time, the oldest first, and the next as soon as one has ended', async () => {
    const tasks = ['c', 'a', 'b'].map((id, n) => ({
      ...started(id),
      created_at: `2026-01-0${n + 1}T00:00:00.000Z`,
    }));
    const { said, atWork, end } = work({ tasks, turns: ['Done.', 'Done.', 'Done.'], atOnce: 1 });
    await saidOf(said, 'b completed');
    expect(said.filter((line) => line.endsWith('begun'))).toEqual(['c begun', 'a begun', 'b begun']);
    expect(atWork).toEqual([1, 1, 1]);
    await end();
  });

  it('lets alone what three runs have brought no further, and says so, until somebody resumes it', async () => {
    const { said, engine, end } = work({
      tasks: [started('t')],
      turns: Array.from({ length: 40 }, () => ({ fail: 'stall' as const })),
      defaults: { maxDurationMs: 900 },
    });
    await saidOf(said, /^t (is left alone: 3 runs|has died three times)/);
    const before = said.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(said.length).toBe(before);
    await engine.lifecycle('t', 'u').pause();
    await engine.lifecycle('t', 'u').resume();
    await eventually(() => said.slice(before).includes('t begun'));
    await end();
  }, 20_000);

  it('asks of a task that waits only for its inbox, and takes it up once there is something', async () => {
    const careful = tool({ ...add, needsApproval: true });
    const { said, engine, calls, end } = work({
      tasks: [started('t')],
      turns: [{ tools: [{ name: 'add', input: { a: 1, b: 2 } }] }, 'Three.'],
      tools: { add: careful },
    });
    await saidOf(said, 't yielded waiting');
    const lookedUntil = async (times: number) => {
      const until = calls.tasks + times;
      await eventually(() => calls.tasks >= until);
    };
    await lookedUntil(2);
    const before = { ...calls };
    await lookedUntil(4);
    // its head and its inbox, once a look
    expect(calls.read - before.read).toBeLessThanOrEqual(calls.tasks - before.tasks + 1);
    expect(calls.list - before.list).toBeLessThanOrEqual(calls.tasks - before.tasks + 1);
    const [call] = (await engine.lifecycle('t', 'u').state()).waiting;
    await engine.lifecycle('t', 'u').approve(call?.toolCall.id ?? '');
    await saidOf(said, 't completed');
    await end();
  });

  it('looks ever more seldom while there is nothing to do', async () => {
    const { calls, end } = work({ tasks: [] });
    const times: number[] = [];
    let seen = 0;
    await eventually(() => {
      if (calls.tasks > seen) times.push(performance.now());
      seen = calls.tasks;
      return seen >= 12;
    });
    // at 20 ms it would have been a quarter of a second
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(500);
    await end();
  });

  it('names a task that cannot be read or run, and goes on with the others', async () => {
    const broken = { ...started('broken'), progress: 'none' } as never;
    const { said, end } = work({ tasks: [broken, started('whole')], turns: ['Done.'] });
    await saidOf(said, 'whole completed');
    expect(said.filter((line) => line.startsWith('broken'))).toEqual([
      expect.stringMatching(/^broken cannot be (read|taken up): .*progress/),
    ]);
    await end();
  });

  it('goes on after the store was away', async () => {
    let away = 0;
    const { said, end } = work({
      tasks: [started('t')],
      turns: ['Done.'],
      change: (store) => ({
        ...store,
        tasks: async (query) => {
          if (++away <= 2) throw { code: 'unavailable', message: 'no route' };
          return store.tasks?.(query) ?? [];
        },
      }),
    });
    await saidOf(said, 't completed');
    expect(said.slice(0, 3)).toEqual(['away: no route', 'away: no route', 'back']);
    await end();
  });

  it('takes up what has been silent for its lease where the store cannot say for how long', async () => {
    const ageless = (store: TaskStore): TaskStore => {
      const { holder: _, ...rest } = store;
      return {
        ...rest,
        read: async (paths, o) =>
          (await store.read(paths, o)).map((document) => document && { ...document, ageMs: undefined }),
      };
    };
    const { said, store, end } = work({
      tasks: [started('t')],
      turns: [{ fail: 'stall' }, 'Done.'],
      defaults: { leaseTtlMs: 600 },
      change: ageless,
    });
    await saidOf(said, 't begun');
    // as if another process had it: nobody here knows that its run is gone
    const head = (await store.read(['users/u/tasks/t/engine/head']))[0];
    const owner = { ...(head?.data.owner as object), id: 'elsewhere.1' };
    for (const run of localRunsIn(store.id)) run.crash();
    await store.commit([
      { op: 'update', path: 'users/u/tasks/t/engine/head', fields: [{ path: ['owner'], value: owner }] },
    ]);
    await saidOf(said, 't completed');
    await end();
  });

  it('ends with every run given up, so that nothing is held any more', async () => {
    const { said, engine, end } = work({ tasks: [started('t')], turns: [{ fail: 'stall' }] });
    await saidOf(said, 't begun');
    await end();
    expect(said.at(-1)).toBe('t yielded signal');
    expect((await engine.lifecycle('t', 'u').state()).owner).toBeUndefined();
  });
});
