import type { Progress, TaskEvent, TaskState } from '../types.js';

/** The plan after items of it were done. */
export function planAfter(
  plan: Progress | undefined,
  { overall, item, milestone, items = [] }: Extract<TaskEvent, { type: 'task:progress_update' }>,
): Progress | undefined {
  if (plan === undefined) return undefined;
  const done = new Set(items);
  const tasks = Object.entries(plan.tasks).map(([id, list]) => [
    id,
    list.map((each) => {
      if (each.id === item.id) return { ...each, ...item };
      return done.has(each.id) ? { ...each, status: 'completed' } : each;
    }),
  ]);
  return {
    overall,
    milestones: plan.milestones.map((each) => (each.id === milestone?.id ? { ...each, ...milestone } : each)),
    tasks: Object.fromEntries(tasks) as Progress['tasks'],
  };
}

/** The first open item in the order of the plan. */
export function openItem(plan: Progress | undefined): TaskState['item'] {
  for (const { id: milestoneId } of plan?.milestones ?? []) {
    const item = plan?.tasks[milestoneId]?.find(({ status }) => status !== 'completed');
    if (item !== undefined) return { id: item.id, name: item.name, milestoneId };
  }
  return undefined;
}

/** Whether the plan has the item: others may have written it since. */
export function hasItem(plan: Progress | undefined, id: string): boolean {
  return Object.values(plan?.tasks ?? {}).some((items) => items.some((item) => item.id === id));
}
