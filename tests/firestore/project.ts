import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';

/** An empty database of its own, on the emulator of the stage. */
export function emptyProject(): { projectId: string; host: string } {
  return { projectId: `p-${randomUUID()}`, host: inject('firestore') };
}
