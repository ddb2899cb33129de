import type { TaskStatus } from '../types.js';

/** What a client may change of a task. */
export interface TaskPatch {
  title?: string | undefined;
  description?: string | undefined;
  /** Paused pauses; in progress starts or resumes; others are stored as they are, which ends a run. */
  status?: TaskStatus | undefined;
  config?: Record<string, unknown> | undefined;
  metadata?: Record<string, unknown> | undefined;
}
