import { afterEach, beforeEach, expect } from 'vitest';
import { virtualClock } from '../../../js/clock.js';
import type { TaskErrorCode } from '../../../js/errors.js';
import {
  type RunOptions,
  TaskExecutionError,
  TaskExecutor,
  type TaskHost,
  type TaskOutcome,
  type TaskStore,
} from '../../../js/index.js';
import { scriptedModel, type Turn } from '../../../js/testing/scripted-model.js';
import type { TaskEvent } from '../../../js/types.js';
import { recorded } from '../api/world.js';
import { expectUnharmed, type Snapshot, snapshot } from './store.js';

const codes: Record<TaskErrorCode, true> = {
  TASK_NOT_FOUND: true,
  INVALID_ARGUMENT: true,
  INVALID_TASK: true,
  INVALID_TRANSITION: true,
  ALREADY_DECIDED: true,
  LEASE_HELD: true,
  CORRUPT_HISTORY: true,
  STALE_HISTORY: true,
  UNSUPPORTED_SCHEMA: true,
  CRASH_LOOP: true,
  STORE_UNAVAILABLE: true,
  STORE_DENIED: true,
  STORE_REJECTED: true,
  TOO_LARGE: true,
  MODEL_THROTTLED: true,
  MODEL_UNAVAILABLE: true,
  MODEL_TIMEOUT: true,
  MODEL_DENIED: true,
  MODEL_REJECTED: true,
  CONTEXT_OVERFLOW: true,
  HOST_CALLBACK: true,
  NOT_CONFIGURED: true,
  ENGINE_UNAVAILABLE: true,
  ENGINE_PANIC: true,
};

/** Checks that an error is one that users can act on. Returns it. */
export function expectUsable(thrown: unknown): TaskExecutionError {
  expect(TaskExecutionError.is(thrown), `a TaskExecutionError, not ${String(thrown)}`).toBe(true);
  const error = thrown as TaskExecutionError;
  expect(codes).toHaveProperty(error.code);
  expect(error.code, error.message).not.toBe('ENGINE_PANIC');
  expect(error.message).toMatch(/\w+ .*\w/);
  expect(() => JSON.stringify(error)).not.toThrow();
  return error;
}

/** Fails a test in which anything is thrown or rejected that nobody handles. */
export function failOnStrays(): void {
  const strays: unknown[] = [];
  const note = (thrown: unknown) => strays.push(thrown);
  beforeEach(() => {
    strays.length = 0;
    process.on('unhandledRejection', note);
    process.on('uncaughtException', note);
  });
  afterEach(async () => {
    // Node tells of them once the microtasks are done.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
    expect(strays).toEqual([]);
  });
}

export interface Order {
  store: TaskStore;
  /** The store behind one that misbehaves. */
  looksAt?: TaskStore;
  turns?: Turn[] | ((request: unknown) => Turn);
  host?: Partial<TaskHost>;
  options?: RunOptions;
  command?: 'start' | 'resume' | 'run';
  /** Called with the executor before the command is given. */
  prepare?: (executor: TaskExecutor) => void;
  /** What else has to settle before the end is looked at. */
  afterwards?: () => Promise<unknown>;
}

export interface Episode {
  executor: TaskExecutor;
  /** Where the run could begin. */
  outcome: TaskOutcome | undefined;
  /** Why it could not begin, or what its outcome says. */
  error: TaskExecutionError | undefined;
  events: TaskEvent[];
  of(type: TaskEvent['type']): TaskEvent[];
  before: Snapshot;
  after: Snapshot;
}

/**
 * Runs a task on a virtual clock, and checks what holds whatever it meets: it settles, errors can be acted on, what
 * was stored before is unharmed, every event is JSON, what is announced as stored is stored.
 */
export async function episode(order: Order): Promise<Episode> {
  const {
    store,
    turns = () => 'Done.',
    host = {},
    options = {},
    command = 'start',
    prepare,
    afterwards,
    looksAt = store,
  } = order;
  const clock = virtualClock();
  const model = scriptedModel(turns);
  const everything = { model, clock, ...host, store, ...options };
  const executor = recorded(new TaskExecutor('t', 'u', everything as Partial<TaskHost> & RunOptions));
  prepare?.(executor);
  const before = await snapshot(looksAt);
  const settled = command === 'run' ? executor.run().outcome : executor[command]();
  const refused = await Promise.resolve(settled).then(
    (outcome) => (outcome && 'error' in outcome ? outcome.error : undefined),
    expectUsable,
  );
  await afterwards?.();
  const after = await snapshot(looksAt);
  expectUnharmed(before, after);
  expect(executor.isRunning).toBe(false);
  const last = executor.outcome;
  const error = last && 'error' in last ? expectUsable(last.error) : refused;
  const outcome = last?.status === 'refused' ? undefined : last;
  for (const event of executor.seen) {
    if (event.type !== 'task:run_ended') expect(JSON.parse(JSON.stringify(event))).toEqual(event);
  }
  const events = executor.seen;
  const of = (type: TaskEvent['type']) => events.filter((event) => event.type === type);
  return { executor, outcome, error, events, of, before, after };
}
