import type { NewTask, Task } from '../types.js';

/** A plan as `createTask` takes it, or fields of a task document as it is stored. */
export type TestTask = Partial<NewTask> | Partial<Task>;

/** The document of a task at `now`: what is not given is as `createTask` would have it. */
export function testTask(given: TestTask, now: number): Task {
  const { milestones, ...fields } = given as Partial<NewTask> & Partial<Task>;
  const at = new Date(now).toISOString();
  const { title = 'A task', description = '' } = fields;
  return {
    id: 'task',
    user_id: 'user',
    machine_id: 'default',
    working_directory: '',
    title,
    description,
    status: 'not_started',
    created_at: at,
    updated_at: at,
    progress: progressOf(title, description, milestones ?? [], at),
    execution: { api_messages: [], task_messages: [], tool_results: [] },
    ...fields,
    config: { system_prompt: '', auto_approve: true, ...fields.config },
  };
}

function progressOf(
  title: string,
  description: string,
  plan: NonNullable<NewTask['milestones']>,
  started: string,
): Task['progress'] {
  const milestones = plan.map(({ name, description = '', items }, m) => ({
    id: `milestone-${m + 1}`,
    name,
    description,
    status: 'not_started' as const,
    progress: 0,
    tasks_completed: 0,
    tasks_total: items.length,
  }));
  const tasks = plan.map(({ items }, m) => [
    `milestone-${m + 1}`,
    items.map(({ name, description = '' }, n) => ({
      id: `task-${m + 1}-${n + 1}`,
      name,
      description,
      status: 'not_started' as const,
    })),
  ]);
  return {
    project: {
      name: title,
      version: '0.1.0',
      started,
      status: 'not_started',
      current_milestone: milestones[0]?.id ?? '',
      description,
    },
    milestones,
    tasks: Object.fromEntries(tasks),
    documentation: {
      design_documents: 0,
      milestone_documents: 0,
      pattern_documents: 0,
      task_documents: 0,
      last_updated: started,
    },
    progress: { planning: 0, implementation: 0, testing: 0, documentation: 0, overall: 0 },
    recent_work: [],
    next_steps: [],
    notes: [],
    current_blockers: [],
  };
}
