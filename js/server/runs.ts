import { agentIn } from '../api/engine.js';
import type { LocalRun } from '../api/registry.js';
import { logTo } from '../log.js';
import type { TaskHost, TaskOutcome } from '../types.js';
import { describeThrown } from '../values.js';
import type { SelfCall } from './continuation.js';
import type { Backend } from './host.js';
import { limitsOf, type TaskRoutesOptions } from './options.js';
import { Places } from './places.js';
import { Refusal } from './problem.js';

/** Runs in a row without a new turn or result after which nobody goes on by itself. */
const mostStalls = 3;

/** Which task, and where. */
export interface TaskPlace extends Backend {
  userId: string;
  taskId: string;
}

/** The runs that requests of one set of routes have begun, and what goes on after them. */
export class RouteRuns {
  readonly #options: TaskRoutesOptions;
  readonly #self: SelfCall | undefined;
  readonly #running = new Places();
  /** For functions that continue: how often in a row that led nowhere. */
  readonly #stalls = new Map<string, number>();
  /** Runs that have somebody who goes on after them. */
  readonly #seenTo = new WeakSet<LocalRun>();

  constructor(options: TaskRoutesOptions, self: SelfCall | undefined) {
    this.#options = options;
    this.#self = self;
  }

  /**
   * Begins a task, or goes on with it, and lets it run behind the answer. Settles when that is stored. A host without a
   * model leaves the running to whoever has one.
   *
   * @throws TaskExecutionError where it cannot begin, Refusal 429 where too many of the user's tasks are at work
   */
  async begin(place: TaskPlace, intent: 'start' | 'run' | 'resume', stalls?: number): Promise<void> {
    const leave = this.#running.take(place.userId, place.taskId, limitsOf(this.#options).runningPerUser);
    if (leave === undefined) {
      const what = 'Too many of your tasks are at work. Pause one, or wait for one to end.';
      throw new Refusal(429, 'TOO_MANY_REQUESTS', what, { 'retry-after': '10' });
    }
    try {
      await this.#begin(place, intent, stalls, leave);
    } catch (thrown) {
      leave();
      throw thrown;
    }
  }

  async #begin(
    place: TaskPlace,
    intent: 'start' | 'run' | 'resume',
    stalls: number | undefined,
    leave: () => void,
  ): Promise<void> {
    const { engine, host, userId, taskId } = place;
    if (intent !== 'run') await engine.lifecycle(taskId, userId)[intent]();
    if (host.model === undefined) {
      leave();
      return;
    }
    const { seq } = await engine.persistence(taskId, userId).checkpoint();
    const { maxDurationMs, keepAlive } = this.#options.run ?? {};
    const liveMs = liveMsOf(this.#options, host);
    const run = await agentIn(engine, taskId, userId).begin('run', true, { maxDurationMs, liveMs });
    const isJoined = this.#seenTo.has(run);
    this.#seenTo.add(run);
    const over = run.outcome.then(async (outcome) => {
      leave();
      // Once a run, by whoever saw it first: it counts from where the run began.
      if (!isJoined) await this.#goOn(place, outcome, seq, stalls);
    });
    keepAlive?.(over);
    await run.started;
  }

  /**
   * Runs a task that is in progress and that nobody runs. Settles when it runs, with true, or does not; what is wrong is
   * logged.
   */
  async wake(place: TaskPlace): Promise<boolean> {
    try {
      const { unfinished } = await place.engine.lifecycle(place.taskId, place.userId).state();
      if (unfinished) await this.begin(place, 'run');
      return unfinished && place.host.model !== undefined;
    } catch (thrown) {
      // The command itself is stored: the sweep, or the next request, has the task run.
      warn(place, `could not be run: ${describeThrown(thrown).message}`);
      return false;
    }
  }

  /** Has an unfinished run gone on with, unless that leads nowhere. Never rejects. */
  async #goOn(place: TaskPlace, outcome: TaskOutcome, seq: number, given: number | undefined): Promise<void> {
    const { continueWith } = this.#options.run ?? {};
    const { userId, taskId } = place;
    const key = JSON.stringify([place.host.store.id, userId, taskId]);
    const before = given ?? this.#stalls.get(key) ?? 0;
    this.#stalls.delete(key);
    // Nobody decided to end it: the platform's limit did, a drain, or a store that did not answer.
    const isOurs =
      outcome.status === 'interrupted'
        ? outcome.error.retryable
        : outcome.status === 'yielded' && ['max_duration', 'drain'].includes(outcome.reason ?? '');
    if (continueWith === undefined || !isOurs || !outcome.unfinished) return;
    try {
      const stalls = (await hasMoved(place, seq)) ? 0 : before + 1;
      if (stalls >= mostStalls) {
        warn(place, `is not gone on with: ${mostStalls} runs in a row brought no turn and no result`);
        return;
      }
      if (continueWith === 'self') await this.#self?.post({ userId, taskId, stalls });
      else {
        if (stalls > 0) this.#stalls.set(key, stalls);
        await continueWith({ userId, taskId });
      }
    } catch (thrown) {
      warn(place, `could not be gone on with: ${describeThrown(thrown).message}`);
    }
  }
}

/** Where nobody can watch, text that is stored costs and is seen late. */
function liveMsOf({ liveMs }: TaskRoutesOptions, { store, defaults }: TaskHost): number | undefined {
  return liveMs ?? defaults?.liveMs ?? (typeof store.watch === 'function' ? 1_000 : undefined);
}

/** Whether a turn or a result was stored after this entry. */
async function hasMoved({ engine, userId, taskId }: TaskPlace, seq: number): Promise<boolean> {
  for await (const { kinds } of engine.persistence(taskId, userId).journal({ after: seq })) {
    if (kinds.includes('turn') || kinds.includes('result')) return true;
  }
  return false;
}

function warn({ host, userId, taskId }: TaskPlace, what: string): void {
  logTo(host.logger, 'warn', `Task ${taskId} of user ${userId} ${what}.`);
}
