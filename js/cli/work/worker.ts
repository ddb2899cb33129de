import type { Backend } from '../../server/host.js';
import type { TaskOutcome } from '../../types.js';
import { describeThrown } from '../../values.js';
import { Quit } from '../exit.js';
import { type Candidate, Candidates, keyOfTask } from './candidates.js';
import { FollowedRun } from './followed-run.js';
import { duration } from './lines.js';
import type { Report, Running } from './report.js';

/** Runs in a row without a new turn or result after which a worker lets a task alone. */
const mostStalls = 3;
/** Without anything to do, a worker looks this many times more seldom, at last. */
const mostSeldom = 6;
/** Tasks that are being taken up side by side. */
const mostBeginning = 4;
/** Of a task that cannot be taken up. */
const firstRestMs = 60_000;
const longestRestMs = 60 * 60_000;

/** What a worker works with. */
export interface WorkerOptions {
  /** What tasks are looked for with. */
  backend: Backend;
  /** What one is run with. */
  backendOf: (ids: { userId: string; taskId: string }) => Promise<Backend>;
  atOnce: number;
  perUser: number;
  /** Between two looks, about. */
  everyMs: number;
  report: Report;
  /** Where the store has not answered yet: asked until it does. A Quit that it throws ends the worker. */
  probe?: (() => Promise<void>) | undefined;
  /** A number from 0 up to 1. */
  random?: () => number;
}

