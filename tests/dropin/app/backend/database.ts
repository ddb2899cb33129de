import { memoryStore } from 'task-execution-engine';
import type { Task } from '../schemas/task.js';

/** What Firestore is to the real app. */
export const database = memoryStore();

export const userId = 'user-1';

/** Stores a task with items of these names. */
export async function addTask(id: string, items: string[], status: Task['status'] = 'not_started') {
  const now = new Date().toISOString();
  const task: Omit<Task, 'id'> = {
    user_id: userId,
    title: id,
    description: `The task ${id}.`,
    status,
    created_at: now,
    updated_at: now,
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
      tasks: {
        m1: items.map((name, i) => ({ id: `item-${i + 1}`, name, description: '', status: 'not_started' })),
      },
    },
    execution: { api_messages: [], task_messages: [], tool_results: [] },
    config: { system_prompt: 'Be brief.', auto_approve: true },
  };
  await database.commit([{ op: 'create', path: `users/${userId}/tasks/${id}`, data: task }]);
  return id;
}
