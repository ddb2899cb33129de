import { systemClock } from '../clock.js';
import { TaskExecutionError } from '../errors.js';
import { optionsOf } from './arguments.js';
import { type LocalFollower, type LocalRun, localFollowers, localRuns } from './registry.js';

interface DrainOptions {
  timeoutMs?: number | undefined;
}

/** Yields these runs, with their grace, waits until all have ended or the time is up, and ends these followers. */
export async function drainRuns(
  runs: LocalRun[],
  followers: LocalFollower[],
  options: DrainOptions | undefined,
): Promise<void> {
  const { timeoutMs } = optionsOf('options', options, ['timeoutMs']);
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
    throw new TaskExecutionError('INVALID_ARGUMENT', 'timeoutMs must be a number from 0 on.', {
      details: { argument: 'timeoutMs' },
    });
  }
  for (const run of runs) run.yield('drain', true);
  for (const follower of followers) follower.finish();
  await endOf(runs, timeoutMs);
  if (followers.length === 0) return;
  // Whoever waits for the last event of a run gets it first.
  await new Promise<void>((resolve) => void systemClock.after(0, resolve));
  for (const follower of followers) follower.end();
}

async function endOf(runs: LocalRun[], timeoutMs: number | undefined): Promise<void> {
  const ended = Promise.all(runs.map((run) => run.outcome));
  if (timeoutMs === undefined || timeoutMs >= Number.MAX_SAFE_INTEGER) {
    await ended;
    return;
  }
  let cancel = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = systemClock.after(timeoutMs, resolve);
  });
  await Promise.race([ended, late]);
  cancel();
}

/**
 * For SIGTERM: every run in the process yields, every loop over `events()` and every event stream of its routes ends. Settles when all runs have ended, or after `timeoutMs`.
 */
export function drainTaskExecution(
  options: {
    /** Milliseconds that it waits for them, at most. Default: until they have ended. */
    timeoutMs?: number | undefined;
  } = {},
): Promise<void> {
  return drainRuns(localRuns(), [...localFollowers()], options);
}
