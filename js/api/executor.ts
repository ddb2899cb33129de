import { onAbort } from '../abort.js';
import type {
  AbortSignalLike,
  DisposableLike,
  RunOptions,
  TaskEvent,
  TaskOutcome,
  TaskRun,
} from '../types.js';
import { copyOf, refusal } from './active-run.js';
import { agentOf } from './agent.js';
import { optionalSignalOf, optionsOf, readFrom, typed } from './arguments.js';
import { Feed } from './feed.js';
import { TaskLifecycle } from './lifecycle.js';
import type { LocalRun } from './registry.js';

/** What `run()` takes. */
export interface TaskRunOptions extends RunOptions {
  /**
   * Yields the run when it is aborted, with the grace: the task stays in progress for another run. That holds for a run
   * which is only joined too: it ends, with the reason `signal`, for all who follow it, as their `dispose()` or
   * `pause()` would end it. To stop watching and let the run go on, leave the loop instead, or use `events()`.
   */
  signal?: AbortSignalLike | undefined;
}

/** A task with the means to run it. Its `[Symbol.dispose]` is `dispose()`, where the platform has `using`. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: a class cannot say that types may lack a member's name
export class TaskExecutor extends TaskLifecycle {
  /** A run that this instance began or joined is under way. */
  get isRunning(): boolean {
    return agentOf(this).isRunning;
  }

  /** Flips at once with each command; settles on what is stored. */
  get isPaused(): boolean {
    return agentOf(this).isPaused;
  }

  /** How the last run ended that this instance began or joined, by whichever command; a refused one has not begun. */
  get outcome(): TaskOutcome | undefined {
    const { outcome } = agentOf(this);
    return outcome && copyOf(outcome);
  }

  /** Begins the task and runs it: settles when the run ends, rejects only when it could not begin. */
  override async start(): Promise<void> {
    await beginAndEnd(this, 'start');
  }

  /** Goes on with the task and runs it: settles when the run ends, rejects only when it could not begin. */
  override async resume(): Promise<void> {
    await beginAndEnd(this, 'resume');
  }

  /**
   * Drives what is stored and overrides no decision: a paused task stays paused. Joins the run that is under way in
   * this process.
   *
   * @throws TaskExecutionError by its iterator, where facts that waited too long to be kept in memory cannot be read
   * from the journal again
   */
  run(options: TaskRunOptions = {}): TaskRun {
    const agent = agentOf(this);
    const feed = new Feed(this.taskId, agent);
    const yielding = new Yielding();
    let begun: Promise<LocalRun>;
    try {
      optionsOf('options', options, []);
      const { signal, ...runOptions } = readFrom('options', () => ({ ...options }));
      yielding.listenTo(optionalSignalOf(signal));
      begun = agent.begin('run', true, runOptions, feed);
    } catch (thrown) {
      begun = Promise.reject(typed(thrown));
    }
    const outcome = begun.then(
      async (run) => {
        yielding.begun(run);
        const ended = await run.outcome;
        yielding.end();
        return copyOf(ended);
      },
      (error) => {
        yielding.end();
        const refused = refusal(error);
        feed.ended(refused, false);
        return refused;
      },
    );
    const started = begun.then((run) => run.started);
    started.catch(() => {});
    return { started, outcome, [Symbol.asyncIterator]: () => iterate(feed) };
  }

  /**
   * Yields a run that this instance began or joined by `start()`, `resume()` or `run()`, without grace. One that it
   * only decided something for, or sent a message to, goes on. Nothing else is held.
   */
  dispose(): void {
    agentOf(this).dispose();
  }
}

export interface TaskExecutor extends DisposableLike {}

async function beginAndEnd(owner: TaskExecutor, intent: 'start' | 'resume'): Promise<void> {
  const run = await agentOf(owner).begin(intent, true);
  await run.started;
  await run.outcome;
}

if (typeof Symbol.dispose === 'symbol') {
  Object.defineProperty(TaskExecutor.prototype, Symbol.dispose, {
    value(this: TaskExecutor) {
      this.dispose();
    },
    configurable: true,
    writable: true,
  });
}

/** Yields a run, once there is one, when its signal is aborted. */
class Yielding {
  #signal: AbortSignalLike | undefined;
  #run: LocalRun | undefined;
  #unlisten: (() => void) | undefined;

  /** @throws whatever a signal throws that is none of the platform's */
  listenTo(signal: AbortSignalLike | undefined): void {
    this.#signal = signal;
    this.#unlisten = signal && onAbort(signal, () => this.#yield());
  }

  #yield(): void {
    this.#run?.yield('signal', true);
  }

  begun(run: LocalRun): void {
    this.#run = run;
    if (this.#signal?.aborted) this.#yield();
  }

  end(): void {
    this.#run = undefined;
    this.#unlisten?.();
  }
}

function iterate(feed: Feed): AsyncIterator<TaskEvent> {
  return {
    async next() {
      const value = await feed.next();
      return value === undefined ? { done: true, value: undefined } : { done: false, value };
    },
    async return() {
      return { done: true, value: undefined };
    },
  };
}
