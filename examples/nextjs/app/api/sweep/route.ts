import { resumeUnfinished } from 'task-execution-engine/server';
import '@/lib/tasks';

export const dynamic = 'force-dynamic';

/** For a timer, with the secret as Bearer token: takes up the tasks that a crash has left. */
export const GET = resumeUnfinished({ secret: process.env.SWEEP_SECRET, limit: 10 });
