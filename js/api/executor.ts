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
    const { signal, ...runOptions } = options;
    const agent = agentOf(this);
    const feed = new Feed(this.taskId, agent);
    const begun = agent.begin('run', true, runOptions, feed);
    const outcome = begun.then(
      async (run) => {
        const stopListening = yieldOn(signal, run);
        const ended = await run.outcome;
        stopListening();
        return copyOf(ended);
      },
      (error) => {
        const refused = refusal(error);
        feed.ended(refused, false);
        return refused;
      },
    );
    const started = begun.then((run) => run.started);
    started.catch(() => {});
    return { started, outcome, [Symbol.asyncIterator]: () => iterate(feed) };
  }

  /** Yields a run that this instance began or joined, without grace. Nothing else is held. */
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

function yieldOn(signal: AbortSignalLike | undefined, run: LocalRun): () => void {
  if (signal === undefined) return () => {};
  const onAbort = () => run.yield('signal', true);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
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
