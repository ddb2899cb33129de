import type { RunOptions, TaskEvent, TaskOutcome, TaskRun } from '../types.js';
import { copyOf, refusal } from './active-run.js';
import { agentOf } from './agent.js';
import { Feed } from './feed.js';
import { TaskLifecycle } from './lifecycle.js';
import type { LocalRun } from './registry.js';

/** What `run()` takes. */
export interface TaskRunOptions extends RunOptions {
  /** Yields when it is aborted: the task stays in progress for another run. Of no effect on a run that is joined. */
  signal?: AbortSignal | undefined;
}

/** A task with the means to run it. */
export class TaskExecutor extends TaskLifecycle {
  /** The run that `run()` began here; others are only followed. */
  #own: LocalRun | undefined;

  /** A run that this instance began or joined is under way. */
  get isRunning(): boolean {
    return agentOf(this).isRunning;
  }

  /** Flips at once with each command; settles on what is stored. */
  get isPaused(): boolean {
    return agentOf(this).isPaused;
  }

  /** How the last run ended that this instance began or joined. */
  get outcome(): TaskOutcome | undefined {
    const { outcome } = agentOf(this);
    return outcome && copyOf(outcome);
  }

  /** Begins the task and runs it: settles when the run ends, rejects only when it could not begin. */
  override async start(): Promise<void> {
    await this.#command('start');
  }

  /** Goes on with the task and runs it: settles when the run ends, rejects only when it could not begin. */
  override async resume(): Promise<void> {
    await this.#command('resume');
  }

  async #command(intent: 'start' | 'resume'): Promise<void> {
    const run = await agentOf(this).begin(intent, true);
    this.#own = run;
    await run.started;
    await run.outcome;
  }

  /** Drives what is stored and overrides no decision: a paused task stays paused. */
  run(options: TaskRunOptions = {}): TaskRun {
    const { signal, ...runOptions } = options;
    const feed = new Feed(this.taskId, agentOf(this));
    const begun = agentOf(this).begin('run', true, runOptions, feed);
    const outcome = begun.then(
      async (run) => {
        this.#own = run;
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
    const run = this.#own ?? agentOf(this).attached;
    this.#own = undefined;
    run?.yield('dispose', false);
  }
}

// Where the platform has no Symbol.dispose there is no `using` either.
if (typeof Symbol.dispose === 'symbol') {
  Object.defineProperty(TaskExecutor.prototype, Symbol.dispose, {
    value(this: TaskExecutor) {
      this.dispose();
    },
    configurable: true,
    writable: true,
  });
}

function yieldOn(signal: AbortSignal | undefined, run: LocalRun): () => void {
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
