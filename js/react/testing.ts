/** `task-execution-engine/react/testing`: a client without a server, for tests of components. */
import type { TaskClient, TaskHandle } from '../client/client.js';
import type { TaskClientEvent, TaskClientEventsOptions } from '../client/events.js';
import { TaskExecutionError } from '../errors.js';
import type { TaskView } from '../server/view.js';
import type {
  FactFields,
  NewMilestone,
  NewTask,
  TaskEvent,
  TaskEventMap,
  TaskEventName,
  TaskStatus,
  WaitingCall,
} from '../types.js';
import { isAfter } from './cursor.js';
import { reduce, withInitial } from './reduce.js';
import { nothingYet, type PageState } from './state.js';
import { viewOf } from './view.js';

/** A task that is there from the beginning. */
export interface FakeTask {
  /** The task's id. */
  id: string;
  /** Default: the id. */
  title?: string;
  /** Default: none. */
  description?: string;
  /** Default 'not_started'. */
  status?: TaskStatus;
  /** The plan. Default: none. */
  milestones?: NewMilestone[];
  /** The thread, the oldest first. Default: empty. */
  messages?: {
    /** Who says it. */
    role: 'user' | 'assistant' | 'system';
    /** Its text. */
    content: string;
  }[];
  /** Calls that wait for a person. Default: none. */
  waiting?: WaitingCall[];
}

/** An event without what every event has: the fake numbers the facts. */
export type FakeEvent = {
  [Name in TaskEventName]: {
    /** The event's name. */
    type: Name;
    /** The fake numbers the facts. */
    id?: undefined;
  } & Omit<TaskEventMap[Name], 'taskId' | keyof FactFields>;
}[TaskEventName];

/** What a component has asked for. */
export interface FakeCall {
  /** The client's method. */
  command: string;
  /** Of the task; absent for `list` and `create`. */
  id?: string;
  /** What it was called with, the task's id left out. */
  args: unknown[];
}

/** A client for tests of components: tasks in memory, events when the test says so. */
export interface FakeTaskClient extends TaskClient {
  /** Commands and creations so far. */
  readonly calls: FakeCall[];
  /** Has an event happen. Facts, as the engine's, are told again to whoever comes back. */
  tell(id: string, event: FakeEvent): void;
  /** Streams a text, in pieces of a word, and saves it as the assistant's message. */
  say(id: string, text: string): void;
  /** The server is gone: streams break, and commands fail, until `restore()`. */
  lose(): void;
  /** The server is back: streams go on where they were. */
  restore(): void;
  /** The next such command fails, with STORE_UNAVAILABLE if no error is given. */
  failNext(command: string, error?: Error): void;
  /** How many streams of events are open. */
  readonly watching: number;
}

const liveTypes: ReadonlySet<string> = new Set([
  'task:message',
  'task:reasoning',
  'task:tool_input',
  'task:tool_progress',
  'task:retry',
  'task:run_ended',
]);

/**
 * Makes a client of tasks in memory. Commands settle and tell what the engine would: `start()` is followed by
 * `task:started`, `pause()` by `task:paused`. What the model and the tools do the test tells itself.
 */
export function fakeTaskClient({
  tasks = [],
}: {
  /** Those that are there from the beginning. */
  tasks?: FakeTask[];
} = {}): FakeTaskClient {
  return new Fake(tasks);
}

class Fake implements FakeTaskClient {
  readonly calls: FakeCall[] = [];
  readonly #tasks = new Map<string, Pretended>();
  readonly #failures = new Map<string, Error[]>();
  readonly #streams = new Set<Stream>();
  #isLost = false;
  #made = 0;

  constructor(tasks: FakeTask[]) {
    for (const task of tasks) this.#tasks.set(task.id, new Pretended(task));
  }

  get watching(): number {
    return this.#streams.size;
  }

