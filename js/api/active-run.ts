import { type TaskErrorJson, TaskExecutionError } from '../errors.js';
import { Machine, type MachineCommand, modelIdOf, unanswered } from '../machine.js';
import { randomWords } from '../platform.js';
import type { RunOptions, TaskHost, TaskOutcome, TaskStatus, Usage } from '../types.js';
import { describeThrown, overhear } from '../values.js';
import { typed } from './arguments.js';
import { mergeRunOptions } from './options.js';
import { instance, keyOf, type LocalRun, type RunListener, register, unregister } from './registry.js';

/** What a run is begun with. */
export interface RunOrder {
  taskId: string;
  userId: string;
  host: TaskHost;
  intent: 'run' | 'start' | 'resume';
  drives: boolean;
  /** Of the call, then of the constructor. */
  options: (RunOptions | undefined)[];
  listeners: RunListener[];
}

const runEnded = '{"type":"task:run_ended"';
const usageSeen = '{"type":"task:usage"';
const beginningSeen = /^\{"type":"task:(started|resumed)"/;
const liveSeen = /^\{"type":"task:(reasoning|tool_input|tool_progress|retry)"/;
const messageSeen = '{"type":"task:message"';
/** What closes the text of a turn that streams, stored or given up. */
const turnEnds = ['task:message_saved', 'task:retry', 'task:usage'].map((type) => `{"type":"${type}"`);

/** A run that this copy of the package began; registered from its construction until it has ended. */
export class ActiveRun implements LocalRun {
  readonly drives: boolean;
  readonly started: Promise<void>;
  readonly outcome: Promise<TaskOutcome>;
  readonly #order: RunOrder;
  readonly #key: string;
  readonly #listeners: Set<RunListener>;
  readonly #machine: Promise<Machine>;
  #ending = false;
  #interrupted = false;
  #opening: RunOrder['intent'] | undefined;
  /** It has stored that the task begins or goes on. */
  #hasBegun = false;
  #over = false;
  /** The last event that was no live one. */
  #lastFact: string | undefined;
  #lastUsage: string | undefined;
  /** What the turn under way has said so far. */
  #text: { messageId: string; attempt: number; text: string } | undefined;

  constructor(order: RunOrder) {
    this.drives = order.drives;
    this.#opening = order.intent;
    this.#order = order;
    this.#key = keyOf(order.host, order.userId, order.taskId);
    this.#listeners = new Set(order.listeners);
    this.#machine = this.#begin();
    this.outcome = this.#machine.then(
      (machine) => this.#follow(machine),
      (error) => this.#end(refusal(error), false),
    );
    const begun = () => {
      this.#opening = undefined;
    };
    this.started = this.#machine.then((machine) =>
      Promise.race([machine.started.then(begun), this.#endsWell()]),
    );
    // Told by `outcome` as well; whoever wants to hear of it here awaits it.
    this.started.catch(() => {});
    register(this.#key, this);
  }

  get ending(): boolean {
    return this.#ending;
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  get opening(): RunOrder['intent'] | undefined {
    return this.#opening;
  }

  get cursor(): string | undefined {
    return this.#lastFact && JSON.parse(this.#lastFact).id;
  }

  async #begin(): Promise<Machine> {
    const { taskId, userId, host, intent, drives, options } = this.#order;
    const { store } = host;
    const config = {
      taskId,
      userId,
      intent,
      drives,
      options: paced(store.id, mergeRunOptions(...options, host.defaults)),
      limits: { documentBytes: store.limits.documentBytes, commitBytes: store.limits.commitBytes },
      holder: store.holder?.id ?? null,
      instance: instance(),
      seed: seedOf(host),
      hasWatch: typeof store.watch === 'function',
      hasPrompt: typeof host.prompt === 'function',
      hasModel: host.model !== undefined,
      modelId: modelIdOf(host) ?? null,
    };
    return Machine.begin('run', config, host, {
      event: (json) => this.#event(json),
      delta: (messageId, attempt, text) => this.#delta(messageId, attempt, text),
      status: (status: TaskStatus) => {
        for (const listener of this.#listeners) listener.status(status);
      },
    });
  }

  async #follow(machine: Machine): Promise<TaskOutcome> {
    try {
      const json = (await machine.result) as TaskOutcome & { cause?: number; error?: TaskErrorJson };
      const { cause: _, error: __, ...outcome } = json;
      if (!this.drives && this.#storedNothing(outcome)) return this.#end(refusal(notStored(outcome)), false);
      const error = machine.errorOf(json);
      return this.#end({ ...outcome, ...(error && { error }) } as TaskOutcome, true);
    } catch (error) {
      // After a panic nobody else tells listeners.
      if (TaskExecutionError.is(error) && error.code === 'ENGINE_PANIC') return this.#perish(error);
      return this.#end(refusal(error), false);
    }
  }

  /** Drained before it had the task, or overtaken by another process. */
  #storedNothing({ status }: Pick<TaskOutcome, 'status'>): boolean {
    return status === 'yielded' ? this.#opening !== undefined : status === 'superseded' && !this.#hasBegun;
  }

  #perish(error: TaskExecutionError): TaskOutcome {
    const { taskId } = this.#order;
    const { code, message, retryable } = error;
    this.#event(JSON.stringify({ type: 'task:error', taskId, error: message, code, retryable }));
    const total: Usage | undefined = this.#lastUsage && JSON.parse(this.#lastUsage).total;
    return this.#end(nothing('interrupted', error, { usage: total ?? noUsage(), unfinished: true }), true);
  }

  /** `started` of a run that runs nothing settles when it ends. */
  async #endsWell(): Promise<void> {
    const outcome = await this.outcome;
    if (outcome.status === 'refused') throw outcome.error;
  }

  #delta(messageId: string, attempt: number, text: string): void {
    if (this.#text?.messageId !== messageId || this.#text.attempt !== attempt) {
      this.#text = { messageId, attempt, text: '' };
    }
    const offset = this.#text.text.length;
    this.#text.text += text;
    for (const listener of this.#listeners) listener.delta(messageId, attempt, text, offset);
  }

  #event(json: string): void {
    // Told by `ended`, with the error as an object.
    if (json.startsWith(runEnded)) return;
    if (json.startsWith(usageSeen)) this.#lastUsage = json;
    if (json.startsWith(messageSeen)) {
      const { messageId, attempt, content } = JSON.parse(json);
      this.#delta(messageId, attempt, content);
      return;
    }
    if (beginningSeen.test(json)) this.#hasBegun = true;
    if (!liveSeen.test(json)) this.#lastFact = json;
    if (turnEnds.some((start) => json.startsWith(start))) this.#text = undefined;
    for (const listener of this.#listeners) listener.event(json);
  }

  #end(outcome: TaskOutcome, ran: boolean): TaskOutcome {
    this.#over = true;
    unregister(this.#key, this);
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener.ended(copyOf(outcome), ran && this.drives);
    return outcome;
  }

  async interrupt(command: 'pause' | 'stop', reason?: string): Promise<boolean> {
    this.#ending = true;
    this.#interrupted = true;
    const given: MachineCommand = command === 'stop' ? { command, reason } : { command };
    try {
      const answered = (await this.#command(given)) !== unanswered;
      if (answered && command === 'pause') return true;
      const { status } = await this.outcome;
      // Where a pause was being stored already, the stop has yet to be.
      return answered && status !== 'paused';
    } catch (error) {
      // Another owner has the task, or nobody: the command still applies, and whoever gave it takes it there.
      const { status } = await this.outcome;
      if (status === 'superseded' || status === 'yielded' || status === 'refused') return false;
      throw error;
    }
  }

  yield(reason: 'signal' | 'drain' | 'dispose', grace: boolean): void {
    this.#ending = true;
    // The run's outcome says what came of it.
    this.#command({ command: 'yield', reason, grace }).catch(() => {});
  }

  crash(): void {
    this.#ending = true;
    this.#interrupted = true;
    const error = new TaskExecutionError('ENGINE_PANIC', 'The run was made to crash by its test host.');
    void this.#machine.then(
      (machine) => machine.crash(error),
      () => {},
    );
  }

  look(): void {
    this.#command({ command: 'look' }).catch(() => {});
  }

  /** A run that is refused obeys nothing. */
  async #command(command: MachineCommand): Promise<unknown> {
    const machine = await this.#machine.catch(() => undefined);
    return machine === undefined ? unanswered : machine.command(command);
  }

  follow(listener: RunListener): () => void {
    if (!this.#over) {
      this.#listeners.add(listener);
      const said = this.#text;
      if (said !== undefined) listener.delta(said.messageId, said.attempt, said.text, 0);
    }
    return () => this.#listeners.delete(listener);
  }
}

