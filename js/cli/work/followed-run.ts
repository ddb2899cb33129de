import type { TaskExecutor, TaskRunOptions } from '../../api/executor.js';
import type { TaskEvent, TaskEventMap, TaskOutcome } from '../../types.js';
import type { Report, Running } from './report.js';

/** What a report hears of; text as it streams is not among it. */
const told = [
  'task:started',
  'task:resumed',
  'task:message_saved',
  'task:tool_result',
  'task:approval_required',
  'task:answer_required',
  'task:progress_update',
  'task:retry',
] as const satisfies (keyof TaskEventMap)[];

/** A run of one task, told to a report from its beginning. */
export class FollowedRun {
  readonly #task: Running;
  readonly #executor: TaskExecutor;
  readonly #report: Report;
  #isBegun = false;
  /** A turn or a result was stored. */
  hasMoved = false;
  outcome!: Promise<TaskOutcome>;

  constructor(task: Running, executor: TaskExecutor, report: Report) {
    this.#task = task;
    this.#executor = executor;
    this.#report = report;
  }

  /** Settles with whether it has begun. */
  async begin(options: TaskRunOptions): Promise<boolean> {
    for (const type of told) {
      this.#executor.on(type, (payload: object) => this.#event({ type, ...payload } as TaskEvent));
    }
    const run = this.#executor.run(options);
    this.outcome = run.outcome;
    try {
      await run.started;
      this.#begun();
      return true;
    } catch {
      // The outcome tells it.
      return false;
    }
  }

  #begun(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.#report.begun(this.#task);
  }

  #event(event: TaskEvent): void {
    if (event.type === 'task:tool_result') this.hasMoved = true;
    if (event.type === 'task:message_saved' && event.role === 'assistant') this.hasMoved = true;
    this.#begun();
    this.#report.event(this.#task, event);
  }
}
