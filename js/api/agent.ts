import { TaskExecutionError } from '../errors.js';
import { checkTaskIds } from '../ids.js';
import type { RunOptions, TaskEventMap, TaskEventName, TaskHost, TaskOutcome, TaskStatus } from '../types.js';
import { ActiveRun, copyOf } from './active-run.js';
import { optionsOf, typed } from './arguments.js';
import { type CommandArguments, execute } from './command.js';
import { resolveHost } from './config.js';
import { onListenerErrorOf, reportListenerError, type TaskEmitter } from './emitter.js';
import { deltaOf } from './feed.js';
import {
  addFollower,
  keyOf,
  type LocalFollower,
  type LocalRun,
  localRun,
  type RunListener,
} from './registry.js';
import { Rest } from './rest.js';
import type { Page } from './stored-events.js';

/** So often it is looked whether a run that was to end goes on. */
const lookMs = 1_000;

/** Marks the options that an engine of its own hands to the objects it makes. */
export const ofEngine: unique symbol = Symbol('of engine');

/** What a constructor takes: parts of the host and options of runs, in one object. */
export type AgentOptions = Partial<TaskHost> &
  RunOptions & {
    /** The engine's host, which nothing global completes, and where it hears of its runs and followers. */
    [ofEngine]?: { host: TaskHost; begun(run: LocalRun): void; followers: Set<LocalFollower> };
  };

/** The work behind one `TaskLifecycle`, `TaskExecutor` or `TaskPersistence`: finds the host, the run and the order. */
export class Agent {
  readonly taskId: string;
  readonly userId: string;
  /** As last seen committed. */
  status: TaskStatus | undefined;
  /** Of the last run that ended. */
  outcome: TaskOutcome | undefined;
  isPaused = false;
  readonly #options: AgentOptions;
  readonly #emitter: TaskEmitter | undefined;
  #host: TaskHost | undefined;
  #run: LocalRun | undefined;
  /** Whether start, resume or run led to that run, and not only a pause, a stop, a decision or a message. */
  #joined = false;
  #detach: (() => void) | undefined;
  #beginning = 0;
  #interrupting = 0;
  #stopping = false;
  /** Settles when every start, resume and run given so far has its run, or has failed. Never rejects. */
  #begun: Promise<unknown> = Promise.resolve();
  /** Settles when every pause and stop given so far has settled. Never rejects. */
  #interrupted: Promise<unknown> = Promise.resolve();
  /** Ends what a start or resume waits for: a pause, a stop or `dispose()` of this instance given later wins. */
  readonly #overtake = new Set<() => void>();

