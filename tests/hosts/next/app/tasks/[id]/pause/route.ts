import { TaskLifecycle } from 'task-execution-engine';
import { failure } from '@/lib/failure';
import { userId } from '@/lib/tasks';

/** POST /tasks/ID/pause pauses the task, whichever route or process runs it. */
export async function POST(_request: Request, { params }: { params: Promise<{ id: string }> }) {
  const task = new TaskLifecycle((await params).id, userId);
  try {
    await task.pause();
    return Response.json({ status: task.status });
  } catch (error) {
    return failure(error);
  }
}
