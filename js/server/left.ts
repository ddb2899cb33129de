import type { StoredDocument } from '../types.js';
import type { Backend } from './host.js';

/** Acquisitions after unclean ends, without a new turn or result, after which nobody goes on by itself. */
const mostAttempts = 3;

/**
 * What a task that is in progress is to whoever looks for work: `left` by everybody; `held` by a run; `waits` for a
 * person, with nothing in its inbox; `stuck`, having died too often at the same place; `over` by now.
 */
export type Standing = 'left' | 'held' | 'waits' | 'stuck' | 'over';

/** A standing, and what it was read from. */
export interface Look {
  standing: Standing;
  head: StoredDocument | null;
  /** The last journal entry. */
  seq: number;
}

/** Where the head of a task is. */
export function headOf(userId: string, taskId: string): string {
  return `users/${userId}/tasks/${taskId}/engine/head`;
}

/** Whether a person has left something for a task that waits. */
export async function hasMail({ host }: Backend, userId: string, taskId: string): Promise<boolean> {
  return (await host.store.list(`users/${userId}/tasks/${taskId}/inbox`, { limit: 1 })).length > 0;
}

/** Looks at a task whose document says that it is in progress. */
export async function lookAt(backend: Backend, userId: string, taskId: string): Promise<Look> {
  const { status, unfinished, waiting, seq } = await backend.engine.lifecycle(taskId, userId).state();
  const [head = null] = await backend.host.store.read([headOf(userId, taskId)]);
  if (!unfinished) return { standing: status === 'in_progress' ? 'held' : 'over', head, seq };
  const hasYielded = head?.data.last_run === 'yielded';
  // Whoever has taken the task since, and given it up in order, wants it tried again: start() and resume() do that.
  const isAskedFor = hasYielded && head?.data.owner === undefined;
  if (!isAskedFor && Number(head?.data.attempts ?? 0) >= mostAttempts) {
    return { standing: 'stuck', head, seq };
  }
  // A run that yielded has cut nothing: where calls wait, there is nothing else to do.
  const waits = waiting.length > 0 && hasYielded && !(await hasMail(backend, userId, taskId));
  return { standing: waits ? 'waits' : 'left', head, seq };
}
