import type { TaskEvent, TaskOutcome } from '../../types.js';
import type { Candidate } from './candidates.js';

/** A task that this process runs. */
export interface Running extends Candidate {
  /** Milliseconds, by the worker's clock. */
  since: number;
}

/** What is told of a worker. None of these throws. */
export interface Report {
  begun(task: Running): void;
  event(task: Running, event: TaskEvent): void;
  ended(task: Running, outcome: TaskOutcome): void;
  /** A task is let alone, or cannot be taken up. */
  trouble(task: { userId: string; taskId: string }, what: string): void;
  /** The store could not be asked; it is again in so many milliseconds. */
  away(what: string, againInMs: number): void;
  /** It could be asked again. */
  back(): void;
  /** What a look has seen, and when the next one is. */
  looked(seen: { held: number; waiting: number; nextInMs: number }): void;
}
