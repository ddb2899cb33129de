import type { Progress, TaskEvent } from '../../types.js';

/** The progress as it is once an item is done. */
export function advance(
  progress: Progress,
  { overall, item, milestone, items = [item.id] }: TaskEvent & { type: 'task:progress_update' },
): Progress {
  const tasks = Object.entries(progress.tasks).map(([id, group]) => [
    id,
    milestone === undefined || milestone.id === id
      ? group.map((each) => (items.includes(each.id) ? { ...each, status: item.status } : each))
      : group,
  ]);
  return {
    overall,
    milestones: progress.milestones.map((each) =>
      each.id === milestone?.id ? { ...each, ...milestone } : each,
    ),
    tasks: Object.fromEntries(tasks) as Progress['tasks'],
  };
}
