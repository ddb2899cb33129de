import type { Task, TaskItem } from '@/schemas/task';

/** A task with items of these names in one milestone. */
export function taskWith(names: string[], more: Partial<Task> = {}): Task {
  const items = names.map(
    (name, i): TaskItem => ({ id: `item-${i + 1}`, name, description: '', status: 'not_started' }),
  );
  return {
    id: 'task-1',
    user_id: 'user-1',
    title: 'A task',
    description: 'What it is about.',
    status: 'not_started',
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    progress: {
      current_milestone: 'm1',
      current_task: 'item-1',
      overall_percentage: 0,
      milestones: [
        {
          id: 'm1',
          name: 'Only milestone',
          description: '',
          status: 'not_started',
          progress: 0,
          tasks_completed: 0,
          tasks_total: items.length,
        },
      ],
      tasks: { m1: items },
    },
    execution: { api_messages: [], task_messages: [], tool_results: [] },
    config: { system_prompt: 'Be brief.', auto_approve: true },
    ...more,
  };
}
