import type { ObjectContext, RestatePromise } from '@restatedev/restate-sdk/fetch';
import { backendFor } from '../server/host.js';
import { asRun } from './errors.js';
import type { Settings, SupervisionOptions } from './options.js';
import type { Places } from './places.js';
import type { Sdk } from './sdk.js';
import { hasNews, runSlice, type SliceEnd, SliceLost } from './slice.js';
import type { WorkerPlaces } from './worker-places.js';

/** What one invocation hands to the next. */
export interface Supervision {
  /** Slices in a row that brought no turn and no result. */
  stalls?: number;
  /** Failures in a row that may pass. */
  failures?: number;
  /** How long was waited for a person the last time. */
  lookMs?: number;
  /** How long is waited the next time for another run that has the task. */
  heldMs?: number;
  /** The last look found nothing to go on with. */
  isQuiet?: boolean;
}

/** How a task ended that Restate supervised. */
export interface SupervisedEnd {
  status: string;
  reason?: string;
  code?: string;
  message?: string;
}

/** State of the object: which awakeable ends its wait. */
export const wakeKey = 'wake';

const mostStalls = 3;
const heldFirstMs = 2_000;
const heldMostMs = 60_000;
const stepRetry = { initialRetryInterval: 500, retryIntervalFactor: 2, maxRetryInterval: 15_000 };

type Ids = { userId: string; taskId: string };
type Run = { run(ctx: ObjectContext, input: Supervision): Promise<SupervisedEnd> };

/** Has one task run, slice after slice, until nobody has to go on. */
export class Supervisor {
  readonly #sdk: Sdk;
  readonly #ctx: ObjectContext;
  readonly #ids: Ids;
  readonly #options: SupervisionOptions;
  readonly #settings: Settings;
  readonly #worker: WorkerPlaces;
  readonly #placesName: string;
  #stalls: number;
  #failures: number;
  #lookMs: number;
  #heldMs: number;
  #hasPlace = false;
  /** The last look found nothing. */
  #isQuiet: boolean;
  #wake: { id: string; promise: RestatePromise<unknown> } | undefined;

  constructor(
    ctx: ObjectContext,
    ids: Ids,
    work: {
      sdk: Sdk;
      options: SupervisionOptions;
      settings: Settings;
      worker: WorkerPlaces;
      placesName: string;
    },
    { stalls = 0, failures = 0, lookMs = 0, heldMs = heldFirstMs, isQuiet = false }: Supervision,
  ) {
    this.#sdk = work.sdk;
    this.#ctx = ctx;
    this.#ids = ids;
    this.#options = work.options;
    this.#settings = work.settings;
    this.#worker = work.worker;
    this.#placesName = work.placesName;
    this.#stalls = stalls;
    this.#failures = failures;
    this.#lookMs = lookMs;
    this.#heldMs = heldMs;
    this.#isQuiet = isQuiet;
  }

