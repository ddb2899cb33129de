import { TaskExecutor, TaskLifecycle } from 'task-execution-engine';
import { failure } from '@/lib/failure';
import { streamOf } from '@/lib/stream';
import { userId } from '@/lib/tasks';

/** POST /tasks/ID/run begins the task or goes on with it, and streams what happens. */
export async function POST(_request: Request, { params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  try {
    await new TaskLifecycle(id, userId).start(); // also ends a pause, which run() by itself would respect
    const run = new TaskExecutor(id, userId).run();
    await run.started;
    return streamOf(run);
  } catch (error) {
    return failure(error);
  }
}
