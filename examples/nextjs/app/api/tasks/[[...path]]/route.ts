import { createTaskRoutes } from 'task-execution-engine/server';
import { userOf } from '@/lib/tasks';

export const dynamic = 'force-dynamic';
export const { GET, POST, PATCH, DELETE } = createTaskRoutes({ user: userOf });
