import { Callbacks, type Question } from './callbacks.js';
import { breathe, isTime, monotonicNow, safeAfter, systemClock } from './clock.js';
import type { TaskErrorJson, TaskExecutionError } from './errors.js';
import { guardedStore } from './guarded-store.js';
import { type Ledger, openLedger, type Resident } from './ledger.js';
import { logTo } from './log.js';
import { monotonicMs, queueMicrotask, wallMs } from './platform.js';
import { pump } from './pump.js';
import { Thrown } from './thrown.js';
import { ProgressReports } from './tools/progress.js';
import { Transcript } from './transcript.js';
import type { AbortSignalLike, TaskHost, TaskStatus, ToolCall } from './types.js';
import { describeThrown, overhear, toJson } from './values.js';
import { watchStore } from './watch.js';

/** Who hears what a machine says. None of these throws. */
export interface MachineListener {
  /** An event as JSON text, `type` first. */
  event(json: string): void;
  /** A piece of the assistant's text. */
  delta(messageId: string, attempt: number, text: string): void;
  status(status: TaskStatus): void;
  /** Whether a run of the task is under way in this process. */
  runs?(): boolean;
}

/** A command to a machine that runs. */
export type MachineCommand =
  | { command: 'pause' | 'look' }
  | { command: 'stop'; reason?: string | undefined }
  | { command: 'yield'; reason: string; grace: boolean };

/** Tickets of commands; the machine's own stay below. */
const firstTicket = 2 ** 52;
const resultTicket = 0;
const startedTicket = 1;
interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  // Whoever is interested looks; nobody has to.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** The answer to a command whose machine ended without obeying it. */
export const unanswered: unique symbol = Symbol('unanswered');

/**
 * One machine of the core and the package's half of the boundary: what the methods up to `log` do is said in
 * `src/boundary/host.rs`, which calls them. None of those throws before the engine has panicked.
 */
export class Machine implements Resident {
  readonly #ledger: Ledger;
  readonly #taskId: string;
  readonly #host: TaskHost;
  readonly #listener: MachineListener;
  readonly #callbacks: Callbacks;
  readonly #transcript: Transcript;
  readonly #controllers = new Map<number, AbortController>();
  readonly #commands = new Map<number, Deferred<unknown>>();
  readonly #thrown = new Thrown();
  readonly #result = deferred<unknown>();
  readonly #started = deferred<void>();
  #handle: InstanceType<Ledger['exports']['EngineHandle']> | undefined;
  /** The panic that ended the instance. */
  #perished: TaskExecutionError | undefined;
  #unwatch: (() => void) | undefined;
  #nextTicket = firstTicket;
  #lastTime = 0;

  /**
   * Makes the machine `kind` and lets it begin.
   *
   * @throws TaskExecutionError where the engine cannot be loaded or the configuration cannot be used
   */
  static async begin(
    kind: string,
    config: { taskId: string; userId: string } & Record<string, unknown>,
    host: TaskHost,
    listener: MachineListener,
  ): Promise<Machine> {
    let ledger = await openLedger();
    // One that panicked between its promise and us.
    while (ledger.dead !== undefined) ledger = await openLedger();
    const machine = new Machine(ledger, config, host, listener);
    machine.#begin(kind, config);
    return machine;
  }

  private constructor(
    ledger: Ledger,
    ids: { taskId: string; userId: string },
    host: TaskHost,
    listener: MachineListener,
  ) {
    this.#ledger = ledger;
    this.#taskId = ids.taskId;
    this.#host = host;
    this.#transcript = new Transcript(modelIdOf(host));
    this.#listener = listener;
    this.#callbacks = new Callbacks(host, { taskId: ids.taskId, userId: ids.userId });
    this.ownsTimers = host.clock !== undefined;
  }

