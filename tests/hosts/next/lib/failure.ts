import { TaskExecutionError } from 'task-execution-engine';

const statuses: Record<string, number> = {
  TASK_NOT_FOUND: 404,
  INVALID_ARGUMENT: 400,
  INVALID_TRANSITION: 409,
  LEASE_HELD: 409,
};

/** What the engine refuses, as a response; anything else is thrown again. */
export function failure(error: unknown): Response {
  if (!TaskExecutionError.is(error)) throw error;
  return Response.json({ code: error.code, message: error.message }, { status: statuses[error.code] ?? 500 });
}
