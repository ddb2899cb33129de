import { TaskExecutionError } from '../errors.js';
import type { AbortSignalLike } from '../types.js';
import { describeThrown, toJson } from '../values.js';

/** No id of a call is longer: what the model gives a longer one is replaced. */
const longestCallId = 64;

function refused(name: string, wanted: string, value: unknown): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `${name} must be ${wanted}, not ${typeOf(value)}.`, {
    details: { argument: name },
  });
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'missing';
  return isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

/** A revoked proxy throws even where it is only asked whether it is an array. */
function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** @throws TaskExecutionError INVALID_ARGUMENT, naming the argument */
export function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw refused(name, 'a string', value);
}

/** Null is no absence. @throws TaskExecutionError INVALID_ARGUMENT, naming the argument */
export function optionalTextOf(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : textOf(name, value);
}

/** @throws TaskExecutionError INVALID_ARGUMENT, naming the argument */
export function optionalCountOf(name: string, value: unknown): number | undefined {
  if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)) {
    return value;
  }
  const shown = typeof value === 'number' ? String(value) : typeOf(value);
  throw new TaskExecutionError(
    'INVALID_ARGUMENT',
    `${name} must be a whole number from 0 on, not ${shown}.`,
    { details: { argument: name } },
  );
}

/**
 * Members of options that may be left out. Reading an app's object can throw: here it does where it can be told.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT, naming the argument
 */
export function optionsOf<T extends object, const Key extends keyof T>(
  name: string,
  value: T | null | undefined,
  keys: Key[],
): Partial<Pick<T, Key>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object') throw refused(name, 'an object', value);
  return readFrom(name, () => {
    const read: Partial<Pick<T, Key>> = {};
    for (const key of keys) read[key] = value[key];
    return read;
  });
}

/** @throws TaskExecutionError INVALID_ARGUMENT where reading throws */
export function readFrom<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `${name} cannot be read: ${describeThrown(thrown).message}.`,
      { details: { argument: name }, cause: thrown },
    );
  }
}

/** None where it is missing or null, as `fetch` has it. @throws TaskExecutionError INVALID_ARGUMENT */
export function optionalSignalOf(value: AbortSignalLike | null | undefined): AbortSignalLike | undefined {
  if (value === undefined || value === null) return undefined;
  let isSignal = false;
  try {
    isSignal =
      typeof value === 'object' &&
      typeof value.aborted === 'boolean' &&
      typeof value.addEventListener === 'function' &&
      typeof value.removeEventListener === 'function';
  } catch {
    // Whatever cannot be read is none.
  }
  if (isSignal) return value as AbortSignalLike;
  throw refused('signal', 'an AbortSignal', value);
}

/** Whatever was thrown, as an error that users can branch on. */
export function typed(thrown: unknown): TaskExecutionError {
  if (TaskExecutionError.is(thrown)) return thrown;
  const what = `Something of the host failed: ${describeThrown(thrown).message}`;
  return new TaskExecutionError('HOST_CALLBACK', what, { cause: thrown });
}

/** The id of a tool call. @throws TaskExecutionError INVALID_ARGUMENT */
export function toolCallIdOf(value: unknown): string {
  const id = textOf('toolCallId', value);
  if (id.length <= longestCallId) return id;
  throw new TaskExecutionError(
    'INVALID_ARGUMENT',
    `toolCallId has ${id.length} characters, and no call has more than ${longestCallId}. state().waiting lists the ` +
      'calls that wait.',
    { details: { argument: 'toolCallId' } },
  );
}

/** A place in the journal, as events carry it. @throws TaskExecutionError INVALID_ARGUMENT */
export function cursorOf(name: string, value: unknown): string | undefined {
  const cursor = optionalTextOf(name, value);
  if (cursor === undefined || /^\d{1,15}(\.\d{1,15})?$/.test(cursor)) return cursor;
  const shown = JSON.stringify(cursor.length > 40 ? `${cursor.slice(0, 40)}…` : cursor);
  throw new TaskExecutionError(
    'INVALID_ARGUMENT',
    `${name} must be the id of an event, like '12.0', or '0' for all, not ${shown}.`,
    { details: { argument: name } },
  );
}

/** A copy that is surely JSON; bytes as the core has them. @throws TaskExecutionError INVALID_ARGUMENT */
export function plainOf(name: string, value: object): Record<string, unknown> {
  const written = toJson(value, { bytes: true });
  if (written.ok && written.json !== undefined) return JSON.parse(written.json);
  const reason = written.ok ? 'it is missing' : written.reason;
  throw new TaskExecutionError('INVALID_ARGUMENT', `The ${name} cannot be stored: ${reason}.`);
}