  tell(id: string, event: FakeEvent): void {
    const told = this.#of(id).tell(event);
    for (const stream of this.#streams) if (stream.id === id) stream.push(told);
  }

  say(id: string, text: string): void {
    const messageId = `message-${++this.#made}`;
    const role = 'assistant' as const;
    let offset = 0;
    for (const content of text.match(/\S+\s*|\s+/g) ?? []) {
      this.tell(id, { type: 'task:message', messageId, attempt: 1, role, content, offset, streaming: true });
      offset += content.length;
    }
    this.tell(id, { type: 'task:message_saved', messageId, role, content: text, streaming: false });
  }

  lose(): void {
    this.#isLost = true;
    for (const stream of this.#streams) stream.connect(false);
  }

  restore(): void {
    this.#isLost = false;
    for (const stream of this.#streams) stream.connect(true, this.#of(stream.id));
  }

  failNext(command: string, error: Error = unavailable()): void {
    this.#failures.set(command, [...(this.#failures.get(command) ?? []), error]);
  }

  async list({ status, search = '', limit = 50 }: Parameters<TaskClient['list']>[0] = {}) {
    this.#check('list');
    const all = [...this.#tasks.values()].map((task) => task.document()).reverse();
    const text = search.toLowerCase();
    const found = all.filter(
      (task) =>
        (status === undefined || task.status === status) &&
        `${task.title}\n${task.description}`.toLowerCase().includes(text),
    );
    return { tasks: found.slice(0, limit), total: found.length };
  }

  async create(task: NewTask): Promise<TaskView> {
    this.#call('create', undefined, [task]);
    const id = task.id ?? `task-${++this.#made}`;
    const { title, description = '', milestones = [] } = task;
    const made = new Pretended({ id, title, description, milestones });
    this.#tasks.set(id, made);
    return made.document();
  }

  async state(id: string) {
    this.#check('state');
    return this.#of(id).snapshot().state;
  }

  task(id: string): TaskHandle {
    const command = async (name: string, args: unknown[], happens?: () => void) => {
      this.#call(name, id, args);
      this.#of(id);
      happens?.();
    };
    const run = (name: string) =>
      command(name, [], () => {
        if (this.#of(id).status !== 'in_progress')
          this.tell(id, { type: this.#of(id).status === 'not_started' ? 'task:started' : 'task:resumed' });
      });
    const end = (type: 'task:paused' | 'task:stopped', reason?: string) => () =>
      this.tell(id, { type, ...(reason !== undefined && { reason }) });
    return {
      id,
      get: async () => this.#of(id).document(),
      state: () => this.state(id),
      messages: async ({ limit = 100, before } = {}) => {
        const { messages } = this.#of(id).snapshot();
        const end =
          before === undefined ? messages.length : messages.findIndex((message) => message.id === before);
        return messages.slice(Math.max(0, end - limit), Math.max(0, end));
      },
      start: () => run('start'),
      resume: () => run('resume'),
      pause: () => command('pause', [], end('task:paused')),
      stop: (reason) => command('stop', [reason], end('task:stopped', reason)),
      approve: (toolCallId, options) => command('approve', [toolCallId, options]),
      reject: (toolCallId, reason) => command('reject', [toolCallId, reason]),
      answer: (toolCallId, result, options) => command('answer', [toolCallId, result, options]),
      send: (content) =>
        command('send', [content], () => {
          const messageId = `message-${++this.#made}`;
          this.tell(id, { type: 'task:message_saved', messageId, role: 'user', content, streaming: false });
        }),
      delete: () => command('delete', [], () => this.#tasks.delete(id)),
      events: (options = {}) => this.#events(id, options),
    };
  }

  async *#events(id: string, { after, signal, onConnection }: TaskClientEventsOptions) {
    if (this.#isLost) await this.#untilRestored(onConnection, signal);
    if (signal?.aborted) return;
    const stream = new Stream(id, onConnection);
    this.#streams.add(stream);
    const leave = () => stream.end();
    signal?.addEventListener('abort', leave, { once: true });
    try {
      const task = this.#of(id);
      if (after === undefined) stream.push(task.snapshot());
      else for (const fact of task.factsAfter(after)) stream.push(fact);
      stream.connect(true);
      yield* stream.events();
    } finally {
      signal?.removeEventListener('abort', leave);
      this.#streams.delete(stream);
    }
  }

  async #untilRestored(onConnection: TaskClientEventsOptions['onConnection'], signal?: AbortSignal) {
    onConnection?.(false);
    while (this.#isLost && !signal?.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  #call(command: string, id: string | undefined, args: unknown[]): void {
    this.calls.push({ command, ...(id !== undefined && { id }), args });
    this.#check(command);
  }

  #check(command: string): void {
    const failure = this.#failures.get(command)?.shift();
    if (failure !== undefined) throw failure;
    if (this.#isLost) throw unavailable();
  }

  #of(id: string): Pretended {
    const task = this.#tasks.get(id);
    if (task === undefined) throw new TaskExecutionError('TASK_NOT_FOUND', 'Task not found.');
    return task;
  }
}

function unavailable(): TaskExecutionError {
  return new TaskExecutionError('STORE_UNAVAILABLE', 'The server cannot be reached.');
}

/** A task as far as events tell of it. */
class Pretended {
  readonly #given: FakeTask;
  readonly #facts: TaskEvent[] = [];
  #page: PageState;
  #seq = 0;

  constructor(given: FakeTask) {
    this.#given = given;
    const { id, status = 'not_started', milestones = [], messages = [], waiting = [] } = given;
    const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
    const cache = { cacheReadInputTokens: 0, cacheWriteInputTokens: 0, unreported: 0 };
    const tasks = milestones.map(({ items }, m) => [
      `m${m + 1}`,
      items.map((item, i) => ({ description: '', ...item, id: `m${m + 1}-${i + 1}`, status: 'not_started' })),
    ]);
    const plan = milestones.map(({ items, ...milestone }, m) => ({
      description: '',
      ...milestone,
      id: `m${m + 1}`,
      status: 'not_started' as const,
      progress: 0,
      tasks_completed: 0,
      tasks_total: items.length,
    }));
    const progress = { overall: 0, milestones: plan, tasks: Object.fromEntries(tasks) };
    const state = { status, seq: 0, progress, usage: { ...usage, ...cache }, waiting, unfinished: false };
    const timestamp = '2026-01-01T00:00:00.000Z';
    const thread = messages.map((message, n) => ({
      ...message,
      id: `${id}-${n + 1}`,
      task_id: id,
      timestamp,
    }));
    this.#page = withInitial(nothingYet, { state, messages: thread });
  }

  get status(): TaskStatus | undefined {
    return this.#page.status;
  }

  tell(event: FakeEvent): TaskEvent {
    const isLive = liveTypes.has(event.type) || 'again' in event;
    if (!isLive) this.#seq += 1;
    const at = new Date().toISOString();
    const fact = isLive ? {} : { id: `${this.#seq}.0`, seq: this.#seq, epoch: 1, at };
    const told = { ...event, taskId: this.#given.id, ...fact } as TaskEvent;
    if (!isLive) this.#facts.push(told);
    this.#page = reduce(this.#page, told);
    return told;
  }

  factsAfter(cursor: string): TaskEvent[] {
    return this.#facts.filter(({ id }) => id !== undefined && isAfter(id, cursor));
  }

  snapshot(): Extract<TaskClientEvent, { type: 'snapshot' }> {
    const { status = 'not_started', item, usage, plan } = this.#page;
    const { messages, waiting, streaming } = viewOf(this.#page);
    if (usage === undefined || plan === undefined) throw new Error('a task without a beginning');
    const { messageId, attempt = 1, content = '' } = streaming ?? {};
    const snapshot: Extract<TaskClientEvent, { type: 'snapshot' }> = {
      type: 'snapshot',
      taskId: this.#given.id,
      cursor: String(this.#seq),
      state: {
        status,
        seq: this.#seq,
        ...(item && { item }),
        progress: plan,
        usage,
        waiting,
        unfinished: false,
      },
      messages: messages.map((message) => ({ ...message, task_id: this.#given.id })),
      facts: this.#facts,
      ...(messageId !== undefined && {
        text: { messageId, attempt, content, offset: this.#page.streaming?.from ?? 0 },
      }),
    };
    // Everybody's own, as from a server. The jsdom of Jest has no structuredClone.
    return JSON.parse(JSON.stringify(snapshot));
  }

  document(): TaskView {
    const { id, title = id, description = '' } = this.#given;
    const { status = 'not_started', plan, item } = this.#page;
    const { overall = 0, milestones = [], tasks = {} } = plan ?? {};
    const at = '2026-01-01T00:00:00.000Z';
    return {
      id,
      user_id: 'user',
      title,
      description,
      status,
      created_at: at,
      updated_at: at,
      config: { system_prompt: '', auto_approve: true },
      progress: {
        current_milestone: item?.milestoneId ?? '',
        current_task: item?.id ?? '',
        overall_percentage: overall,
        milestones,
        tasks,
      },
    };
  }
}

/** One stream of events. While it is not connected only facts wait for it. */
class Stream {
  readonly id: string;
  readonly #onConnection: TaskClientEventsOptions['onConnection'];
  #ready: TaskClientEvent[] = [];
  #cursor = '0';
  #isConnected = true;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(id: string, onConnection: TaskClientEventsOptions['onConnection']) {
    this.id = id;
    this.#onConnection = onConnection;
  }

  push(event: TaskClientEvent): void {
    if (!this.#isConnected) return;
    const cursor = event.type === 'snapshot' ? event.cursor : event.id;
    if (cursor !== undefined) this.#cursor = cursor;
    this.#ready.push(event);
    this.#wake();
  }

  connect(isConnected: boolean, missed?: Pretended): void {
    this.#isConnected = isConnected;
    this.#onConnection?.(isConnected);
    for (const fact of missed?.factsAfter(this.#cursor) ?? []) this.push(fact);
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *events(): AsyncGenerator<TaskClientEvent, undefined> {
    while (!this.#isOver) {
      const event = this.#ready.shift();
      if (event !== undefined) yield event;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
