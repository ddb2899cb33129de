import { resumeUnfinished } from 'task-execution-engine/server';
import '@/lib/tasks';

export const dynamic = 'force-dynamic';

/** For a timer, with the secret as Bearer token: takes up the tasks that a crash has left. */
export function GET(request: Request): Promise<Response> | Response {
  const secret = process.env.SWEEP_SECRET;
  // Without a secret there is no sweep. It is not there while the app is built.
  if (!secret) return new Response(null, { status: 404 });
  return resumeUnfinished({ secret, limit: 10 })(request);
}
