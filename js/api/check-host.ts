import { TaskExecutionError } from '../errors.js';
import type { TaskHost, TaskStore } from '../types.js';
import { describeThrown } from '../values.js';

/**
 * Refuses what can never work, before anything has happened.
 *
 * @throws TaskExecutionError NOT_CONFIGURED where there is no usable store, INVALID_ARGUMENT where another field cannot
 * be used, naming it
 */
export function checkHost(host: unknown): asserts host is TaskHost {
  let problem: string | undefined;
  try {
    const fields = (host ?? {}) as Partial<Record<keyof TaskHost, unknown>>;
    checkStore(fields.store as Partial<TaskStore> | null | undefined);
    problem = problemOf(fields);
  } catch (thrown) {
    if (TaskExecutionError.is(thrown)) throw thrown;
    problem = `fields cannot be read: ${describeThrown(thrown).message}`;
  }
  if (problem !== undefined) throw new TaskExecutionError('INVALID_ARGUMENT', `The host's ${problem}.`);
}

function checkStore(store: Partial<TaskStore> | null | undefined): void {
  if (store === undefined || store === null) {
    throw new TaskExecutionError(
      'NOT_CONFIGURED',
      'No store is configured. Call configureTaskExecution({ store, model, tools }) when the app starts, or give the ' +
        'constructor a store.',
    );
  }
  const { id, limits, read, commit, list } = store;
  const broken =
    typeof id !== 'string' || id === ''
      ? 'id must be a string'
      : ![limits?.documentBytes, limits?.commitBytes].every((n) => Number.isSafeInteger(n) && Number(n) > 0)
        ? 'limits must have documentBytes and commitBytes, whole numbers of bytes'
        : [read, commit, list].some((method) => typeof method !== 'function')
          ? 'read, commit and list must be functions'
          : undefined;
  if (broken !== undefined) {
    throw new TaskExecutionError('NOT_CONFIGURED', `The configured store is no TaskStore: its ${broken}.`);
  }
}

function problemOf(host: Partial<Record<keyof TaskHost, unknown>>): string | undefined {
  for (const field of ['prompt', 'approval', 'random', 'onListenerError'] as const) {
    const value = host[field];
    if (value !== undefined && typeof value !== 'function') return `${field} must be a function`;
  }
  const { model, clock, logger, tools, defaults } = host;
  return (
    lacks('model', model, ['stream']) ??
    lacks('clock', clock, ['now', 'after']) ??
    lacks('logger', logger, ['debug', 'info', 'warn', 'error']) ??
    (tools === undefined || typeof tools === 'function' || isObject(tools)
      ? undefined
      : 'tools must be an object, tools by name, or a function that returns one') ??
    (defaults === undefined || isObject(defaults) ? undefined : 'defaults must be an object of run options')
  );
}

function lacks(field: string, value: unknown, methods: string[]): string | undefined {
  if (value === undefined) return undefined;
  const has = (method: string) => isObject(value) && typeof Reflect.get(value, method) === 'function';
  try {
    const missing = methods.filter((method) => !has(method));
    return missing.length === 0 ? undefined : `${field} must be an object with ${missing.join('(), ')}()`;
  } catch (thrown) {
    return `${field} cannot be read: ${describeThrown(thrown).message}`;
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
