import { checkId } from '../ids.js';
import type { NewTask, TaskState } from '../types.js';
import type { CommandInput } from './commands.js';
import { Ingress } from './ingress.js';
import { keyOfIds } from './options.js';
import type { Schedule } from './schedules.js';

/** What `restateRunner` takes. */
export interface RestateRunnerOptions {
  /** Restate's ingress: `http://127.0.0.1:8080`. */
  ingress: string;
  /** As given to `taskService`. Default 'tasks'. */
  name?: string | undefined;
  /**
   * Restate's ingress knows no users: whoever reaches it commands every task. Say true where it lies behind a gateway that
   * lets nobody else in; without it only loopback and private names are taken.
   */
  publicIngress?: boolean | undefined;
  /** Sent with each request, for such a gateway. */
  headers?:
    | Record<string, string>
    | (() => Record<string, string> | Promise<Record<string, string>>)
    | undefined;
  /** Milliseconds for one request, or Infinity. Default 60,000. */
  timeoutMs?: number | undefined;
}

/** Which task. */
export interface TaskOfUser {
  /** Whose task it is. */
  userId: string;
  /** The task's id. */
  taskId: string;
}

/** Gives commands through Restate, so that the task is run, or goes on, at once. Each settles when it is stored. */
export interface RestateRunner {
  /** Begins a task, or goes on with it. */
  start(ids: TaskOfUser): Promise<void>;
  /** Ends a pause, a stop or a failure, and goes on. */
  resume(ids: TaskOfUser): Promise<void>;
  /** Settles when the pause is stored; what runs the task obeys, wherever that is. */
  pause(ids: TaskOfUser): Promise<void>;
  /** As `pause`, without a grace for tools. The reason is stored and announced. */
  stop(ids: TaskOfUser, reason?: string): Promise<void>;
  /** Lets a waiting call run. */
  approve(
    ids: TaskOfUser,
    toolCallId: string,
    options?: {
      /** Why, for whoever reads the journal; the model does not get it. */
      note?: string;
    },
  ): Promise<void>;
  /** Answers the model that the call was rejected. */
  reject(ids: TaskOfUser, toolCallId: string, reason?: string): Promise<void>;
  /** Gives a waiting call its result. */
  answer(
    ids: TaskOfUser,
    toolCallId: string,
    result: unknown,
    options?: {
      /** True: the model is told that the call failed. Default false. */
      error?: boolean;
    },
  ): Promise<void>;
  /** Sends the model a message of the user. Where the answer is lost, it may be there twice. */
  send(ids: TaskOfUser, message: string): Promise<void>;
  /** Where the task stands. */
  state(ids: TaskOfUser): Promise<TaskState>;
  /** Has a task run that is in progress: what `continueWith` of the routes, and a sweep, need. */
  continueWith(ids: TaskOfUser): Promise<void>;
  /** After a command that was given elsewhere: the task is looked at now. */
  wake(ids: TaskOfUser): Promise<void>;
  /**
   * Tasks that begin later, or again and again; replaces the schedule of that id. Settles with the next time.
   *
   * @throws TaskExecutionError INVALID_ARGUMENT where the times cannot be; as `createTask` where it refuses such a task
   */
  schedule(
    ids: {
      /** Whose tasks it makes. */
      userId: string;
      /** The schedule's own id. */
      scheduleId: string;
    },
    schedule: Schedule,
  ): Promise<{
    /** When the next task begins, ISO 8601. */
    next: string;
  }>;
  /** Makes no more tasks; those that it has made stay. */
  unschedule(ids: {
    /** Whose tasks it makes. */
    userId: string;
    /** The schedule's own id. */
    scheduleId: string;
  }): Promise<void>;
}

/**
 * Reaches the tasks of `taskService` through Restate's ingress.
 *
 * @throws TaskExecutionError INVALID_ARGUMENT for options that cannot be, and an ingress that anybody could reach
 */
export function restateRunner(options: RestateRunnerOptions): RestateRunner {
  const { name = 'tasks' } = options;
  const ingress = new Ingress(options);
  const command = async (ids: TaskOfUser, handler: string, input: CommandInput = {}): Promise<void> => {
    await ingress.call(name, keyOfIds(ids), handler, input);
  };
  const scheduleKey = ({ userId, scheduleId }: { userId: string; scheduleId: string }) => {
    checkId('scheduleId', scheduleId);
    return keyOfIds({ userId, taskId: scheduleId });
  };
  return {
    start: (ids) => command(ids, 'start'),
    resume: (ids) => command(ids, 'resume'),
    pause: (ids) => command(ids, 'pause'),
    stop: (ids, reason) => command(ids, 'stop', reason === undefined ? {} : { reason }),
    approve: (ids, toolCallId, { note } = {}) =>
      command(ids, 'approve', { toolCallId, ...(note !== undefined && { note }) }),
    reject: (ids, toolCallId, reason) =>
      command(ids, 'reject', { toolCallId, ...(reason !== undefined && { reason }) }),
    answer: (ids, toolCallId, result, { error } = {}) =>
      command(ids, 'answer', { toolCallId, result: result ?? null, ...(error === true && { error }) }),
    send: (ids, message) => command(ids, 'send', { message }),
    state: async (ids) => (await ingress.call(name, keyOfIds(ids), 'state')) as TaskState,
    continueWith: (ids) => command(ids, 'run/send', {}),
    wake: async (ids) => {
      await ingress.call(name, keyOfIds(ids), 'wake');
    },
    schedule: async (ids, schedule: Schedule & { task: NewTask }) =>
      (await ingress.call(`${name}Schedules`, scheduleKey(ids), 'set', schedule)) as { next: string },
    unschedule: async (ids) => {
      await ingress.call(`${name}Schedules`, scheduleKey(ids), 'cancel');
    },
  };
}
