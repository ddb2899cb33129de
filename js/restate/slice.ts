import type { TaskExecutor } from '../api/executor.js';
import { TaskExecutionError } from '../errors.js';
import { backendFor } from '../server/host.js';
import { lookAt } from '../server/left.js';
import type { SupervisionOptions } from './options.js';

/** What came of a slice, as Restate records it. */
export type SliceEnd =
  /** Nobody has to go on before a command. */
  | { kind: 'ended'; status: string; reason?: string; code?: string; message?: string }
  /** There is more to do. `moved`: a turn or a result was stored. */
  | { kind: 'more'; moved: boolean }
  /** Only people can go on. */
  | { kind: 'waits' }
  /** Another run has the task. */
  | { kind: 'held' }
  /** It failed in a way that may pass. */
  | { kind: 'failed'; code: string; message: string };

/** What a slice is to do: `start` tries a failed task again, `run` goes on with what is in progress. */
export type SliceIntent = 'run' | 'start';

/** What a slice cannot record: Restate is to repeat it, here or elsewhere. */
export class SliceLost extends Error {}

/**
 * Runs a task for so long at most.
 *
 * @throws SliceLost where it is to be repeated; TaskExecutionError where that cannot help
 */
export async function runSlice(
  options: SupervisionOptions,
  ids: { userId: string; taskId: string },
  { intent, sliceMs, signal }: { intent: SliceIntent; sliceMs: number; signal: AbortSignal },
): Promise<SliceEnd> {
  const { engine, host } = await backendFor(ids, options.engine);
  if (host.model === undefined) {
    throw new TaskExecutionError('NOT_CONFIGURED', 'The host has no model: a worker needs one.');
  }
  // Other options of a run stay the host's. A lease that runs out is waited for, a live one is not.
  const executor = engine.executor(ids.taskId, ids.userId);
  if (intent === 'start') {
    // Somebody may have decided otherwise meanwhile, or this is a repetition.
    const lifecycle = engine.lifecycle(ids.taskId, ids.userId);
    if ((await lifecycle.state()).status === 'failed') await lifecycle.start();
  }
  let moved = false;
  executor.on('task:tool_result', () => {
    moved = true;
  });
  executor.on('task:message_saved', ({ role }: { role: string }) => {
    if (role === 'assistant') moved = true;
  });
  return endOf(executor, { maxDurationMs: sliceMs, whileWaiting: 'yield', signal }, () => moved);
}

async function endOf(
  executor: TaskExecutor,
  options: { maxDurationMs: number; whileWaiting: 'yield'; signal: AbortSignal },
  hasMoved: () => boolean,
): Promise<SliceEnd> {
  const outcome = await executor.run(options).outcome;
  const reason = outcome.reason === undefined ? {} : { reason: outcome.reason };
  switch (outcome.status) {
    case 'completed':
    case 'paused':
    case 'stopped':
      return { kind: 'ended', status: outcome.status, ...reason };
    case 'failed': {
      const { code, message, retryable } = outcome.error;
      return retryable
        ? { kind: 'failed', code, message }
        : { kind: 'ended', status: 'failed', code, message };
    }
    case 'superseded':
      return { kind: 'held' };
    case 'yielded':
      if (outcome.reason === 'waiting') return { kind: 'waits' };
      if (outcome.reason === 'max_duration') return { kind: 'more', moved: hasMoved() };
      throw new SliceLost(`the run was given up (${outcome.reason ?? 'unknown'})`);
    case 'interrupted':
      throw new SliceLost(outcome.error.message);
    case 'refused':
      if (outcome.error.code === 'LEASE_HELD') return { kind: 'held' };
      if (outcome.error.retryable) throw new SliceLost(outcome.error.message);
      throw outcome.error;
  }
}

/** Whether a task that waited has something to go on with, by two or three reads. */
export async function hasNews(
  options: SupervisionOptions,
  ids: { userId: string; taskId: string },
): Promise<boolean> {
  const backend = await backendFor(ids, options.engine);
  return (await lookAt(backend, ids.userId, ids.taskId)).standing !== 'waits';
}
