import { type TaskErrorCode, TaskExecutionError } from '../errors.js';
import type { NewTask, TaskState } from '../types.js';
import { describeThrown } from '../values.js';
import { isPrivate } from './addresses.js';
import type { CommandInput } from './commands.js';
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
  /** Milliseconds for one request. Default 60,000. */
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
  /** Tasks that begin later, or again and again; replaces the schedule of that id. Settles with the next time. */
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
  /** What it has made stays. */
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
 * @throws TaskExecutionError INVALID_ARGUMENT for an ingress that anybody could reach
 */
export function restateRunner(options: RestateRunnerOptions): RestateRunner {
  const { name = 'tasks' } = options;
  const ingress = checked(options);
  const call = (service: string, key: string, handler: string, body?: unknown) =>
    request(options, `${ingress}/${service}/${encodeURIComponent(key)}/${handler}`, body);
  const command = async (ids: TaskOfUser, handler: string, input: CommandInput = {}): Promise<void> => {
    await call(name, keyOfIds(ids), handler, input);
  };
  const scheduleKey = (ids: { userId: string; scheduleId: string }) =>
    keyOfIds({ userId: ids.userId, taskId: ids.scheduleId });
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
    state: async (ids) => (await call(name, keyOfIds(ids), 'state')) as TaskState,
    continueWith: (ids) => command(ids, 'run/send', {}),
    wake: async (ids) => {
      await call(name, keyOfIds(ids), 'wake');
    },
    schedule: async (ids, schedule: Schedule & { task: NewTask }) =>
      (await call(`${name}Schedules`, scheduleKey(ids), 'set', schedule)) as { next: string },
    unschedule: async (ids) => {
      await call(`${name}Schedules`, scheduleKey(ids), 'cancel');
    },
  };
}

function checked({ ingress, publicIngress }: RestateRunnerOptions): string {
  const url = URL.canParse(ingress) ? new URL(ingress) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `ingress must be a URL of http or https; it is '${ingress}'.`,
    );
  }
  if (publicIngress !== true && !isPrivate(url.hostname)) {
    throw new TaskExecutionError(
      'INVALID_ARGUMENT',
      `The ingress ${url.host} may be reached by anybody, and whoever reaches it commands every task. Give it a private ` +
        'name, or say publicIngress: true where a gateway lets nobody else in, with its headers.',
    );
  }
  return url.href.replace(/\/+$/, '');
}

async function request(options: RestateRunnerOptions, url: string, body: unknown): Promise<unknown> {
  const { headers, timeoutMs = 60_000 } = options;
  const given = typeof headers === 'function' ? await headers() : headers;
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { ...given, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    const why = describeThrown(cause).message;
    throw new TaskExecutionError(
      'STORE_UNAVAILABLE',
      `Restate's ingress does not answer: ${why}. Try again.`,
      { cause },
    );
  }
  const text = await response.text();
  if (response.ok) return text === '' ? undefined : JSON.parse(text);
  throw errorOf(response.status, text);
}

/** What a handler has ended with, as the error that it was. */
function errorOf(status: number, text: string): TaskExecutionError {
  let said: { message?: unknown; metadata?: { code?: unknown } } = {};
  try {
    said = JSON.parse(text);
  } catch {
    // A gateway's own answer.
  }
  const message = typeof said.message === 'string' ? said.message : `Restate answered ${status}.`;
  const code =
    typeof said.metadata?.code === 'string' ? (said.metadata.code as TaskErrorCode) : codeOf(status);
  return new TaskExecutionError(code, message, { details: { status } });
}

function codeOf(status: number): TaskErrorCode {
  if (status === 404) return 'TASK_NOT_FOUND';
  if (status === 401 || status === 403) return 'STORE_DENIED';
  return status < 500 ? 'INVALID_ARGUMENT' : 'STORE_UNAVAILABLE';
}
