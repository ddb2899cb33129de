import { systemClock } from '../clock.js';
import { TaskExecutionError } from '../errors.js';
import type { RunOptions, TaskHost } from '../types.js';
import { describeThrown } from '../values.js';
import { checkHost } from './check-host.js';
import { mergeRunOptions } from './options.js';

/** Which task a host is looked up for. */
export interface TaskIds {
  /** Whose task it is. */
  userId: string;
  /** Absent where no task is there yet, or all of a user's are looked through. */
  taskId?: string;
}

/** What a constructor was given. */
type Own = Partial<TaskHost> & RunOptions;

/** Finds the host of a tenant. */
export type HostResolver = (ids: TaskIds) => TaskHost | Promise<TaskHost>;

// Bundlers evaluate a module several times in one process; all of them see what was configured last.
const slot = Symbol.for('task-execution-engine/configuration/1');
const defaultCallbackTimeoutMs = 30_000;

interface Slot {
  [slot]?: TaskHost | HostResolver | undefined;
}

/** Sets the host of every command given from now on; runs keep the one they began with. The last call wins. */
export function configureTaskExecution(host: TaskHost | HostResolver): void {
  if (typeof host !== 'function') checkHost(host);
  (globalThis as Slot)[slot] = host;
}

/** The fields that make a host; others of the same object are options of runs. */
const hostFields = [
  'store',
  'model',
  'tools',
  'prompt',
  'approval',
  'defaults',
  'clock',
  'random',
  'logger',
  'onListenerError',
] as const;

/**
 * The host for a task: what was configured, with the fields that `own` has in place of its. `run` are options of a single
 * run.
 *
 * @throws TaskExecutionError NOT_CONFIGURED, HOST_CALLBACK where the resolver fails, or INVALID_ARGUMENT
 */
export async function resolveHost(ids: TaskIds, own?: Own, run?: RunOptions): Promise<TaskHost> {
  const configured = (globalThis as Slot)[slot];
  const base =
    own?.store !== undefined && configured === undefined
      ? {}
      : typeof configured === 'function'
        ? await resolved(configured, ids, [run, own, own?.defaults])
        : configured;
  const host: Partial<TaskHost> = {};
  for (const field of hostFields) {
    const value = own?.[field] ?? (base as Partial<TaskHost> | undefined)?.[field];
    if (value !== undefined) Object.assign(host, { [field]: value });
  }
  checkHost(host);
  return { ...host, defaults: copied(host.defaults) };
}

/** As it is now: reading an app's object can throw, here it does where it can be told. */
function copied(defaults: TaskHost['defaults']): TaskHost['defaults'] {
  try {
    return defaults && { ...defaults };
  } catch (thrown) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `The host's defaults cannot be read: ${describeThrown(thrown).message}.`,
      { cause: thrown },
    );
  }
}

async function resolved(
  resolver: HostResolver,
  ids: TaskIds,
  options: (RunOptions | undefined)[],
): Promise<TaskHost> {
  const { callbackTimeoutMs: limit = defaultCallbackTimeoutMs } = mergeRunOptions(...options) as RunOptions;
  const failed = (why: string, cause?: unknown) =>
    new TaskExecutionError('HOST_CALLBACK', `The resolver given to configureTaskExecution ${why}.`, {
      cause,
    });
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    if (limit < Number.MAX_SAFE_INTEGER) {
      cancel = systemClock.after(limit, () => reject(failed(`did not settle within ${limit} ms`)));
    }
  });
  try {
    return await Promise.race([Promise.resolve(resolver({ ...ids })), late]);
  } catch (thrown) {
    throw TaskExecutionError.is(thrown)
      ? thrown
      : failed(`failed: ${describeThrown(thrown).message}`, thrown);
  } finally {
    cancel();
  }
}
