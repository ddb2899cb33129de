import { TaskLifecycle } from 'task-execution-engine';
import { failure } from '@/lib/failure';
import { userId } from '@/lib/tasks';

/** GET /tasks/ID says where the task stands. */
export async function GET(_request: Request, { params }: { params: Promise<{ id: string }> }) {
  try {
    return Response.json(await new TaskLifecycle((await params).id, userId).state());
  } catch (error) {
    return failure(error);
  }
}
