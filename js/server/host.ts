import { resolveHost } from '../api/config.js';
import { createTaskEngine, insideOf, type TaskEngine } from '../api/engine.js';
import type { TaskHost } from '../types.js';

/** An engine and what it works with. */
export interface Backend {
  engine: TaskEngine;
  host: TaskHost;
}

/**
 * The engine that was given, or one on what was configured.
 *
 * @throws TaskExecutionError NOT_CONFIGURED
 */
export async function backendFor(
  ids: { userId: string; taskId?: string },
  given: TaskEngine | undefined,
): Promise<Backend> {
  if (given === undefined) {
    const host = await resolveHost(ids);
    return { host, engine: createTaskEngine(host) };
  }
  return { host: insideOf(given).host, engine: given };
}
