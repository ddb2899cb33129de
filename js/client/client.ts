import type { TaskList } from '../server/listing.js';
import type { TaskView } from '../server/view.js';
import type { NewTask, TaskState, TaskStatus, ThreadMessage } from '../types.js';
import { follow, type TaskClientEvent, type TaskClientEventsOptions } from './events.js';
import { jsonOf, send } from './http.js';

/** Headers of a request. */
export type HeadersLike = Headers | Record<string, string>;

/** What `taskClient` takes. */
export interface TaskClientOptions {
  /** Of the routes: `/api/tasks` in a page of the same origin, a whole URL elsewhere. */
  url: string;
  /** Sent with every request. A function is called for each attempt, so that a token can be a fresh one. */
  headers?: HeadersLike | (() => HeadersLike | Promise<HeadersLike>) | undefined;
  /** Default: the platform's. */
  fetch?: typeof globalThis.fetch | undefined;
  /** How long to wait before the first new attempt; doubles up to 30 s. Default: what the server says, 1,000. */
  retryMs?: number | undefined;
  /**
   * Silence after which a connection of `events()` is given up and made anew: a laptop that slept has it open and hears
   * nothing, or waits for `headers()`. More than the server's `heartbeatMs`. Default 45,000.
   */
  stallMs?: number | undefined;
}

/** Which tasks to list. */
export interface TaskListQuery {
  /** Those of this status. Default: of any. */
  status?: TaskStatus | undefined;
  /** At most 100. Default 50. */
  limit?: number | undefined;
  /** What the list before answered. */
  before?: string | undefined;
  /** Text in the title or the description. */
  search?: string | undefined;
  /** Ends the request. */
  signal?: AbortSignal | undefined;
}

/** One task, on the server. Commands settle when they are stored there. */
export interface TaskHandle {
  /** The task's id. */
  readonly id: string;
  /** The task's document, without its history. */
  get(): Promise<TaskView>;
  /** Where the task stands. */
  state(): Promise<TaskState>;
  /** The last messages of the thread, the oldest first, at most 2 MB of them. */
  messages(options?: {
    /** How many, at most. Default 100. */
    limit?: number | undefined;
    /** The id of a message: only those before it. */
    before?: string | undefined;
  }): Promise<ThreadMessage[]>;
  /** Begins the task and has it run on the server. */
  start(): Promise<void>;
  /** Ends a pause, a stop or a failure, and has the task run on the server. */
  resume(): Promise<void>;
  /** Settles when the pause is stored. */
  pause(): Promise<void>;
  /** Settles when the stop is stored. */
  stop(reason?: string): Promise<void>;
  /** Lets a waiting call run. */
  approve(
    toolCallId: string,
    options?: {
      /** Why, for whoever reads the journal; the model does not get it. */
      note?: string | undefined;
    },
  ): Promise<void>;
  /** Answers the model that the call was rejected. */
  reject(toolCallId: string, reason?: string): Promise<void>;
  /** Gives a waiting call its result, any value that JSON has a form for. */
  answer(
    toolCallId: string,
    result: unknown,
    options?: {
      /** True: the model is told that the call failed. Default false. */
      error?: boolean | undefined;
    },
  ): Promise<void>;
  /** Sends the model a message of the user. */
  send(message: string): Promise<void>;
  /** Deletes the task and all that belongs to it. */
  delete(): Promise<void>;
  /**
   * Follows the task: a snapshot of where it stands, then its events; with `after` the events from there on. Connects
   * again where the connection is lost, without a gap, and a snapshot in mid-stream says that it has to start over. Ends
   * when the task is completed or failed, and by `signal`.
   *
   * @throws TaskExecutionError for what another try cannot help, by the iterator
   */
  events(options?: TaskClientEventsOptions): AsyncIterable<TaskClientEvent>;
}

/** The tasks of a user, on the server. */
export interface TaskClient {
  /** The newest first. */
  list(query?: TaskListQuery): Promise<TaskList>;
  /**
   * Makes a task. It is made once, however often the request has to be sent; a key of your own does that across pages and
   * processes.
   */
  create(
    task: NewTask & {
      /** The task's id, made by the caller. Default: the server makes one. */
      id?: string | undefined;
    },
    options?: {
      /** The same key makes the same task once. Default: one for this call. */
      idempotencyKey?: string | undefined;
    },
  ): Promise<TaskView>;
  /** Where a task stands. */
  state(id: string): Promise<TaskState>;
  /** One of the tasks. Nothing is asked yet. */
  task(id: string): TaskHandle;
}

/** A client of the routes that `createTaskRoutes` makes. Errors are TaskExecutionErrors, their status in `details`. */
export function taskClient(options: TaskClientOptions): TaskClient {
  const read = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
    jsonOf<T>(await send(options, { path, signal, repeatable: true }));
  const task = (id: string) => handleOf(options, id, read);
  return {
    list({ signal, ...query } = {}) {
      return read(queryOf(query), signal);
    },
    async create(body, { idempotencyKey = newKey() } = {}) {
      const headers = { 'idempotency-key': idempotencyKey };
      return jsonOf(await send(options, { method: 'POST', path: '', body, headers, repeatable: true }));
    },
    state: (id) => task(id).state(),
    task,
  };
}

function handleOf(options: TaskClientOptions, id: string, read: <T>(path: string) => Promise<T>): TaskHandle {
  const path = `/${encodeURIComponent(id)}`;
  const command = async (name: string, body: object = {}) => {
    const response = await send(options, { method: 'POST', path: `${path}/${name}`, body });
    await response.body?.cancel();
  };
  return {
    id,
    get: () => read(path),
    state: () => read(`${path}/state`),
    async messages(page = {}) {
      return (await read<{ messages: ThreadMessage[] }>(`${path}/messages${queryOf(page)}`)).messages;
    },
    start: () => command('start'),
    resume: () => command('resume'),
    pause: () => command('pause'),
    stop: (reason) => command('stop', { reason }),
    approve: (toolCallId, { note } = {}) => command('approve', { toolCallId, note }),
    reject: (toolCallId, reason) => command('reject', { toolCallId, reason }),
    answer: (toolCallId, result, { error } = {}) =>
      command('answer', { toolCallId, result: result ?? null, error }),
    send: (message) => command('send', { message }),
    async delete() {
      await send(options, { method: 'DELETE', path });
    },
    events: (how = {}) => follow(options, `${path}/events`, how),
  };
}

function queryOf(fields: object): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) asked.set(name, String(value));
  return asked.size > 0 ? `?${asked}` : '';
}

/** Pages without TLS have no `randomUUID`. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-');
}