  #begin(kind: string, config: object): void {
    const { EngineHandle } = this.#ledger.exports;
    let refused: string | undefined;
    // Not inside the guard: what comes out there counts as a panic.
    const text = this.stringify(config);
    this.#ledger.add(this);
    this.#ledger.enter(() => {
      try {
        this.#handle = new EngineHandle(this, guardedStore(this.#host.store), kind, text);
      } catch (thrown) {
        if (typeof thrown !== 'string') throw thrown;
        refused = thrown;
      }
    });
    if (refused !== undefined) {
      this.#ledger.remove(this);
      throw this.#thrown.error(JSON.parse(refused));
    }
    this.#enter((handle) => handle.begin());
  }

  /** What the machine settles with: a run's outcome, a command's answer. */
  get result(): Promise<unknown> {
    return this.#result.promise;
  }

  /** Settles when a run has begun; not at all where it never does. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Gives a command to a run; `unanswered` where the run ends without obeying it. */
  command(command: MachineCommand): Promise<unknown> {
    if (this.#handle === undefined) return Promise.resolve(unanswered);
    const ticket = this.#nextTicket++;
    const answer = deferred<unknown>();
    this.#commands.set(ticket, answer);
    const text = this.stringify(command);
    this.#enter((handle) => handle.command(ticket, text));
    return answer.promise;
  }

  /** Ends the machine where it stands; its promises settle no more, except for commands. */
  close(): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#leave();
    this.#ledger.enter(() => handle.close());
    // Not from within one of its own methods.
    queueMicrotask(() => this.#ledger.enter(() => handle.free()));
  }

  /** The error of an outcome, which is JSON of its own. */
  errorOf(outcome: { error?: TaskErrorJson; cause?: number }): TaskExecutionError | undefined {
    return outcome.error && this.#thrown.error(outcome.error, outcome.cause);
  }

  #enter<T>(work: (handle: InstanceType<Ledger['exports']['EngineHandle']>) => T): T | undefined {
    const handle = this.#handle;
    return handle && this.#ledger.enter(() => work(handle));
  }

  #leave(): void {
    this.#handle = undefined;
    this.#ledger.remove(this);
    this.watch([]);
    for (const answer of this.#commands.values()) answer.resolve(unanswered);
    this.#commands.clear();
  }

  /** Ends the machine as if its process had died, here as seen from within. Not from within one of its methods. */
  crash(error: TaskExecutionError): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#ledger.enter(() => handle.close());
    this.#ledger.enter(() => handle.free());
    this.perish(error);
  }

  perish(error: TaskExecutionError): void {
    this.#handle = undefined;
    this.#perished = error;
    const controllers = [...this.#controllers.values()];
    this.#controllers.clear();
    for (const controller of controllers) controller.abort(error);
    this.#result.reject(error);
    for (const answer of this.#commands.values()) answer.reject(error);
    this.#leave();
  }

  /**
   * Where the panic was within a call out of the engine, that call returns into it. What it tries to do then ends with
   * this in the guard further out.
   */
  #endOfTheDead(): void {
    if (this.#perished !== undefined) throw this.#perished;
  }

  // What follows is called by the engine.

  readonly ownsTimers: boolean;

  mono(): number {
    const { clock } = this.#host;
    return clock === undefined ? monotonicMs() : this.#timeOf(() => monotonicNow(clock));
  }

  wall(): number {
    const { clock } = this.#host;
    return clock === undefined ? wallMs() : this.#timeOf(() => clock.now());
  }

  /** A clock that fails stands still. */
  #timeOf(read: () => number): number {
    try {
      const time: unknown = read();
      if (isTime(time)) this.#lastTime = time;
      else {
        overhear(time, () => {});
        this.log('error', `clock.now() returned ${String(time)}`);
      }
    } catch (thrown) {
      this.log('error', `clock.now() threw: ${describeThrown(thrown).message}`);
    }
    return this.#lastTime;
  }

  after(ms: number): () => void {
    return this.#after(ms, () => this.tick());
  }

  #after(ms: number, fn: () => void): () => void {
    const { clock = systemClock } = this.#host;
    return safeAfter(clock, ms, fn, (note) => this.log('error', note));
  }

  wake(): void {
    this.#enter((handle) => handle.wake());
  }

  tick(): void {
    if (this.#host.clock !== undefined) {
      this.#enter((handle) => handle.tick());
      return;
    }
    // Platforms fire timers that are overdue before they deliver what has arrived while the process stood still: that
    // comes first, so that no deadline fires over a reply which is there.
    const tick = () => this.#enter((handle) => handle.tick());
    void breathe().then(breathe).then(tick, tick);
  }

  done(): void {
    this.close();
  }

  opened(ticket: number, controller: AbortController): void {
    this.#endOfTheDead();
    this.#controllers.set(ticket, controller);
  }

  closed(ticket: number): void {
    this.#controllers.delete(ticket);
  }

  /** @throws where there is no JSON form */
  stringify(value: unknown, known?: string): string {
    const json = JSON.stringify(known === undefined ? value : withoutKnown(value, known)) ?? 'null';
    // Only lone surrogates are written as escapes, and the core's strings cannot hold them.
    return json.includes('\\ud')
      ? json.replace(/\\(?:\\|u(d[89a-f][0-9a-f]{2}))/g, (whole, lone) =>
          lone === undefined ? whole : '\uFFFD',
        )
      : json;
  }

  describeStoreError(thrown: unknown): string {
    return this.#thrown.storeError(thrown);
  }

  watch(paths: string[]): void {
    if (paths.length > 0) this.#endOfTheDead();
    this.#unwatch?.();
    this.#unwatch = undefined;
    if (paths.length === 0) return;
    const changed = () => this.#enter((handle) => handle.changed());
    this.#unwatch = watchStore(this.#host.store, paths, changed, (note) => this.log('warn', note));
  }

  converse(ticket: number, ops: string, messageId: string, attempt: number): void {
    let broken: { thrown: unknown } | undefined;
    try {
      this.#transcript.apply(JSON.parse(ops));
    } catch (thrown) {
      broken = { thrown };
    }
    const controller = this.#controllers.get(ticket) ?? new AbortController();
    const { signal } = controller;
    const open = () => {
      if (broken !== undefined) throw broken.thrown;
      const { model } = this.#host;
      if (model === undefined) throw new TypeError('the host has no model');
      return model.stream(this.#transcript.request(), { signal });
    };
    void pump(open, controller, {
      textDelta: (index, text) => {
        const wanted = this.#textDelta(ticket, index, text);
        if (wanted && text !== '') this.#listener.delta(messageId, attempt, text);
        return wanted;
      },
      event: (json) => this.#enter((handle) => handle.streamed(ticket, json)) ?? false,
      end: (failed) => {
        this.#enter((handle) => handle.streamEnded(ticket, failed && this.#thrown.failure(failed.thrown)));
      },
    });
  }

  #textDelta(ticket: number, index: number, text: string): boolean {
    const handle = this.#handle;
    if (handle === undefined) return false;
    try {
      return handle.textDelta(ticket, this.mono(), index, text);
    } catch (trap) {
      this.#ledger.die(trap);
      return false;
    }
  }

  async runTool(
    ticket: number,
    call: string,
    attempt: number,
    idempotencyKey: string,
    signal: AbortSignalLike,
  ): Promise<string> {
    try {
      return await this.#runTool(ticket, JSON.parse(call), attempt, idempotencyKey, signal);
    } catch (thrown) {
      return this.#thrown.reply(thrown);
    }
  }

  async #runTool(
    ticket: number,
    call: ToolCall,
    attempt: number,
    idempotencyKey: string,
    signal: AbortSignalLike,
  ): Promise<string> {
    const { id: toolCallId, name } = call;
    const reports = new ProgressReports(
      () => this.mono(),
      (ms, fn) => this.#after(ms, fn),
      (progress) =>
        this.#listener.event(
          JSON.stringify({ type: 'task:tool_progress', taskId: this.#taskId, toolCallId, name, progress }),
        ),
      (note) => this.log('warn', `Tool '${name}': ${note}`),
    );
    try {
      const report = (progress: unknown) => reports.report(progress);
      const mayRun = () => this.#enter((handle) => handle.mayRun(ticket)) ?? false;
      const context = { toolCallId, attempt, idempotencyKey, signal, report };
      const written = await this.#callbacks.run(call, context, mayRun);
      if (written === undefined) return '{"notRun":true}';
      const { json, cutBytes = 0 } = written;
      return json === undefined ? '{}' : `{"value":${json},"cutBytes":${cutBytes}}`;
    } finally {
      reports.end();
    }
  }

  ask(text: string): Promise<string> {
    this.#endOfTheDead();
    return this.#ask(text);
  }

  async #ask(text: string): Promise<string> {
    try {
      const question: Question | { question: 'runs' } = JSON.parse(text);
      const answer =
        question.question === 'runs'
          ? (this.#listener.runs?.() ?? false)
          : await this.#callbacks.answer(question);
      const written = toJson(answer);
      if (!written.ok) throw new TypeError(written.reason);
      return `{"value":${written.json ?? 'null'}}`;
    } catch (thrown) {
      return this.#thrown.reply(thrown);
    }
  }

  emit(event: string): void {
    this.#endOfTheDead();
    this.#listener.event(event);
  }

  status(status: string): void {
    this.#endOfTheDead();
    this.#listener.status(status as TaskStatus);
  }

  settle(ticket: number, ok: boolean, text: string, cause: number | undefined): void {
    this.#endOfTheDead();
    const value: unknown = JSON.parse(text);
    const answer = this.#answerOf(ticket);
    if (ok) answer?.resolve(value as never);
    else answer?.reject(this.#thrown.error(value as TaskErrorJson, cause));
  }

  #answerOf(ticket: number): Deferred<never> | Deferred<unknown> | Deferred<void> | undefined {
    if (ticket === resultTicket) return this.#result;
    if (ticket === startedTicket) return this.#started;
    const answer = this.#commands.get(ticket);
    this.#commands.delete(ticket);
    return answer;
  }

  log(level: string, message: string): void {
    logTo(this.#host.logger, level as 'debug' | 'info' | 'warn' | 'error', message);
  }
}

/** Which model the host's client asks by itself, where it says so. */
export function modelIdOf({ model }: TaskHost): string | undefined {
  const { modelId } = model ?? {};
  return typeof modelId === 'string' && modelId !== '' ? modelId : undefined;
}

/** Documents that the engine has already need not cross the boundary: most looks at a task find it unchanged. */
function withoutKnown(found: unknown, known: string): unknown {
  if (!Array.isArray(found)) return found;
  return found.map((document) =>
    document?.version === known ? { path: document.path, version: known, data: {} } : document,
  );
}
