import type { Logger } from './types.js';

/** Writes a line where there is a logger. A logger that fails, or lacks the level, has nobody to tell. */
export function logTo(logger: Logger | undefined, level: keyof Logger, message: string): void {
  try {
    const written: unknown = logger?.[level](message);
    if (written instanceof Promise) written.catch(() => {});
  } catch {
    // as above
  }
}