/** Takes up what nobody runs, so many at a time, until it is told to end. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #candidates: Candidates;
  readonly #running = new Map<string, Running>();
  readonly #over = new Set<Promise<void>>();
  /** How often in a row that led nowhere, by task. */
  readonly #stalls = new Map<string, number>();
  #wake = () => {};
  #isFull = false;
  #idle = 1;
  #isAway = false;
  #probe: (() => Promise<void>) | undefined;
  #looking: { found: AsyncGenerator<Candidate, void>; since: number } | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#probe = options.probe;
    this.#candidates = new Candidates(options.backend, options.everyMs, {
      isBusy: (key) => this.#running.has(key),
      hasPlace: (userId) => this.#ofUser(userId) < options.perUser,
      trouble: (task, what) => options.report.trouble(task, what),
      now: () => performance.now(),
    });
  }

  /** Tasks under way. */
  get running(): Running[] {
    return [...this.#running.values()];
  }

  /**
   * Works until the signal is aborted; settles once every run has ended.
   *
   * @throws Quit where the store refuses before it has answered once
   */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake());
    while (!signal.aborted) {
      const delayMs = await this.#look(signal);
      if (!signal.aborted) await this.#pause(delayMs);
    }
    await Promise.all(this.#over);
  }

  #ofUser(userId: string): number {
    return this.running.filter((task) => task.userId === userId).length;
  }

  /** Takes up what it finds; returns after how long to look again. */
  async #look(signal: AbortSignal): Promise<number> {
    const { atOnce, report } = this.#options;
    const isFull = () => this.#running.size >= atOnce;
    let found = 0;
    const beginning = new Set<Promise<void>>();
    try {
      await this.#probe?.();
      this.#probe = undefined;
      while (!isFull() && !signal.aborted) {
        const candidate = await this.#next();
        if (this.#isAway) report.back();
        this.#isAway = false;
        if (candidate === undefined) break;
        const begun = this.#begin(candidate, signal).then((isBegun) => {
          beginning.delete(begun);
          if (isBegun) found += 1;
        });
        beginning.add(begun);
        // Not one after the other, and not all at once: other workers look at the same tasks.
        if (beginning.size >= mostBeginning) await Promise.race(beginning);
      }
      await Promise.all(beginning);
      this.#isFull = isFull();
    } catch (thrown) {
      if (thrown instanceof Quit) throw thrown;
      this.#looking = undefined;
      this.#idle = Math.min(mostSeldom, this.#idle * 2);
      const delayMs = this.#delay();
      this.#isAway = true;
      report.away(describeThrown(thrown).message, delayMs);
      return delayMs;
    }
    const isBusy = found > 0 || this.#isFull || this.#candidates.isInMidway;
    this.#idle = isBusy ? 1 : Math.min(mostSeldom, this.#idle * 1.5);
    const delayMs = this.#delay();
    const { held, waiting } = this.#candidates;
    report.looked({ held, waiting, nextInMs: delayMs });
    return delayMs;
  }

  /** Of the look that is under way, unless that is old, else of a new one; undefined at its end. */
  async #next(): Promise<Candidate | undefined> {
    const now = performance.now();
    if (this.#looking === undefined || now - this.#looking.since > 2 * this.#options.everyMs) {
      this.#looking = { found: this.#candidates.look(), since: now };
    }
    const { done, value } = await this.#looking.found.next();
    if (!done) return value;
    this.#looking = undefined;
    return undefined;
  }

  /** A quarter more or less, so that workers which were started together do not stay together. */
  #delay(): number {
    const { everyMs, random = Math.random } = this.#options;
    return everyMs * this.#idle * (0.75 + random() / 2);
  }

  /** Until it is time, or a run has ended that kept others from being taken up. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }

  /** Whether the task was taken up. */
  async #begin(candidate: Candidate, signal: AbortSignal): Promise<boolean> {
    const { userId, taskId, isStale } = candidate;
    const key = keyOfTask(userId, taskId);
    const task: Running = { ...candidate, since: performance.now() };
    // Before anything is waited for: a task is taken up once.
    this.#running.set(key, task);
    try {
      const { engine, host } = await this.#options.backendOf({ userId, taskId });
      if (host.model === undefined) throw new Error('the host that is configured for it has no model.');
      const run = new FollowedRun(task, engine.executor(taskId, userId), this.#options.report);
      // Another worker that was faster keeps the task.
      const isBegun = run.begin({ whileWaiting: 'yield', signal, ...(!isStale && { waitForLeaseMs: 0 }) });
      const over = run.outcome.then((outcome) => {
        this.#over.delete(over);
        this.#running.delete(key);
        this.#ended(key, task, outcome, run.hasMoved);
        if (this.#isFull || this.#candidates.hasHeldBack) this.#wake();
      });
      this.#over.add(over);
      if (isStale || (await isBegun)) return true;
      await over;
    } catch (thrown) {
      this.#running.delete(key);
      this.#failed(key, task, describeThrown(thrown).message, false);
    }
    return false;
  }

  #ended(key: string, task: Running, outcome: TaskOutcome, hasMoved: boolean): void {
    if (outcome.status === 'refused') {
      const { code, message } = outcome.error;
      // Another worker has it, or it was deleted.
      if (code === 'LEASE_HELD' || code === 'TASK_NOT_FOUND') this.#candidates.forget(key);
      else this.#failed(key, task, message, outcome.error.retryable);
      return;
    }
    this.#options.report.ended(task, outcome);
    this.#candidates.forget(key);
    const isOurs =
      outcome.status === 'interrupted' || (outcome.status === 'yielded' && outcome.reason !== 'waiting');
    if (hasMoved || !isOurs || !outcome.unfinished) {
      this.#stalls.delete(key);
      return;
    }
    if (this.#stalled(key) < mostStalls) {
      this.#candidates.rest(key, this.#options.everyMs);
      return;
    }
    this.#stalls.delete(key);
    this.#candidates.leave(key);
    const what = `is left alone: ${mostStalls} runs in a row brought no turn and no result. What it waits for is resume().`;
    this.#options.report.trouble(task, what);
  }

  /** Tried again ever more seldom: what is wrong may be set right at any time. */
  #failed(key: string, task: Running, why: string, isPassing: boolean): void {
    const firstMs = isPassing ? this.#options.everyMs : firstRestMs;
    const restMs = Math.min(longestRestMs, firstMs * 2 ** (this.#stalled(key) - 1));
    this.#candidates.rest(key, restMs);
    this.#options.report.trouble(task, `cannot be taken up: ${why} Tried again in ${duration(restMs)}.`);
  }

  #stalled(key: string): number {
    const stalls = (this.#stalls.get(key) ?? 0) + 1;
    this.#stalls.set(key, stalls);
    return stalls;
  }
}
