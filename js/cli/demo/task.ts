import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createTaskEngine } from '../../index.js';
import type { Task, TaskStore } from '../../types.js';
import { Quit } from '../exit.js';
import type { DemoOptions } from '../options.js';
import { sampleInput, samplePlan } from '../resources.js';
import { notebook } from './notes.js';
import { readPlan } from './plan.js';

export const userId = 'demo';

/** The store's one task, and where it works. */
export interface DemoTask {
  task: Task;
  isNew: boolean;
  /** Absolute paths. */
  input: string;
  report: string;
}

/**
 * The task that the store has, or a new one.
 *
 * @throws Quit where the options name files that cannot be used, or another task than the stored one
 */
export async function findOrCreateTask(
  store: TaskStore,
  options: DemoOptions,
  notesFile: string,
): Promise<DemoTask> {
  const plan = resolve(options.plan ?? samplePlan);
  const input = resolve(options.input ?? sampleInput);
  const read = options.plan === undefined ? undefined : readPlan(plan);
  if (options.input !== undefined) checkInput(input);

  const engine = createTaskEngine({ store });
  const [found] = await store.list(`users/${userId}/tasks`, { limit: 1 });
  if (found && !options.fresh) {
    const task = { ...found.data, id: found.path.split('/').at(-1) } as Task;
    const { working_directory: storedInput = '', metadata } = task;
    if (options.plan !== undefined && metadata?.plan !== plan) {
      throw otherTask(options.store, 'plan', metadata?.plan);
    }
    if (options.input !== undefined && storedInput !== input) {
      throw otherTask(options.store, 'input', storedInput);
    }
    if (task.status !== 'completed') checkInput(storedInput);
    return { task, isNew: false, input: storedInput, report: String(metadata?.report) };
  }
  const { title, description = '', milestones } = read ?? readPlan(plan);
  checkInput(input);
  if (found) await engine.persistence(found.path.split('/').at(-1) ?? '', userId).delete();
  await notebook(notesFile).clear();
  const report = resolve('report.md');
  const task = await engine.createTask(userId, {
    title,
    description,
    milestones: milestones.map(({ description = '', items, ...milestone }) => ({
      ...milestone,
      description,
      items: items.map(({ description = '', ...item }) => ({ ...item, description })),
    })),
    working_directory: input,
    metadata: { plan, report },
  });
  return { task, isNew: true, input, report };
}

function checkInput(folder: string): void {
  let isFolder = false;
  try {
    isFolder = statSync(folder).isDirectory();
  } catch (error) {
    throw new Quit(`The folder ${folder} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  if (!isFolder) throw new Quit(`${folder} is not a folder.`);
}

function otherTask(store: string, option: 'plan' | 'input', path: unknown): Quit {
  return new Quit(
    `The task in ${store} has another ${option} (${path}). ` +
      `Leave --${option} out to go on with it, begin again with --fresh, or name another --store.`,
  );
}