  /** Undefined where another invocation goes on. */
  async run(): Promise<SupervisedEnd | undefined> {
    try {
      const end = await this.#run();
      this.#leave();
      return end;
    } catch (thrown) {
      // Anything else has the invocation repeated, and nothing more is recorded of this attempt.
      if (!(thrown instanceof this.#sdk.TerminalError)) throw thrown;
      try {
        if (thrown instanceof this.#sdk.CancelledError) await this.#cancelled();
      } catch (refusal) {
        // Such a task is over, or is not there any more: nothing is left to stop.
        if (!(refusal instanceof this.#sdk.TerminalError)) throw refusal;
      }
      this.#leave();
      throw thrown;
    }
  }

  #leave(): void {
    this.#ctx.clear(wakeKey);
    this.#give();
  }

  async #run(): Promise<SupervisedEnd | undefined> {
    if (this.#isQuiet) {
      // What came while one invocation handed on to this one has woken neither.
      this.#wake = this.#awakeable();
      await this.#look();
    }
    for (let left = this.#settings.slices; left > 0; left -= 1) {
      // Stored before the slice that may need it: a command that comes meanwhile finds it.
      this.#wake ??= this.#awakeable();
      const end = await this.#next();
      const over = await this.#after(end);
      if (over !== undefined) return over;
    }
    const { name } = this.#settings;
    const handed: Supervision = {
      stalls: this.#stalls,
      failures: this.#failures,
      lookMs: this.#lookMs,
      heldMs: this.#heldMs,
      isQuiet: this.#isQuiet,
    };
    this.#ctx.objectSendClient<Run>({ name }, this.#ctx.key).run(handed);
    return undefined;
  }

  /** A slice, unless it is known that there is nothing to go on with. */
  async #next(): Promise<SliceEnd> {
    if (this.#isQuiet) {
      this.#isQuiet = false;
      return { kind: 'waits' };
    }
    await this.#take();
    return this.#slice();
  }

  #awakeable(): { id: string; promise: RestatePromise<unknown> } {
    const awakeable = this.#ctx.awakeable();
    this.#ctx.set(wakeKey, awakeable.id);
    return awakeable;
  }

  #slice(): RestatePromise<SliceEnd> {
    const { sliceMs } = this.#settings;
    const { attemptCompletedSignal: signal } = this.#ctx.request();
    const intent = this.#failures > 0 ? 'start' : 'run';
    const slice = () =>
      this.#worker.hold(signal, async () => {
        try {
          return await asRun(this.#sdk, () =>
            runSlice(this.#options, this.#ids, { intent, sliceMs, signal }),
          );
        } catch (thrown) {
          throw thrown instanceof SliceLost
            ? new this.#sdk.RetryableError(thrown.message, { cause: thrown })
            : thrown;
        }
      });
    return this.#ctx.run('slice', slice, stepRetry);
  }

  /** What has to happen before the next slice; what ends it all. */
  async #after(end: SliceEnd): Promise<SupervisedEnd | undefined> {
    const { retry, look } = this.#settings;
    if (end.kind !== 'held') this.#heldMs = heldFirstMs;
    if (end.kind !== 'failed') this.#failures = 0;
    switch (end.kind) {
      case 'ended': {
        const { kind: _, ...how } = end;
        return how;
      }
      case 'more':
        this.#stalls = end.moved ? 0 : this.#stalls + 1;
        this.#lookMs = 0;
        return this.#stalls >= mostStalls ? { status: 'stalled' } : undefined;
      case 'failed': {
        if (this.#failures >= retry.attempts)
          return { status: 'failed', code: end.code, message: end.message };
        const restMs = Math.min(retry.maxMs, retry.baseMs * 2 ** this.#failures);
        this.#failures += 1;
        await this.#sleep(restMs);
        return undefined;
      }
      case 'held':
        await this.#sleep(this.#heldMs);
        this.#heldMs = Math.min(heldMostMs, this.#heldMs * 2);
        return undefined;
      case 'waits':
        this.#lookMs = Math.min(look.maxMs, this.#lookMs === 0 ? look.firstMs : this.#lookMs * 2);
        await this.#waitForPeople(this.#lookMs);
        return undefined;
    }
  }

  /** Until somebody wakes the task, or a look finds what came without a word: then it looks ever more seldom. */
  async #waitForPeople(ms: number): Promise<void> {
    if (!(await this.#sleep(ms))) await this.#look();
  }

  async #look(): Promise<void> {
    const isThere = await this.#ctx.run(
      'look',
      () => asRun(this.#sdk, () => hasNews(this.#options, this.#ids)),
      stepRetry,
    );
    if (isThere) this.#lookMs = 0;
    this.#isQuiet = !isThere;
  }

  /** Gives the place up and suspends, until somebody wakes the task or for so long. */
  async #sleep(ms: number): Promise<boolean> {
    this.#give();
    const { promise } = this.#wake ?? this.#awakeable();
    const woken = await this.#sdk.RestatePromise.race([
      promise.map(() => true),
      this.#ctx.sleep(ms).map(() => false),
    ]);
    if (!woken) return false;
    this.#wake = undefined;
    this.#lookMs = 0;
    return true;
  }

  /** A place among the user's tasks. */
  async #take(): Promise<void> {
    const places = this.#ctx.objectSendClient<Places>({ name: this.#placesName }, this.#ids.userId);
    const holder = this.#ctx.request().id;
    if (this.#hasPlace) {
      places.renew(holder);
      return;
    }
    const place = this.#ctx.awakeable();
    places.take({ holder, awakeable: place.id });
    this.#hasPlace = true;
    await place.promise;
  }

  #give(): void {
    if (!this.#hasPlace) return;
    this.#hasPlace = false;
    const places = this.#ctx.objectSendClient<Places>({ name: this.#placesName }, this.#ids.userId);
    places.give(this.#ctx.request().id);
  }

  /** The task is stopped as by `stop()`: what runs it obeys, wherever that is. */
  async #cancelled(): Promise<void> {
    const { userId, taskId } = this.#ids;
    const stop = () =>
      asRun(this.#sdk, async () => {
        const { engine } = await backendFor(this.#ids, this.#options.engine);
        await engine.lifecycle(taskId, userId).stop('cancelled');
      });
    await this.#ctx.run('stop', stop, stepRetry);
  }
}
