import { configureTaskExecution, createTask } from 'task-execution-engine';
import { sqliteStore } from 'task-execution-engine/sqlite';
import { scriptedModel } from 'task-execution-engine/testing';

/** Creates a task with whatever is configured: no module that this route imports has done it. */
export async function POST(): Promise<Response> {
  const task = await createTask('ada', { title: 'Say who you are' });
  return Response.json({ id: task.id }, { status: 201 });
}

/** Configures another model for the whole process. */
export async function PUT(): Promise<Response> {
  configureTaskExecution({
    store: sqliteStore(process.env.TASKS_FILE ?? ''),
    model: scriptedModel(() => 'I am another model.'),
  });
  return new Response(null, { status: 204 });
}
