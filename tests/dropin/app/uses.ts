import { addTask, userId } from './backend/database.js';
import { TaskExecutor } from './lib/task-execution/TaskExecutor.js';
import { TaskDatabaseService } from './services/task-database.service.js';

const eventNames: string[] = [
  'task:started',
  'task:paused',
  'task:resumed',
  'task:stopped',
  'task:completed',
  'task:error',
  'task:progress_update',
  'task:message',
  'task:tool_call',
];

/** What a listener on every name hears; the pieces of a message as one. */
function record(executor: TaskExecutor): string[] {
  const heard: string[] = [];
  for (const name of eventNames) {
    executor.on(name, (payload) => {
      if (payload.taskId === '') throw new Error(`${name} is about no task`);
      if (name !== 'task:message' || heard.at(-1) !== name) heard.push(name);
    });
  }
  return heard;
}

function happens(executor: TaskExecutor, name: string): Promise<unknown> {
  return new Promise((resolve) => executor.once(name, resolve));
}

async function statusOf(taskId: string): Promise<string | undefined> {
  return (await TaskDatabaseService.getTask(userId, taskId))?.status;
}

/** The plainest use there is. */
export async function runsToTheEnd() {
  const taskId = await addTask('plain', ['first', 'second']);
  const executor: TaskExecutor = new TaskExecutor(taskId, userId);
  const heard = record(executor);
  const started: Promise<void> = executor.start();
  // biome-ignore lint/suspicious/noConfusingVoidType: what an app may write
  const nothing: void = await started;
  return { heard, nothing, status: await statusOf(taskId) };
}

export async function streamsText() {
  const executor = new TaskExecutor(await addTask('streamed', ['first']), userId);
  let text = '';
  let streaming: boolean | undefined;
  executor.on('task:message', (data) => {
    text += data.content;
    streaming = data.streaming;
  });
  await executor.start();
  return { text, streaming };
}

export async function narrowsPayloads() {
  interface LookupCall {
    taskId: string;
    toolCall: { id: string; name: 'lookup'; input: { path: string } };
  }
  const executor = new TaskExecutor(await addTask('narrowed', ['look up']), userId);
  const paths: string[] = [];
  const roles: string[] = [];
  const done: string[] = [];
  executor
    .on('task:tool_call', ({ toolCall }: LookupCall) => paths.push(`${toolCall.name} ${toolCall.input.path}`))
    .on('task:message', ({ role }: { role: 'user' | 'assistant'; content: string }) => roles.push(role))
    .on('task:progress_update', ({ taskId }: { taskId: string }) => done.push(taskId));
  await executor.start();
  return { paths, roles: [...new Set(roles)], done };
}

/** Listeners come and go by `on`, `once` and `off`; each returns the executor. */
export async function comesAndGoes() {
  const executor = new TaskExecutor(await addTask('listened', ['first', 'second']), userId);
  const heard: string[] = [];
  const onProgress = () => {
    heard.push('progress');
    executor.off('task:progress_update', onProgress);
  };
  const never = (payload: { taskId: string }) => heard.push(payload.taskId);
  const same: TaskExecutor = executor
    .on('task:progress_update', onProgress)
    .once('task:message', ({ content }) => heard.push(typeof content))
    .on('task:completed', never)
    .addListener('task:completed', never)
    .removeListener('task:completed', never)
    .off('task:completed', never);
  await same.start();
  same.removeAllListeners('task:message').removeAllListeners();
  return { heard, left: executor.listenerCount('task:progress_update'), names: executor.eventNames() };
}

/** Executors in a map, commands in arrays and tables. */
export async function keepsCommandsInCollections() {
  const executors = new Map<string, TaskExecutor>();
  for (const id of ['one', 'two', 'three']) {
    executors.set(id, new TaskExecutor(await addTask(id, ['first']), userId));
  }
  const starts: Promise<void>[] = [...executors.values()].map((executor) => executor.start());
  // biome-ignore lint/suspicious/noConfusingVoidType: what an app may write
  const all: void[] = await Promise.all(starts);

  const third = new TaskExecutor(await addTask('by name', ['first']), userId);
  const heard = record(third);
  const byName: Record<'start' | 'pause' | 'resume' | 'stop', () => Promise<void>> = {
    start: () => third.start(),
    pause: third.pause.bind(third),
    resume: async () => third.resume(),
    stop: third.stop.bind(third),
  };
  const jobs: (() => Promise<void>)[] = [byName.start, byName.pause];
  const ended: Promise<void>[] = [];
  for (const job of jobs) {
    ended.push(job());
    await happens(third, job === byName.start ? 'task:message' : 'task:paused');
  }
  const settled: PromiseSettledResult<void>[] = await Promise.allSettled(ended);
  const commands: Pick<TaskExecutor, keyof typeof byName> = third;
  const command = (name: keyof typeof byName) => commands[name]();
  await command('resume');
  return { all: all.length, settled: settled.map(({ status }) => status), last: heard.at(-1) };
}

/** Names that the app made up, and its own payloads under names that it did not. */
export async function emitsItsOwn() {
  const taskId = await addTask('custom', ['first']);
  const executor = new TaskExecutor(taskId, userId);
  const heard: unknown[] = [];
  const secret = Symbol('secret');
  executor.on('app:note', (text: string, at: number) => heard.push(text, at));
  executor.on(secret, (value) => heard.push(value));
  executor.on('task:progress_update', ({ percent }: { percent?: number }) => percent && heard.push(percent));
  const answered: boolean[] = [
    executor.emit('app:note', 'mind the gap', 7),
    executor.emit(secret, 'hush'),
    executor.emit('task:progress_update', { taskId, percent: 40 }),
    executor.emit('app:reviewed', { taskId }, 'a second argument'),
  ];
  await executor.start();
  return { heard, answered };
}

