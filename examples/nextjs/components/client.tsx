'use client';

import type { ReactNode } from 'react';
import { taskClient } from 'task-execution-engine/client';
import { TaskProvider } from 'task-execution-engine/react';

const client = taskClient({ url: '/api/tasks' });

/** The client of all pages. */
export function Client({ children }: { children: ReactNode }) {
  return <TaskProvider client={client}>{children}</TaskProvider>;
}
