/** How far the tasks of a campaign are, by their heads alone: one read for a hundred tasks, whoever runs them. */
import type { TaskStore } from '../../js/index.js';
import { sleep } from '../kill/random.js';

export interface Ids {
  userId: string;
  taskId: string;
}

/** What the last look has seen of a task. */
export interface Seen {
  ids: Ids;
  version: string;
  seq: number;
  /** Calls wait for people. */
  waits: boolean;
  /** How the last run ended, as the head has it. */
  lastRun: string;
  /** Acquisitions after unclean ends, without a new turn or result. */
  attempts: number;
  /** When its journal was first seen to be so long. */
  movedAt: number;
}

const atOnce = 100;

export class Progress {
  readonly #store: TaskStore;
  readonly #seen = new Map<string, Seen>();
  /** Journal entries of all tasks. */
  entries = 0;
  #movedAt = Date.now();

  constructor(store: TaskStore) {
    this.#store = store;
  }

  /** Milliseconds in which nobody has stored a thing. */
  get silentMs(): number {
    return Date.now() - this.#movedAt;
  }

  /** What is there of those tasks that have not ended. */
  async look(tasks: readonly Ids[]): Promise<Seen[]> {
    const open = tasks.filter(({ taskId }) => this.#seen.get(taskId)?.lastRun !== 'completed');
    for (let first = 0; first < open.length; first += atOnce) {
      const some = open.slice(first, first + atOnce);
      const heads = await this.#store.read(
        some.map(({ userId, taskId }) => `users/${userId}/tasks/${taskId}/engine/head`),
      );
      for (const [n, ids] of some.entries()) {
        const { version = '', data = {} } = heads[n] ?? {};
        const { seq = 0, summary, last_run, attempts } = data as Record<string, any>;
        const before = this.#seen.get(ids.taskId);
        const hasMoved = before?.seq !== seq;
        if (hasMoved) this.#movedAt = Date.now();
        this.entries += seq - (before?.seq ?? 0);
        this.#seen.set(ids.taskId, {
          ids,
          version,
          seq,
          waits: summary?.waiting?.length > 0,
          lastRun: last_run ?? '',
          attempts: attempts ?? 0,
          movedAt: hasMoved ? Date.now() : (before?.movedAt ?? Date.now()),
        });
      }
    }
    return this.open;
  }

  /** Those that were not completed when they were looked at. */
  get open(): Seen[] {
    return [...this.#seen.values()].filter(({ lastRun }) => lastRun !== 'completed');
  }

  /** As the last look has it; undefined where it is completed. */
  of({ taskId }: Ids): Seen | undefined {
    const seen = this.#seen.get(taskId);
    return seen?.lastRun === 'completed' ? undefined : seen;
  }

  /** Until there are so many entries, as looks of others count them. */
  async reaches(entries: number, isOver: () => boolean): Promise<void> {
    while (this.entries < entries && !isOver()) await sleep(100);
  }
}
