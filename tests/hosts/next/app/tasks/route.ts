import { createTask } from 'task-execution-engine';
import { userId } from '@/lib/tasks';

/** POST /tasks creates a task. */
export async function POST(): Promise<Response> {
  const task = await createTask(userId, { title: 'Order lunch for four people' });
  return Response.json({ id: task.id }, { status: 201 });
}
