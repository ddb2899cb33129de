import type { Milestone, Progress, TaskItem, TaskState } from '../types.js';

/** What an event of progress says: all of the plan, or what of it has changed. */
export interface PlanChange {
  progress?: Progress;
  overall?: number;
  item?: Partial<TaskItem> & { id: string };
  milestone?: Partial<Milestone> & { id: string };
  /** Items that others have completed. */
  items?: string[];
}

/** The plan after a change of it. */
export function planAfter(plan: Progress | undefined, change: PlanChange): Progress | undefined {
  if (change.progress !== undefined) return change.progress;
  if (plan === undefined) return undefined;
  const { overall = plan.overall, item, milestone, items = [] } = change;
  const done = new Set(items);
  const tasks = Object.entries(plan.tasks).map(([id, list]) => [
    id,
    list.map((each) => {
      if (each.id === item?.id) return { ...each, ...item };
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
