import type { TaskEngine } from '../api/engine.js';
import { TaskExecutionError } from '../errors.js';
import { checkId } from '../ids.js';
import { longestTimerMs } from '../longest-timer.js';
import type { RestateSdk } from './sdk.js';

/** How tasks are supervised. Times are milliseconds. */
export interface SupervisionOptions {
  /** Default: the host of `configureTaskExecution`. */
  engine?: TaskEngine | undefined;
  /** The virtual object's name. Default 'tasks'; `tasksPlaces` and `tasksSchedules` go with it. */
  name?: string | undefined;
  /** A run is recorded in slices of so long at most. Default 45,000; Restate's inactivity timeout is set above it. */
  sliceMs?: number | undefined;
  /** Slices and looks of one invocation, after which another goes on, so that Restate's journal stays short. Default 20. */
  slices?: number | undefined;
  /** Slices at a time in this process. Default 100. */
  atOnce?: number | undefined;
  /** Tasks of one user at a time, in all workers. Default 20. */
  perUser?: number | undefined;
  /** A failure that may pass is tried again: so often, first after so long, then twice as long each time, up to `maxMs`. */
  retry?:
    | {
        /** So many of them. Default 5. */
        attempts?: number;
        /** Milliseconds before the first; doubled each time. Default 2,000. */
        baseMs?: number;
        /** Milliseconds between two, at most. Default 60,000. */
        maxMs?: number;
      }
    | undefined;
  /** A task that waits for people is looked at after so long, then ever more seldom, where nobody wakes it. */
  look?:
    | {
        /** Milliseconds until the first look. Default 60,000. */
        firstMs?: number;
        /** Milliseconds between two looks, at most. Default 3,600,000. */
        maxMs?: number;
      }
    | undefined;
}

/** What `taskService` takes. */
export interface TaskServiceOptions extends SupervisionOptions {
  /** `import * as restate from '@restatedev/restate-sdk'`. */
  restate: RestateSdk;
}

/** The options with their defaults. */
export interface Settings {
  name: string;
  sliceMs: number;
  slices: number;
  atOnce: number;
  perUser: number;
  retry: { attempts: number; baseMs: number; maxMs: number };
  look: { firstMs: number; maxMs: number };
}

/** @throws TaskExecutionError INVALID_ARGUMENT */
export function settingsOf(options: SupervisionOptions): Settings {
  const { name = 'tasks', sliceMs = 45_000, slices = 20, atOnce = 100, perUser = 20, retry, look } = options;
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,99}$/.test(name)) {
    throw refused('name', 'must be letters, digits, _, . and -, a letter first');
  }
  const settings = {
    name,
    sliceMs,
    slices,
    atOnce,
    perUser,
    retry: { attempts: retry?.attempts ?? 5, baseMs: retry?.baseMs ?? 2_000, maxMs: retry?.maxMs ?? 60_000 },
    look: { firstMs: look?.firstMs ?? 60_000, maxMs: look?.maxMs ?? 3_600_000 },
  };
  const times: [string, number, number][] = [
    ['sliceMs', sliceMs, 1_000],
    ['retry.baseMs', settings.retry.baseMs, 0],
    ['retry.maxMs', settings.retry.maxMs, 0],
    ['look.firstMs', settings.look.firstMs, 1_000],
    ['look.maxMs', settings.look.maxMs, 1_000],
  ];
  for (const [field, value, least] of times) {
    if (!(Number.isFinite(value) && value >= least && value <= longestTimerMs)) {
      throw refused(field, `must be milliseconds from ${least} to ${longestTimerMs}`);
    }
  }
  const counts: [string, number, number][] = [
    ['slices', slices, 1],
    ['atOnce', atOnce, 1],
    ['perUser', perUser, 1],
    ['retry.attempts', settings.retry.attempts, 0],
  ];
  for (const [field, value, least] of counts) {
    if (!(Number.isSafeInteger(value) && value >= least)) {
      throw refused(field, `must be a whole number from ${least} on`);
    }
  }
  return settings;
}

function refused(argument: string, what: string): TaskExecutionError {
  return new TaskExecutionError('INVALID_ARGUMENT', `taskService: ${argument} ${what}.`, {
    details: { argument },
  });
}

/**
 * How a task is named among virtual objects.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT for ids that no task can have
 */
export function keyOfIds({ userId, taskId }: { userId: string; taskId: string }): string {
  checkId('userId', userId);
  checkId('taskId', taskId);
  return `${userId}/${taskId}`;
}

/** @throws TaskExecutionError INVALID_ARGUMENT where it is no key of a task */
export function idsOfKey(key: string): { userId: string; taskId: string } {
  const [userId, taskId, ...others] = key.split('/');
  if (userId && taskId && others.length === 0) return { userId, taskId };
  throw new TaskExecutionError('INVALID_ARGUMENT', `The key has to be 'userId/taskId'; it is '${key}'.`);
}
