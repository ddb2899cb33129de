import type { Task } from '../../../js/types.js';

/** A task of the older shape with one milestone and items of these names. */
export function taskWith(items: string[], more: Partial<Task> = {}): Task {
  return {
    id: 't',
    user_id: 'u',
    title: 'A task',
    description: 'Do it.',
    status: 'not_started',
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    progress: {
      current_milestone: 'm',
      current_task: 'i1',
      overall_percentage: 0,
      milestones: [
        {
          id: 'm',
          name: 'Milestone',
          description: '',
          status: 'not_started',
          progress: 0,
          tasks_completed: 0,
          tasks_total: items.length,
        },
      ],
      tasks: {
        m: items.map((name, i) => ({
          id: `i${i + 1}`,
          name,
          description: '',
          status: 'not_started' as const,
        })),
      },
    },
    config: { system_prompt: 'Be brief.', auto_approve: true },
    ...more,
  };
}
