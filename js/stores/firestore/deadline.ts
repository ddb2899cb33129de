/** Deadlines of our own on every call: the SDK's take up to ten minutes, `fetch` has none. */
import { TaskExecutionError } from '../../errors.js';
import { longestTimerMs } from '../../longest-timer.js';
import { clearTimeout, setTimeout } from '../../platform.js';
import type { AbortSignalLike } from '../../types.js';
import { checkSignal, StoreError } from '../documents.js';

/** How long a call may take: milliseconds. Two thirds of the engine's default `storeTimeoutMs`, so that one can follow. */
export const defaultDeadlineMs = 10_000;

/** @throws TaskExecutionError INVALID_ARGUMENT */
export function checkDeadline(timeoutMs: unknown): number {
  if (timeoutMs === undefined) {
    return defaultDeadlineMs;
  }
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0) || timeoutMs > longestTimerMs) {
    throw new TaskExecutionError('INVALID_ARGUMENT', 'timeoutMs must be a positive number of milliseconds.');
  }
  return timeoutMs;
}

/**
 * Runs a call until it settles, its deadline has passed, or the caller's signal is aborted; then its own signal is
 * aborted. A commit that was given up may still be carried out.
 *
 * @throws StoreError `unavailable` at the deadline and at the signal
 */
export async function withDeadline<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignalLike | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  checkSignal(signal);
  const controller = new AbortController();
  let giveUp: (why: string) => void = () => {};
  const given = new Promise<never>((_, reject) => {
    giveUp = (why) => {
      reject(new StoreError('unavailable', `Firestore: the ${what} ${why}.`));
      controller.abort();
    };
  });
  const aborted = () => giveUp('was aborted; whether it was carried out is unknown');
  const timer = setTimeout(() => giveUp(`was not answered within ${timeoutMs} ms`), timeoutMs);
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    return await Promise.race([given, call(controller.signal)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  }
}
