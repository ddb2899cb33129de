import { TaskExecutionError } from '../errors.js';

/**
 * Restate's SDK, as `import * as restate from '@restatedev/restate-sdk'` brings it; its `/fetch` and `/lambda` entries do as
 * well.
 */
export interface RestateSdk {
  readonly object: object;
  readonly handlers: object;
  readonly rpc: object;
  readonly RestatePromise: object;
  readonly TerminalError: object;
  readonly RetryableError: object;
  readonly CancelledError: object;
}

/** The same with the types that it has. */
export type Sdk = Pick<typeof import('@restatedev/restate-sdk/fetch'), keyof RestateSdk>;

const needed = [
  'object',
  'handlers',
  'rpc',
  'RestatePromise',
  'TerminalError',
  'RetryableError',
  'CancelledError',
] as const satisfies (keyof RestateSdk)[];

/** @throws TaskExecutionError INVALID_ARGUMENT where it is none, or too old */
export function sdkOf(restate: RestateSdk | undefined): Sdk {
  const missing = needed.filter((name) => restate?.[name] === undefined);
  if (missing.length > 0) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `taskService needs Restate's SDK as \`restate\`: import * as restate from '@restatedev/restate-sdk'. It has no ${missing.join(', ')}.`,
      { details: { argument: 'restate' } },
    );
  }
  return restate as unknown as Sdk;
}