/** The app's own kind of executor. */
class AuditedExecutor extends TaskExecutor {
  readonly log: string[] = [];
  private begun = 0;

  constructor(
    taskId: string,
    userId: string,
    private readonly source: string,
  ) {
    super(taskId, userId);
    this.on('task:completed', () => this.log.push('listener: task:completed'));
  }

  async start(): Promise<void> {
    this.begun += 1;
    this.log.push(`${this.source}: start ${this.begun}`);
    await super.start();
    this.log.push(`${this.source}: settled`);
  }

  emit(event: string | symbol, ...args: any[]): boolean {
    const taken = super.emit(event, ...args);
    const known = eventNames.includes(String(event)) && event !== 'task:message';
    if (known) this.log.push(`emit: ${String(event)} ${taken}`);
    return taken;
  }
}

/** Another one, that narrows what it overrides. */
class TracedExecutor extends TaskExecutor {
  readonly trace: string[] = [];

  on(event: string, listener: (...args: any[]) => void): this {
    this.trace.push(`on ${event}`);
    return super.on(event, listener);
  }

  emit(event: string, payload?: unknown): boolean {
    if (event === 'task:completed') this.trace.push(`emit ${event}`);
    return super.emit(event, payload);
  }
}

export async function subclassesNarrowly() {
  const executor = new TracedExecutor(await addTask('traced', ['first']), userId);
  executor.on('task:completed', ({ taskId }) => executor.trace.push(taskId));
  await executor.start();
  return executor.trace;
}

export async function subclasses() {
  const executor = new AuditedExecutor(await addTask('audited', ['first']), userId, 'route');
  const asTheBase: TaskExecutor = executor;
  await asTheBase.start();
  return { log: executor.log, isOne: executor instanceof TaskExecutor };
}

/** A task that was paused, in a process that has never heard of it. */
export async function startsPausedTask() {
  const taskId = await addTask('paused before', ['first', 'second'], 'paused');
  const executor = new TaskExecutor(taskId, userId);
  const heard = record(executor);
  await executor.start();
  return { heard, status: await statusOf(taskId) };
}

/** A route answers at once, says so in the document first, and lets the task run. */
export async function routeSetsInProgress() {
  const taskId = await addTask('by a route', ['first']);
  const executor = new TaskExecutor(taskId, userId);
  const heard = record(executor);
  const completed = happens(executor, 'task:completed');

  const route = async (): Promise<{ ok: boolean }> => {
    await TaskDatabaseService.updateTaskStatus(userId, taskId, 'in_progress');
    executor.start().catch((error) => heard.push(String(error)));
    return { ok: true };
  };
  const response = await route();
  await completed;
  return { response, heard, status: await statusOf(taskId) };
}

export async function pausesAndResumes() {
  const taskId = await addTask('paused once', ['first', 'second']);
  const executor = new TaskExecutor(taskId, userId);
  const heard = record(executor);
  const started = executor.start();
  await happens(executor, 'task:message');
  await executor.pause();
  await started;
  const between = await statusOf(taskId);
  await executor.resume();
  return { between, status: await statusOf(taskId), last: heard.at(-1), heard: lifecycleOf(heard) };
}

/** Two clicks, one after the other. */
export async function pausesAndResumesAtOnce() {
  const taskId = await addTask('paused and resumed', ['first']);
  const executor = new TaskExecutor(taskId, userId);
  const heard = record(executor);
  const started = executor.start();
  await happens(executor, 'task:message');
  const both: Promise<void>[] = [executor.pause(), executor.resume()];
  await Promise.all([started, ...both]);
  return { heard: lifecycleOf(heard), status: await statusOf(taskId) };
}

/** A double click. */
export async function startsTwice() {
  const executor = new TaskExecutor(await addTask('started twice', ['first']), userId);
  const heard = record(executor);
  await Promise.all([executor.start(), executor.start()]);
  return { begun: heard.filter((name) => name === 'task:started').length };
}

export async function stops() {
  const taskId = await addTask('stopped', ['first', 'second']);
  const executor = new TaskExecutor(taskId, userId);
  const heard = record(executor);
  const started = executor.start();
  await happens(executor, 'task:message');
  await executor.stop();
  await started;
  return { heard: lifecycleOf(heard), status: await statusOf(taskId) };
}

/** What goes wrong while the task runs is an event; `start()` settles all the same. */
export async function fails() {
  const taskId = await addTask('failing', ['refused']);
  const executor = new TaskExecutor(taskId, userId);
  const errors: string[] = [];
  executor.on('task:error', ({ error }: { taskId: string; error: string }) => errors.push(error));
  await executor.start();
  return { errors, status: await statusOf(taskId) };
}

export async function findsNoTask() {
  const executor = new TaskExecutor('nowhere', userId);
  try {
    await executor.start();
    return 'started';
  } catch (error) {
    return error instanceof Error && error.message.includes('Task not found') ? 404 : String(error);
  }
}

function lifecycleOf(heard: string[]): string[] {
  return heard.filter((name) => name !== 'task:message' && name !== 'task:progress_update');
}