  constructor(taskId: string, userId: string, options: AgentOptions = {}, emitter?: TaskEmitter) {
    checkTaskIds(taskId, userId);
    this.taskId = taskId;
    this.userId = userId;
    optionsOf('options', options, []);
    this.#options = options ?? {};
    this.#emitter = emitter;
    if (emitter !== undefined) {
      onListenerErrorOf(emitter, () => this.#options.onListenerError ?? this.#host?.onListenerError);
    }
  }

  get isRunning(): boolean {
    return !this.#stopping && (this.#beginning > 0 || this.#run?.drives === true);
  }

  /** `options`: of the run that it is for, where it is for one. */
  async host(options?: RunOptions): Promise<TaskHost> {
    try {
      const host =
        this.#options[ofEngine]?.host ??
        (await resolveHost({ userId: this.userId, taskId: this.taskId }, this.#options, options));
      this.#host = host;
      return host;
    } catch (thrown) {
      throw typed(thrown);
    }
  }

  /** The run of this task in this process, once everything this instance was told before has got its run. */
  async localRun(): Promise<LocalRun | undefined> {
    await this.#begun;
    return localRun(keyOf(await this.host(), this.userId, this.taskId));
  }

  /**
   * The run that start, resume or run leads to: the one under way, or a new one after whatever is ending has ended.
   *
   * @throws TaskExecutionError where the host cannot be had
   */
  begin(
    intent: 'run' | 'start' | 'resume',
    drives: boolean,
    options?: RunOptions,
    listener?: RunListener,
  ): Promise<LocalRun> {
    const interrupted = this.#interrupted;
    const before = this.#begun;
    this.isPaused = false;
    this.#stopping = false;
    if (drives) this.#beginning += 1;
    let overtake = () => {};
    const overtaken = new Promise<void>((resolve) => {
      overtake = resolve;
    });
    this.#overtake.add(overtake);
    const begun = (async () => {
      try {
        await Promise.all([before, interrupted]);
        return await this.#runFor(intent, drives, options, listener, overtaken);
      } catch (thrown) {
        throw typed(thrown);
      } finally {
        this.#overtake.delete(overtake);
        if (drives) this.#beginning -= 1;
      }
    })();
    // Without its value: the run, and all that it knows, is not to live as long as this instance.
    this.#begun = begun.then(
      () => {},
      () => this.#agree(),
    );
    return begun;
  }

  async #runFor(
    intent: 'run' | 'start' | 'resume',
    drives: boolean,
    options: RunOptions | undefined,
    listener: RunListener | undefined,
    overtaken: Promise<void>,
  ): Promise<LocalRun> {
    for (;;) {
      const host = await this.host(options);
      const { taskId, userId } = this;
      const key = keyOf(host, userId, taskId);
      const run = localRun(key);
      if (run === undefined) {
        const own = this.#attaching();
        const listeners = [...(listener ? [listener] : []), own.listener];
        const layers = [options, this.#options];
        const begun = new ActiveRun({ taskId, userId, host, intent, drives, options: layers, listeners });
        own.attached(begun, () => {});
        this.#joined = true;
        this.#options[ofEngine]?.begun(begun);
        return begun;
      }
      if (!run.ending && (run.drives || !drives)) {
        if (listener) run.follow(listener);
        this.attach(run);
        this.#joined = true;
        if (intent === 'run' || (await this.#isServedBy(run, host, overtaken))) return run;
      } else await run.outcome;
    }
  }

  /**
   * Whether a start or resume that joins this run is done with it. A run that only ends what somebody has ended before,
   * in another process or before it began, leaves the command to be given anew.
   */
  async #isServedBy(run: LocalRun, host: TaskHost, overtaken: Promise<void>): Promise<boolean> {
    const { opening } = run;
    if (opening === 'start' || opening === 'resume') return true;
    let isOvertaken = false;
    const later = overtaken.then(() => {
      isOvertaken = true;
    });
    const rest = new Rest({ keepsAlive: false });
    for (;;) {
      const page = execute(host, this, 'events', {}, this.#options) as Promise<Page>;
      const stored = (await Promise.race([later, page.catch(() => {})]))?.status;
      if (stored === undefined || stored === 'in_progress') return true;
      if (stored === 'not_started' && opening === 'run') return true;
      // Others may take back what they have written, and the run goes on.
      const outcome = await Promise.race([later, run.outcome, rest.wait(host, lookMs)]);
      rest.wake();
      if (isOvertaken || run.interrupted) return true;
      // What the run itself has come to since.
      if (outcome?.status === 'completed') return opening === undefined;
      if (outcome !== undefined) return outcome.status === 'failed' && stored !== 'failed';
    }
  }

  /** Pauses or stops, wherever the task runs; settles when that is stored. */
  interrupt(command: 'pause' | 'stop', reason?: string): Promise<void> {
    const begun = this.#begun;
    for (const overtake of this.#overtake) overtake();
    this.isPaused = true;
    if (command === 'stop') this.#stopping = true;
    this.#interrupting += 1;
    const interrupted = (async () => {
      try {
        await begun;
        await this.#interruptNow(command, reason);
      } catch (thrown) {
        throw typed(thrown);
      } finally {
        this.#interrupting -= 1;
        if (this.#interrupting === 0) this.#stopping = false;
        this.#agree();
      }
    })();
    this.#interrupted = Promise.all([this.#interrupted, interrupted.catch(() => {})]).then(() => {});
    return interrupted;
  }

  async #interruptNow(command: 'pause' | 'stop', reason: string | undefined): Promise<void> {
    for (;;) {
      const host = await this.host();
      const run = localRun(keyOf(host, this.userId, this.taskId));
      if (run === undefined) {
        await this.#execute(host, command, reason === undefined ? {} : { reason });
        return;
      }
      this.attach(run);
      if (await run.interrupt(command, reason)) return;
    }
  }

  /** Once no command is under way any more, what is stored says whether the task is paused. */
  #agree(): void {
    if (this.#beginning === 0 && this.#interrupting === 0) this.isPaused = this.status === 'paused';
  }

  /** Puts something into the inbox, and has the run of this process look there at once. */
  async deposit(
    kind: 'approve' | 'reject' | 'answer' | 'send' | 'addMessage',
    args: CommandArguments,
  ): Promise<unknown> {
    await this.#begun;
    const host = await this.host();
    const key = keyOf(host, this.userId, this.taskId);
    const run = localRun(key);
    if (run !== undefined) this.attach(run);
    const answer = await this.#execute(host, kind, args);
    localRun(key)?.look();
    return answer;
  }

  /** Runs a command of the core and returns its answer. */
  async command<T>(kind: string, args: CommandArguments = {}): Promise<T> {
    return (await this.#execute(await this.host(), kind, args)) as T;
  }

  #execute(host: TaskHost, kind: string, args: CommandArguments): Promise<unknown> {
    return execute(host, this, kind, args, this.#options, {
      event: (json) => this.#emit(JSON.parse(json)),
      delta: () => {},
      status: (status) => {
        this.status = status;
      },
    });
  }

  /** Emits a run's events from now until it ends. */
  attach(run: LocalRun): void {
    if (this.#run === run || this.#emitter === undefined) return;
    const own = this.#attaching();
    own.attached(run, run.follow(own.listener));
  }

  /** Somebody follows the task by this instance, until what is returned is called. */
  followed(follower: LocalFollower): () => void {
    return addFollower(follower, this.#options[ofEngine]?.followers);
  }

  /**
   * Yields the run that this instance began or joined, also one that is only on its way, without grace. One that it has
   * only listened to is left to those who run it.
   */
  dispose(): void {
    for (const overtake of this.#overtake) overtake();
    const leave = () => this.#joined && this.#run?.yield('dispose', false);
    if (this.#beginning > 0) void this.#begun.then(leave);
    else leave();
  }

  #attaching(): { listener: RunListener; attached: (run: LocalRun, detach: () => void) => void } {
    this.#detach?.();
    this.#joined = false;
    let mine: LocalRun | undefined;
    const listener: RunListener = {
      event: (json) => this.#emit(JSON.parse(json)),
      delta: (messageId, attempt, text, offset) => {
        this.#send('task:message', { taskId: this.taskId, ...deltaOf(messageId, attempt, text, offset) });
      },
      status: (status) => {
        this.status = status as TaskStatus;
      },
      ended: (outcome, ran) => {
        // What has ended may be collected, however long this instance lives.
        if (this.#run === mine) this.#run = this.#detach = undefined;
        mine = undefined;
        this.#agree();
        if (!ran) return;
        this.outcome = outcome;
        this.#send('task:run_ended', { taskId: this.taskId, outcome: copyOf(outcome) });
      },
    };
    const attached = (run: LocalRun, detach: () => void) => {
      mine = run;
      this.#run = run;
      this.#detach = detach;
    };
    return { listener, attached };
  }

  #emit(event: { type: TaskEventName } & Record<string, unknown>): void {
    const { type, ...payload } = event;
    if (type === 'task:started' || type === 'task:resumed') this.isPaused = false;
    if (type === 'task:paused' || type === 'task:stopped') this.isPaused = true;
    this.#send(type, payload as never);
  }

  /** By the emitter's own `emit`, which subclasses may have overridden. */
  #send<Name extends TaskEventName>(name: Name, payload: TaskEventMap[Name]): void {
    const emitter = this.#emitter;
    try {
      emitter?.emit(name, payload);
    } catch (error) {
      if (emitter) reportListenerError(emitter, error, name);
    }
  }
}

const agents = new WeakMap<object, Agent>();

/** Ties an agent to the object that users hold. */
export function setAgent(owner: object, agent: Agent): void {
  agents.set(owner, agent);
}

/** @throws TaskExecutionError where a subclass has not called its super constructor */
export function agentOf(owner: object): Agent {
  const agent = agents.get(owner);
  if (agent === undefined) throw new TaskExecutionError('INVALID_ARGUMENT', 'The constructor has not run.');
  return agent;
}
