import { type TaskErrorCode, TaskExecutionError } from '../errors.js';
import type { Sdk } from './sdk.js';

/** What a command does not fit, or no longer. */
export const conflict = 409;

/**
 * How Restate repeats what dies without a word. By default it pauses an invocation after 70 attempts, about an hour: whoever
 * was under way while all workers were down would then be let alone for good. And by default it tries each minute at last: a
 * worker that is back soon would not be noticed as soon.
 */
export const objectOptions = {
  retryPolicy: {
    initialInterval: 500,
    exponentiationFactor: 2,
    maxInterval: 10_000,
    maxAttempts: Number.MAX_SAFE_INTEGER,
  },
} as const;

const statusOf: Partial<Record<TaskErrorCode, number>> = {
  TASK_NOT_FOUND: 404,
  INVALID_ARGUMENT: 400,
  INVALID_TRANSITION: conflict,
  ALREADY_DECIDED: conflict,
  LEASE_HELD: conflict,
  TOO_LARGE: 413,
  STORE_DENIED: 403,
};

/** As Restate takes it: what another try cannot help ends the invocation, with the code in its metadata. */
export function forRestate({ TerminalError }: Sdk, thrown: unknown): unknown {
  if (!TaskExecutionError.is(thrown) || thrown.retryable) return thrown;
  const { code, message } = thrown;
  return new TerminalError(message, { errorCode: statusOf[code] ?? 500, metadata: { code } });
}

/** Does something that is not repeated where another try cannot help. */
export async function asStep<T>(sdk: Sdk, action: () => Promise<T> | T): Promise<T> {
  try {
    return await action();
  } catch (thrown) {
    throw forRestate(sdk, thrown);
  }
}

/** What is wrong with a worker or its version, and with no task. */
const ofWorker: ReadonlySet<TaskErrorCode> = new Set([
  'NOT_CONFIGURED',
  'HOST_CALLBACK',
  'STORE_DENIED',
  'ENGINE_UNAVAILABLE',
  'UNSUPPORTED_SCHEMA',
]);

/** The same for runs: one worker that is badly configured ends no task, however fast it fails. Others do it meanwhile. */
export function asRun<T>(sdk: Sdk, action: () => Promise<T>): Promise<T> {
  return asStep(sdk, async () => {
    try {
      return await action();
    } catch (thrown) {
      if (!TaskExecutionError.is(thrown) || !ofWorker.has(thrown.code)) throw thrown;
      throw new sdk.RetryableError(`${thrown.message} (${thrown.code})`, { cause: thrown });
    }
  });
}
