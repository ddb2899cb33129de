import fc from 'fast-check';
import { expect } from 'vitest';
import {
  createTaskEngine,
  memoryStore,
  type TaskHost,
  type TaskOutcome,
  type TaskStore,
  tool,
} from '../../../js/index.js';
import { scriptedModel } from '../../../js/testing/scripted-model.js';
import { olderTask } from '../hostile/documents.js';
import { expectUsable } from '../hostile/episode.js';
import { expectUnharmed, snapshot, storeWith } from '../hostile/store.js';

/** Short, so that a store that is silent for ever is given up within a test. */
export const impatient = {
  storeTimeoutMs: 60,
  callbackTimeoutMs: 60,
  idleTimeoutMs: 60,
  graceMs: 20,
  waitForLeaseMs: 0,
  maxDurationMs: 1_500,
  whileWaiting: 'yield' as const,
  retry: { attempts: 2, baseMs: 1, maxMs: 2, totalMs: 100 },
  limits: { iterations: 6 },
};

export const work = tool({
  description: 'Works.',
  inputSchema: { type: 'object' },
  execute: () => ({ ok: true }),
  timeoutMs: 60,
});

export const turns = [
  { text: 'Looking.', tools: [{ name: 'work', input: { n: 1 }, id: 'a' }] },
  'One.',
  'Two.',
  'Three.',
  'Four.',
];

/** So long a call may take at most, on a machine that is busy. */
const longestMs = 20_000;

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not settle`)), longestMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Its error is one that users can act on, or it has none. */
export async function settles(what: string, call: () => unknown): Promise<unknown> {
  try {
    return await within(what, (async () => await call())());
  } catch (thrown) {
    return expectUsable(thrown);
  }
}

export interface Hostile {
  store?: (honest: TaskStore) => TaskStore;
  /** Whether that store has told of another plan than is stored. */
  toldAnotherPlan?: () => boolean;
  host?: Partial<Record<keyof TaskHost, unknown>>;
  documents?: (task: Record<string, unknown>) => Record<string, unknown>;
  options?: unknown;
  /** What else is done with the task while it runs. */
  beside?: (task: ReturnType<ReturnType<typeof createTaskEngine>['executor']>) => unknown;
}

/** Runs a hostile task and, beside it in the same process, an innocent one. */
export async function besideAnInnocent(hostile: Hostile): Promise<void> {
  const strays: unknown[] = [];
  const note = (thrown: unknown) => strays.push(thrown instanceof Error ? thrown.stack : thrown);
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  try {
    const innocent = innocentRun();
    const given = hostile.documents ?? ((task) => ({ '': task }));
    const honest = await storeWith(given(olderTask()) as never).catch((refused: { code?: unknown }) => {
      // No store takes every JSON value as a document.
      expect(refused.code).toBe('invalid');
      return storeWith({ '': olderTask() });
    });
    const before = await snapshot(honest);
    const outcome = await hostileRun(hostile, hostile.store?.(honest) ?? honest);
    if (outcome !== undefined && 'error' in outcome) expectUsable(outcome.error);
    expectUnharmed(before, await snapshot(honest), hostile.toldAnotherPlan?.());
    expect((await within('the innocent task', innocent)).status).toBe('completed');
    // Node tells of strays once the microtasks are done.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(strays).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
  }
}

async function innocentRun(): Promise<TaskOutcome> {
  const engine = createTaskEngine({
    store: memoryStore(),
    model: scriptedModel(turns.slice(0, 2)),
    tools: { work },
  });
  const { id } = await engine.createTask('innocent', { title: 'Quiet work' });
  return engine.executor(id, 'innocent').run().outcome;
}

async function hostileRun(hostile: Hostile, store: TaskStore): Promise<TaskOutcome | undefined> {
  const host = {
    model: scriptedModel(() => turns[1] as string),
    tools: { work },
    defaults: impatient,
    onListenerError: () => {},
    ...hostile.host,
    store,
  } as TaskHost;
  let outcome: TaskOutcome | undefined;
  await settles('the run', async () => {
    const engine = createTaskEngine(host);
    const task = engine.executor('t', 'u', hostile.options as never);
    const run = task.run();
    run.started.catch(() => {});
    // It never rejects: nothing catches that.
    const ended = within('the outcome', run.outcome);
    if (hostile.beside) await settles('what is done beside', () => hostile.beside?.(task));
    outcome = await ended;
    for (const read of ['state', 'pause'] as const) await settles(read, () => task[read]());
    const persistence = engine.persistence('t', 'u');
    for (const read of ['load', 'apiMessages', 'toolResults', 'taskMessages', 'checkpoint'] as const) {
      await settles(read, () => persistence[read]());
    }
    await settles('events()', async () => {
      for await (const _ of task.events({ after: '0', signal: AbortSignal.timeout(20) })) {
        // What comes is not looked at here.
      }
    });
  });
  return outcome;
}

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const more = Number(process.env.FUZZ_TIMES ?? 1);

/**
 * So many cases as fit into the time, at most `runs`. A failure prints the seed and what it was shrunk to; `FUZZ_SEED`
 * repeats it, and `FUZZ_TIMES` makes it so many times as long.
 */
export async function fuzz<T>(
  arbitrary: fc.Arbitrary<T>,
  runs: number,
  ms: number,
  check: (value: T) => Promise<void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, check), {
    seed,
    numRuns: runs * more,
    interruptAfterTimeLimit: ms * more,
    markInterruptAsFailure: false,
    endOnFailure: process.env.FUZZ_SHRINK === undefined,
  });
}

export const limit = 60_000 + 10_000 * more;
