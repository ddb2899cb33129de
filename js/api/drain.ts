import { systemClock } from '../clock.js';
import { type LocalRun, localRuns } from './registry.js';

/** Yields these runs, with their grace, and waits until all have ended or the time is up. */
export async function drainRuns(runs: LocalRun[], timeoutMs: number | undefined): Promise<void> {
  for (const run of runs) run.yield('drain', true);
  const ended = Promise.all(runs.map((run) => run.outcome));
  if (timeoutMs === undefined || !(timeoutMs < Number.MAX_SAFE_INTEGER)) {
    await ended;
    return;
  }
  let cancel = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = systemClock.after(Math.max(0, timeoutMs), resolve);
  });
  await Promise.race([ended, late]);
  cancel();
}

/** For SIGTERM: every run in the process yields. Settles when all have ended, or after `timeoutMs`. */
export function drainTaskExecution(options: { timeoutMs?: number | undefined } = {}): Promise<void> {
  return drainRuns(localRuns(), options.timeoutMs);
}