/** Firestore takes one write a second to a document, in the long run. */
function paced(storeId: string, options: Record<string, unknown>): Record<string, unknown> {
  const { liveMs } = options;
  const isTooOften = typeof liveMs === 'number' && liveMs < 1_000 && storeId.startsWith('firestore:');
  return isTooOften ? { ...options, liveMs: 1_000 } : options;
}

/** Why a command that only begins a task has failed, where its run has ended without an error and before it began. */
export function notStored({ unfinished }: Pick<TaskOutcome, 'unfinished'>): TaskExecutionError {
  return unfinished
    ? new TaskExecutionError(
        'STORE_UNAVAILABLE',
        'The process was drained before the command was stored. Give it again.',
      )
    : new TaskExecutionError(
        'LEASE_HELD',
        'Another run has the task: the command is not stored. Give it again.',
      );
}

/** The outcome of a run that could not begin. */
export function refusal(thrown: unknown): TaskOutcome {
  return nothing('refused', typed(thrown), { usage: noUsage(), unfinished: false });
}

function nothing(
  status: 'refused' | 'interrupted',
  error: TaskExecutionError,
  rest: { usage: Usage; unfinished: boolean },
): TaskOutcome {
  return { status, text: '', items: [], error, ...rest };
}

function noUsage(): Usage {
  return {
    inputTokens: 0,
    outputTokens: 0,
    totalTokens: 0,
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 0,
    unreported: 0,
  };
}

/** Every listener's own. */
export function copyOf(outcome: TaskOutcome): TaskOutcome {
  return { ...outcome, usage: { ...outcome.usage }, items: outcome.items.map((item) => ({ ...item })) };
}

/** 53 random bits, from the host where it has a source of its own. */
export function seedOf(host: TaskHost): number {
  if (host.random !== undefined) {
    const random = drawn(host.random);
    if (typeof random !== 'number' || !(random >= 0 && random < 1)) {
      overhear(random, () => {});
      const shown = typeof random === 'number' ? random : `a value of type ${typeof random}`;
      throw new TaskExecutionError(
        'HOST_CALLBACK',
        `random() must return a number from 0 to below 1, not ${shown}.`,
      );
    }
    return Math.floor(random * Number.MAX_SAFE_INTEGER);
  }
  const [high = 0, low = 0] = randomWords(2);
  return (high & 0x1fffff) * 2 ** 32 + low;
}

function drawn(random: () => number): unknown {
  try {
    return random();
  } catch (thrown) {
    throw new TaskExecutionError(
      'HOST_CALLBACK',
      `The host's random() failed: ${describeThrown(thrown).message}.`,
      {
        cause: thrown,
      },
    );
  }
}
