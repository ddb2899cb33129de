import { expect } from 'vitest';
import { memoryStore, type TaskStore } from '../../../js/index.js';
import type { Document } from './documents.js';

/** Where the task of these tests stands. */
export const taskPath = 'users/u/tasks/t';

/** A memory store with these documents, paths relative to the task, '' being the task itself. */
export async function storeWith(documents: Record<string, Document>): Promise<TaskStore> {
  const store = memoryStore();
  for (const [path, data] of Object.entries(documents)) {
    await store.commit([{ op: 'create', path: path === '' ? taskPath : `${taskPath}/${path}`, data }]);
  }
  return store;
}

/** Everything that is stored for the task: JSON text by path. */
export type Snapshot = Map<string, string>;

export async function snapshot(store: TaskStore): Promise<Snapshot> {
  const [task] = await store.read([taskPath]);
  const found: Snapshot = new Map();
  if (task) found.set(taskPath, JSON.stringify(task.data));
  for (const collection of ['engine', 'journal', 'messages', 'inbox']) {
    let after: string | undefined;
    for (;;) {
      const page = await store.list(`${taskPath}/${collection}`, {
        limit: 500,
        ...(after !== undefined && { after }),
      });
      for (const { path, data } of page) found.set(path, JSON.stringify(data));
      if (page.length < 500) break;
      after = page.at(-1)?.path.split('/').at(-1);
    }
  }
  return found;
}

/**
 * What was stored before is there unchanged: journal entries and messages as they were, in the task document every
 * field that the engine does not own. Lists of the plan are written as they were read, so where the store has told
 * another plan than it holds, the plan is not looked at.
 */
export function expectUnharmed(before: Snapshot, after: Snapshot, toldAnotherPlan = false): void {
  for (const [path, json] of before) {
    if (/\/(journal|messages)\/[^/]+$/.test(path)) expect(after.get(path), path).toBe(json);
    if (path === taskPath) {
      expect(foreign(after.get(path), toldAnotherPlan), path).toBe(foreign(json, toldAnotherPlan));
    }
  }
}

const ownOfTask = ['status', 'updated_at', 'started_at', 'completed_at'];
const ownOfProgress = ['overall_percentage', 'current_milestone', 'current_task'];
const ownOfMilestone = [
  'status',
  'progress',
  'tasks_completed',
  'tasks_total',
  'started_at',
  'started',
  'completed_at',
  'completed',
];
const ownOfItem = ['status', 'completed_at', 'completed_date'];

/** The document without the fields that the engine owns, as JSON text. */
function foreign(json: string | undefined, withoutPlan: boolean): string {
  const task = JSON.parse(json ?? 'null');
  if (withoutPlan) drop(task, ['progress']);
  drop(task, ownOfTask);
  drop(task?.execution, ['error', 'abort_reason']);
  const progress = task?.progress;
  drop(progress, ownOfProgress);
  drop(progress?.project, ['current_milestone', 'status']);
  drop(progress?.progress, ['overall']);
  for (const milestone of elements(progress?.milestones)) drop(milestone, ownOfMilestone);
  for (const items of Object.values(progress?.tasks ?? {})) {
    for (const item of elements(items)) drop(item, ownOfItem);
  }
  // What the engine owns may be the first thing in there.
  if (isNothing(progress?.progress)) drop(progress, ['progress']);
  if (isNothing(progress)) drop(task, ['progress']);
  if (isNothing(task?.execution)) drop(task, ['execution']);
  return JSON.stringify(task);
}

function elements(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isNothing(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

function drop(object: unknown, fields: string[]): void {
  if (typeof object !== 'object' || object === null) return;
  for (const field of fields) Reflect.deleteProperty(object, field);
}
