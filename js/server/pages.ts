import { TextEncoder } from '../platform.js';
import type { ThreadMessage } from '../types.js';
import type { TaskView } from './view.js';

/** UTF-8 bytes of JSON that a page of tasks or messages has at most. Vercel lets 4.5 MB out at once, others 6 and more. */
export const pageBytes = 2_000_000;

const encoder = new TextEncoder();

/**
 * The last of the items that fit into so many bytes of JSON, in their order. `small` makes a smaller one of an item that would
 * not fit alone, or nothing.
 */
export function lastThatFit<T>(items: readonly T[], most: number, small: (item: T) => T | undefined): T[] {
  const fit: T[] = [];
  let left = most;
  for (const item of items.toReversed()) {
    const told = bytesOf(item) <= most ? item : small(item);
    if (told === undefined) continue;
    left -= bytesOf(told);
    if (left < 0) break;
    fit.push(told);
  }
  return fit.reverse();
}

/** With the comma behind it. */
export function bytesOf(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).byteLength + 1;
}

/** A message that is larger than a page. */
export function withoutContent({ id, task_id, role, timestamp }: ThreadMessage): ThreadMessage {
  return { id, task_id, role, content: '', timestamp };
}

/** A task that is larger than a page of them: what a list shows of it. */
export function withoutPlan(task: TaskView): TaskView {
  const { id, user_id, status, created_at, updated_at, config } = task;
  const progress = {
    current_milestone: '',
    current_task: '',
    overall_percentage: 0,
    milestones: [],
    tasks: {},
  };
  const title = String(task.title).slice(0, 1_000);
  const { auto_approve } = { auto_approve: true, ...config };
  return {
    id,
    user_id,
    title,
    description: '',
    status,
    created_at,
    updated_at,
    config: { system_prompt: '', auto_approve },
    progress: { ...progress, overall_percentage: task.progress.overall_percentage },
  };
}
